"""A softmax over many classes that looks closely at the frequent ones only."""
# mypy: no-warn-return-any

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from ...ops.api_shape import cat
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(class) where classes before the first of `cutoffs` have a row of the head each, and those between two cutoffs share one and have rows of
    their own in a tail of fewer features. Grave et al., 2017. Returns (log-probabilities of the targets, loss)."""

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False, device: Any = None,
                 dtype: Any = None) -> None:
        super().__init__()
        given = list(cutoffs)
        if not given:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if given != sorted(set(given)) or given[0] <= 0 or given[-1] > n_classes - 1 or any(int(c) != c for c in given):
            raise ValueError("cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between 1 and n_classes-1")
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*given, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = given[0], len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, width, bias=False, **where), Linear(width, high - low, bias=False, **where)))

    def reset_parameters(self) -> None:
        """Draws all weights afresh."""
        for layer in (self.head, *(part for tail in self.tail for part in tail)):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Input (N, features) and target (N), or (features) and ()."""
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target_.ndim and input_.shape[0] != target_.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input_.ndim != target_.ndim + 1:
            raise RuntimeError(f"{target_.ndim}D target tensor expects {target_.ndim + 1}D input tensors, but found inputs with size {input_.size()}")
        input, target = (input_, target_) if target_.ndim else (input_.unsqueeze(0), target_.unsqueeze(0))
        low, high = int(target.min().item()), int(target.max().item())
        if low < 0 or high >= self.n_classes:
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range [{low}, {high}] were found. ")
        output, of_head = input.new_zeros(target.shape[0]), target
        for i, (start, stop) in enumerate(itertools.pairwise(self.cutoffs)):
            rows = target.ge(start).logical_and(target.lt(stop)).nonzero().reshape(-1)
            if not rows.numel():
                continue
            of_head = of_head.index_fill(0, rows, self.shortlist_size + i)
            inside = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
            output = output.index_copy(0, rows, inside.gather(1, (target.index_select(0, rows) - start).unsqueeze(1)).squeeze(1))
        output = output + F.log_softmax(self.head(input), dim=1).gather(1, of_head.unsqueeze(1)).squeeze(1)
        return _ASMoutput(output if target_.ndim else output.squeeze(0), (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities (N, classes) of all classes."""
        return self._full(input, self.head(input))

    def _full(self, input: Tensor, head: Tensor) -> Tensor:
        head = F.log_softmax(head, dim=1)
        n = self.shortlist_size
        return cat([head[:, :n], *(F.log_softmax(tail(input), dim=1) + head[:, n + i:n + i + 1] for i, tail in enumerate(self.tail))], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row; tails are asked only where the head says so."""
        head = self.head(input)
        found = head.argmax(dim=1)
        rows = found.ge(self.shortlist_size).nonzero().reshape(-1)
        if rows.numel():
            found = found.index_copy(0, rows, self._full(input.index_select(0, rows), head.index_select(0, rows)).argmax(dim=1))
        return found
