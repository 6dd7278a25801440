"""Forward values of a graph of PyTorch after the fact: what nodes still hold, and what can be computed again from that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from .arrays import quietly
from .functions import MISSING
from .nodes import LEAF
from .rerun import Forward, Unknown, forwards, output, saved


class Known:
    """Outputs of nodes and values of operands. What is in place no more, or never was, is None."""

    def __init__(self, nodes: Iterable[Any]) -> None:
        self._held: dict[tuple[Any, int], Any] = {}
        self._forwards: dict[Any, list[Forward]] = {}
        self._made: dict[Any, tuple[Any, ...] | None] = {}
        with quietly():
            for n in nodes:
                if n._sequence_nr() >= LEAF:
                    continue
                for name, value in saved(n).items():            # a tensor that is saved knows what made it
                    for t in value if isinstance(value, (tuple, list)) else (value,):
                        if isinstance(t, torch.Tensor) and t.grad_fn is not None and not name.startswith(("result", "output")):
                            self._held.setdefault((t.grad_fn, t.output_nr), t.detach())

    def forwards(self, node: Any) -> list[Forward]:
        """What the forward of a node may have been; none where that cannot be told."""
        found = self._forwards.get(node)
        if found is None:
            try:
                found = forwards(node)
            except Unknown:
                found = []
            self._forwards[node] = found
        return found

    def held(self, node: Any, nr: int = 0) -> Any:
        """An output that somebody still holds."""
        if hasattr(node, "variable"):
            return node.variable.detach()
        found = self._held.get((node, nr))
        if found is None:
            with quietly():
                found = output(node, nr)
            if found is not None:
                found = self._held[node, nr] = found.detach()
        return found

    def of(self, node: Any, nr: int = 0) -> Any:
        """An output, computed again where nobody holds it; None where that is impossible."""
        found = self.held(node, nr)
        if found is not None:
            return found
        stack = [node]
        while stack:                                            # deeper than Python's own stack
            n = stack[-1]
            if n in self._made or n._sequence_nr() >= LEAF:
                stack.pop()
                continue
            missing = [] if not self.forwards(n) else [m for i, (m, k) in enumerate(n.next_functions) if m is not None and self._own(n, i) is None
                                                       and m not in self._made and self.held(m, k) is None]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            self._made[n] = self._run(n)
        made = self._made.get(node)
        return None if made is None or nr >= len(made) else made[nr]

    def operands(self, node: Any) -> list[Any]:
        """The values of a node's operands."""
        return [self.operand(node, i) for i in range(len(node.next_functions))]

    def operand(self, node: Any, i: int) -> Any:
        """Operand i: saved, held by somebody else, or computed again."""
        own = self._own(node, i)
        if own is not None:
            return own
        m, nr = node.next_functions[i]
        return None if m is None else self.of(m, nr)

    def _own(self, node: Any, i: int) -> Any:
        """Operand i as the node itself holds it."""
        for f in self.forwards(node)[:1]:
            value = f.operand(i)
            if isinstance(value, torch.Tensor):
                return value.detach()
        return None

    def _run(self, node: Any) -> tuple[Any, ...] | None:
        operands: list[Any] = []
        for i, (m, nr) in enumerate(node.next_functions):
            value = self._own(node, i)
            if value is None and m is not None:
                made = self._made.get(m)
                value = self.held(m, nr)
                value = made[nr] if value is None and made is not None and nr < len(made) else value
            operands.append(value)
        shape = tuple(node._input_metadata[0].shape)
        for f in self.forwards(node):
            given = [f.operand(i) if v is None else v for i, v in enumerate(operands)]
            if any(v is MISSING for v in given):
                continue
            try:
                with quietly(), torch.no_grad():
                    outs = f.run(given)
            except Exception:                                   # another one may be it
                continue
            if outs and tuple(outs[0].shape) == shape:
                return outs
        return None
