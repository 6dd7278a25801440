"""Breakpoints in a pass of PyTorch: at which of its nodes they stand, and what their conditions ask of PyTorch's gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from ...debugger.points import Breakpoint, Measure
from ...debugger.watch import Plan
from .arrays import Away, array_of, quietly
from .nodes import LEAF
from .structure import label
from .where import TorchWhere, unnamed, words


class TorchMeasure(Measure):
    """What conditions ask of some gradients; where NumPy does not see them it is worked out on their device."""

    __slots__ = ("tensors",)

    def __init__(self, values: Sequence[Any]) -> None:
        with quietly():
            self.tensors = [v.detach() for v in values if v is not None]
        super().__init__([array_of(t) for t in self.tensors])
        if any(type(a) is Away for a in self.values):
            with quietly(), torch.no_grad():
                dense = [t.to_dense() if t.layout != torch.strided else t for t in self.tensors]
                self._energy = sum(float(t.abs().float().square().sum()) for t in dense)

    @property
    def nonfinite(self) -> bool:
        with quietly(), torch.no_grad():
            return any(not bool((t.to_dense() if t.layout != torch.strided else t).isfinite().all()) for t in self.tensors)

    @property
    def any(self) -> bool:
        with quietly(), torch.no_grad():
            return any(bool((t.to_dense() if t.layout != torch.strided else t).any()) for t in self.tensors)


class TorchPlan(Plan):
    """The breakpoints that one pass of PyTorch may meet, by node."""

    where: TorchWhere  # type: ignore[assignment]
    measure = TorchMeasure

    def __init__(self, nodes: Sequence[Any], where: TorchWhere, found: Sequence[Breakpoint]) -> None:
        leaves = [n for n in nodes if n._sequence_nr() >= LEAF]
        super().__init__([n for n in nodes if n._sequence_nr() < LEAF], leaves, where, found)  # type: ignore[arg-type]
        self.recent = None
        if any(b.when == "jump" for b in found):
            index = {n: i for i, n in enumerate(nodes)}
            self.key = lambda node: (index.get(node, -1), node.name())

    def _place(self, order: Sequence[Any], leaves: list[Any], placed: list[Breakpoint]) -> None:
        where = self.where
        for b in placed:
            if b.parameter is None:
                nth, calls = 0, set()
                for n in order:
                    shape, own = _shape(n), where.words(n)
                    if not b.at_place(own, where.site(n), lambda n=n: where.module(n), shape):  # type: ignore[misc]
                        continue
                    if b.op is not None and not b.at_op(words(label(own.node_name), own.node_name)):
                        op = where.op(n)[0]                     # named as the user wrote it: once for all the nodes that it made
                        if op in calls:
                            continue
                        calls.add(op)
                    nth += 1
                    if b.nth is not None and nth != b.nth + 1:
                        continue
                    self.at.setdefault(n, []).append(b)
                    if b.op is None and b.line is None and not b.conditional and b.shape is None:
                        break                                   # a module: where the pass comes into it
            if b.parameter is not None or (b.op is None and b.line is None and b.conditional):
                for n in leaves:
                    if not hasattr(n, "variable"):
                        continue
                    names = (where.parameter(n), unnamed(n.variable))       # a breakpoint may have been set before anybody knew the name
                    if any(b.at_place(_LEAF, None, lambda n=n: where.module(n), tuple(n.variable.shape), name) for name in names):  # type: ignore[misc]
                        self.at.setdefault(n, []).append(b)


_LEAF = words("AccumulateGrad", "AccumulateGrad")


def _shape(node: Any) -> tuple[int, ...]:
    meta = node._input_metadata
    return tuple(meta[0].shape) if len(meta) else ()


def listening(points: Iterable[Breakpoint]) -> bool:
    """Whether somebody has to follow the forward pass, so that these breakpoints find their place."""
    return any(b.forward or b.exception or any(v is not None for v in (b.op, b.module, b.parameter, b.line)) for b in points)
