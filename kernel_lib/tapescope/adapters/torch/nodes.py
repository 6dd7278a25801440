"""The grad_fn graph behind PyTorch's tensors, as the tape knows nodes. One op may own several."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .recorder import TorchRecorder

LEAF = 1 << 62                     # AccumulateGrad is numbered above everything
_number = itemgetter(0)


class NodeStub:
    """A node by its number, name and edges; nothing of it is kept."""

    __slots__ = ("label", "next", "seq")

    def __init__(self, seq: int, label: str, nexts: list[Any]) -> None:
        self.seq, self.label, self.next = seq, label.rpartition("::")[2], nexts

    def name(self) -> str:
        return self.label


class LeafStub:
    """An AccumulateGrad."""

    __slots__ = ("variable",)

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        return "AccumulateGrad"


class OpNode:
    """The nodes of one call, looked for when the structure is new: those numbered from `first` on that its outputs lead to."""

    __slots__ = ("_inner", "_last", "first", "inputs", "outs", "recorder", "seq")

    def __init__(self, recorder: TorchRecorder, first: int, inputs: tuple[Any, ...], outs: list[Any]) -> None:
        self.recorder, self.first, self.inputs, self.outs = recorder, first, inputs, outs
        self.seq = -2 - first                  # never that of a node
        self._last: Any = None

    @property
    def inner(self) -> list[NodeStub]:
        """All but the last, operands first."""
        self._find()
        return self._inner

    @property
    def next(self) -> list[Any]:
        self._find()
        return self._last.next  # type: ignore[no-any-return]

    def name(self) -> str:
        self._find()
        return str(self._last.label)

    def _find(self) -> None:
        if self._last is not None:
            return
        first, roots = self.first, [n for t in self.outs if (n := t.grad_fn) is not None]
        stubs: dict[Any, Any] = dict.fromkeys(roots)           # several outputs may come of one node
        mine: list[tuple[int, Any, list[Any]]] = []
        outside: dict[Any, int] = {}
        stack = list(stubs)
        while stack:
            n = stack.pop()
            seq = n._sequence_nr()
            if first <= seq < LEAF:
                nexts = [m for m, _ in n.next_functions]
                mine.append((seq, n, nexts))
                for m in nexts:
                    if m is not None and m not in stubs:
                        stubs[m] = None
                        stack.append(m)
            else:
                outside[n] = seq
        mine.sort(key=_number)
        for seq, n, _ in mine:
            stubs[n] = NodeStub(seq, n.name(), [])
        for _, n, nexts in mine:
            stubs[n].next = [None if m is None else self._outside(m, outside[m], stubs) if m in outside else stubs[m] for m in nexts]
        order = [stubs[n] for _, n, _ in mine]
        if order:
            self._last, self._inner = order[-1], order[:-1]
        else:                                  # handed through from an earlier op
            self._inner = []
            self._last = NodeStub(self.seq, roots[0].name() if roots else "", [self._outside(n, outside[n], stubs) for n in roots])

    def _outside(self, n: Any, seq: int, stubs: dict[Any, Any]) -> Any:
        if stubs[n] is not None:
            return stubs[n]
        if seq >= LEAF:
            found: Any = LeafStub(self.recorder.mirrors.of(n.variable)) if hasattr(n, "variable") else None
        else:
            row = self.recorder.row_of(seq)
            if row is None:
                seq = -2 - seq                 # of no op that was seen: it gets a row of its own, with no owner
            else:
                self.recorder.rows[seq] = row
            found = NodeStub(seq, n.name(), [])
        stubs[n] = found
        return found

    def offsets(self, rows: dict[int, int]) -> dict[int, int]:
        """Rows of the nodes by their distance from the first number of the call."""
        self._find()
        return {n.seq - self.first: rows[n.seq] for n in self._inner}


def walk(roots: list[Any]) -> tuple[list[tuple[Any, int]], list[Any]]:
    """Every node that the roots lead to, with its number, and the leaves' AccumulateGrad."""
    seen = {n for n in roots if n is not None}
    stack = list(seen)
    nodes: list[tuple[Any, int]] = []
    leaves: list[Any] = []
    while stack:
        n = stack.pop()
        seq = n._sequence_nr()
        if seq >= LEAF:
            if hasattr(n, "variable"):
                leaves.append(n)
            continue
        nodes.append((n, seq))
        for m, _ in n.next_functions:
            if m is not None and m not in seen:
                seen.add(m)
                stack.append(m)
    return nodes, leaves


def roots_of(outputs: Any) -> list[Any]:
    """Nodes of tensors and gradient edges."""
    found = []
    for t in outputs:
        if isinstance(t, torch.Tensor):
            if t.grad_fn is not None:
                found.append(t.grad_fn)
            elif t.requires_grad:
                found.append(torch.autograd.graph.get_gradient_edge(t).node)
        elif getattr(t, "node", None) is not None:
            found.append(t.node)
    return found
