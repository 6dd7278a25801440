"""Forward values of a graph after the fact: what nodes and their consumers still hold, and what can be computed again from that."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.node import AccumulateGrad, Node, meta_of
from ..core.op import Op
from ..core.tensor import Tensor
from .kept import dice, throw_again

RESHAPES = ("squeeze", "unsqueeze", "view_copy", "unsafe_view")      # the same numbers in the shape of the result, whatever their parameters were
SHAPES: dict[str, Any] = {"keepdim": (False, True), "shape": lambda n: (tuple(n.shape),), "size": lambda n: tuple(tuple(n.shape[-k:]) for k in (len(n.shape), 1, 2, 3)), "dim": lambda n: (0,) if n.op.name.startswith(RESHAPES) else (),
                          "dims": lambda n: ((),) if n.op.name.startswith(RESHAPES) else ()}


class Values:
    """Outputs of nodes and values of operands. What is in place no more, or never was, is None."""

    def __init__(self, order: Iterable[Node]) -> None:
        self._held: dict[tuple[Node, int], Any] = {}
        self._made: dict[Node, Any] = {}
        for n in order:
            if n.saved.__class__ is not tuple:
                continue
            for entry in n.saved:
                if isinstance(entry, tuple) and len(entry) > 1 and isinstance(entry[0], Tensor) and entry[0]._node is not None and _fresh(entry[0], entry[1]):
                    self._held[entry[0]._node, entry[0]._nr] = entry[0]._array
            plan = n.plan
            if plan is None:
                for t, version, storage, array in n.saved:      # an output of a user's Function, when it was saved
                    if t is None and array is not None and storage.version == version and array.shape == n.shape and (n.extra is None or n.extra.outs is None):
                        self._held[n, 0] = array
            elif plan.saves_output:
                array, version, storage = n.saved[plan.tensors_saved]
                many = isinstance(array, tuple)
                for i, (a, v, s) in enumerate(zip(array, version, storage, strict=True) if many else ((array, version, storage),)):
                    if s.version == v:
                        self._held[n, i] = a

    def held(self, node: Node, nr: int = 0) -> Any:
        """An output that somebody still holds."""
        return node.variable._array if isinstance(node, AccumulateGrad) else self._held.get((node, nr))

    def of(self, node: Node, nr: int = 0) -> Any:
        """An output, computed again where nobody holds it; None where that is impossible."""
        found = self.held(node, nr)
        if found is not None:
            return found
        stack = [node]
        while stack:                                            # deeper than Python's own stack
            n = stack[-1]
            if n in self._made or isinstance(n, AccumulateGrad):
                stack.pop()
                continue
            missing = [m for m, k in zip(n.next, n.nrs, strict=True) if m is not None and self.held(m, k) is None and m not in self._made]
            if missing and n.plan is not None and not self._hopeless(n):
                stack.extend(missing)
                continue
            stack.pop()
            self._made[n] = self._run(n)
        made = self._made.get(node)
        return None if made is None else made[nr] if isinstance(made, tuple) else made

    def operand(self, node: Node, i: int) -> Any:
        """The value of operand i: saved, held by somebody else, or computed again."""
        saved = self.saved_operand(node, i)
        if saved is not None:
            return saved
        m = node.next[i] if i < len(node.next) else None
        return None if m is None else self.of(m, node.nrs[i])

    def saved_operand(self, node: Node, i: int) -> Any:
        """Operand i as the node itself holds it."""
        plan = node.plan
        if plan is None:
            given = getattr(node, "_given", ())
            where = getattr(node, "_where", ())
            t = given[where[i]]() if i < len(where) and given else None
            return None if t is None else t._array
        if node.saved.__class__ is not tuple or i not in plan.tensors:
            return None
        entry = node.saved[plan.tensors.index(i)]
        if not isinstance(entry[0], Tensor):
            return entry[0]
        return entry[0]._array if _fresh(*entry) else None

    def params(self, node: Node) -> tuple[Any, ...] | None:
        """The parameters of a node's op, in order, where it holds them or its shape tells them; else None."""
        ways = self.ways(node, SHAPES)
        return next(iter(ways), None)

    def ways(self, node: Node, stand_ins: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What the parameters of a node's op may have been: those that it holds, and stand-ins for the others; none where there is no stand-in."""
        op, plan = node.op, node.plan
        if plan is None or node.saved.__class__ is not tuple:
            return []
        by_name = dict(zip(plan.names[-len(plan.others):], node.saved[-len(plan.others):], strict=True)) if plan.others else {}
        choices = []
        for p in op.params:
            if p in by_name:
                choices.append((by_name[p],))
            elif p in stand_ins:
                choices.append(stand_ins[p](node) if callable(stand_ins[p]) else stand_ins[p])
            else:
                return []
        return list(itertools.product(*choices))

    def _hopeless(self, node: Node) -> bool:
        return self.params(node) is None or any(m is None and self.saved_operand(node, i) is None for i, m in enumerate(node.next))

    def _run(self, node: Node) -> Any:
        if node.plan is None or self._hopeless(node):
            return None
        operands = [self.operand_now(node, i) for i in range(len(node.next))]
        if any(o is None for o in operands):
            return None
        for params in self.ways(node, SHAPES):
            try:
                result, _ = forward(node.op, operands, params, node.shape)
            except Exception:                                   # another way may be the one
                continue
            if np.shape(result[0] if isinstance(result, tuple) else result) == tuple(node.shape):
                return result
        return None

    def operand_now(self, node: Node, i: int) -> Any:
        """Operand i without computing anything more than has been."""
        saved = self.saved_operand(node, i)
        if saved is not None:
            return saved
        m = node.next[i]
        if m is None:
            return None
        found = self.held(m, node.nrs[i])
        if found is None:
            made = self._made.get(m)
            found = made[node.nrs[i]] if isinstance(made, tuple) else made
        return found

    def shape_of(self, node: Node, i: int) -> tuple[int, ...] | None:
        """The shape of operand i, which is known of everything that needs a gradient."""
        m = node.next[i] if i < len(node.next) else None
        if m is not None:
            return tuple(meta_of(m, node.nrs[i])[0])
        saved = self.saved_operand(node, i)
        if saved is not None:
            return tuple(np.shape(saved))
        plan = node.plan
        name = node.op.operands[i] + "_shape" if plan is not None and i < len(node.op.operands) else ""
        return tuple(node.saved[plan.names.index(name)]) if plan is not None and name in plan.names else None


def _fresh(t: Tensor, version: Any) -> bool:
    return version is None or t._storage is None or bool(t._storage.version == version)


def forward(op: Op, operands: list[Any], params: tuple[Any, ...], shape: tuple[int, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """An op's forward on arrays: its result and its auxiliary results. Random numbers are what they were afterwards. `shape` is that of the result."""
    if op.name.startswith(RESHAPES) and len(operands) == 1:
        return operands[0].reshape(shape), ()
    state = dice()
    try:
        with np.errstate(all="ignore"):
            result = op.forward(operands, *params) if op.variadic else op.forward(*operands, *params)
    finally:
        throw_again(state)
    if op.aux:
        return result[0], tuple(result[1:])
    return result, ()
