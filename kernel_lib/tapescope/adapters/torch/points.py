"""Breakpoints in a pass of PyTorch: at which of its nodes they stand, and what their conditions ask of PyTorch's gradients."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import torch

from ...debugger.plan import Plan
from ...debugger.points import Breakpoint, Measure
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


class TorchPlan(Plan[TorchWhere]):
    """The breakpoints that one pass of PyTorch may meet, by node."""

    measure = TorchMeasure

    def __init__(self, nodes: Sequence[Any], where: TorchWhere, found: Sequence[Breakpoint]) -> None:
        super().__init__([n for n in nodes if n._sequence_nr() < LEAF], [n for n in nodes if n._sequence_nr() >= LEAF], where, found)
        if any(b.when == "jump" for b in found):
            index = {n: i for i, n in enumerate(nodes)}
            self.key = lambda node: (index.get(node, -1), node.name())

    def at_node(self, b: Breakpoint, node: Any) -> bool:
        where = self.where
        return b.at_place(where.words(node), where.site(node), partial(where.module, node), _shape(node))

    def at_once(self, b: Breakpoint, node: Any) -> Hashable:
        """Named as the user wrote it, it pauses once for all the nodes that the call made."""
        if b.op is None:
            return None
        own = self.where.words(node)
        return None if b.at_op(words(label(own.node_name), own.node_name)) else self.where.op(node)[0]

    def names(self, leaf: Any) -> Iterable[str]:
        """A breakpoint may have been set before anybody knew the name."""
        return (self.where.parameter(leaf), unnamed(leaf.variable)) if hasattr(leaf, "variable") else ()


def _shape(node: Any) -> tuple[int, ...]:
    meta = node._input_metadata
    return tuple(meta[0].shape) if len(meta) else ()


def listening(points: Iterable[Breakpoint]) -> bool:
    """Whether somebody has to follow the forward pass, so that these breakpoints find their place."""
    return any(b.forward or b.exception or any(v is not None for v in (b.op, b.module, b.parameter, b.line)) for b in points)
