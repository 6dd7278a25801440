"""The longer parameters of a pack, in host memory: measured one by one, where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frame import Column
from .reduce import Odd, energy, histogram, sample, stride_of, tally_one


class Longs:
    """Each of them fits the cache, all of them together do not: a gradient is measured as it arrives and a weight where it is. Held are only
    the weights that the next step starts from.

    Histograms of gradients and updates are therefore made on the way, where they are asked for.
    Columns of a tally: weights, gradients, updates, `n` of each. A parameter above 64k elements is there by a strided sample.
    """

    def __init__(self, sizes: list[int]) -> None:
        self.n = len(sizes)
        self.strides = [stride_of(s) for s in sizes]
        self.held = [len(range(0, s, d)) for s, d in zip(sizes, self.strides, strict=True)]
        self.sizes = [float(s) for s in sizes]
        self.known = [np.zeros(h, np.float32) for h in self.held]          # the weights before the step
        self.move = np.zeros(max(self.held, default=0), np.float32)        # of one of them: what is used again and again stays in the cache
        self.raw = np.zeros((6, 3 * self.n), np.float32)
        self.odd: Odd = {}
        self.grads: list[tuple[int, Column]] = []                          # histograms
        self.moves: list[tuple[int, Column]] = []

    def _line(self, i: int, array: Any, order: Any = "C") -> Any:
        line = array.ravel(order) if self.strides[i] == 1 else sample(array)
        if line.size != self.held[i]:
            raise ValueError("another size than it had")
        return np.ascontiguousarray(line, np.float32)

    def _tally(self, column: int, line: Any, size: float, count: bool) -> None:
        exact = tally_one(line, size, self.raw[:, column], count)
        if exact is not None:
            self.odd[column] = exact
        elif self.odd:
            self.odd.pop(column, None)

    def start(self, weights: list[Any]) -> None:
        """The weights before a step."""
        for i, w in enumerate(weights):
            self.known[i][:] = self._line(i, w)

    def gradients(self, arrays: list[Any], count: bool, histograms: bool) -> list[float]:
        """Measures gradients as they lie in memory, and returns their squared norms, exact whatever their size; None has none: 0."""
        energies: list[float] = []
        n = self.n
        self.grads = []
        for i, a in enumerate(arrays):
            if a is None:
                self.raw[:, n + i] = 0
                self.odd.pop(n + i, None)
                energies.append(0.0)
                line = np.zeros(0, np.float32)
            else:
                line = self._line(i, a, "K")
                self._tally(n + i, line, self.sizes[i], count)
                energies.append(float(self.raw[1, n + i]) if self.strides[i] == 1 and a.dtype == np.float32 else float(energy(a)))
            if histograms:
                self.grads.append(histogram(line))
        return energies

    def after(self, weights: list[Any], count: bool, histograms: bool) -> None:
        """Measures the weights after the step, and the update."""
        self.moves = []
        for i, w in enumerate(weights):
            line, before = self._line(i, w), self.known[i]
            move = np.subtract(line, before, out=self.move[:self.held[i]])
            self._tally(2 * self.n + i, move, self.sizes[i], count)
            self._tally(i, line, self.sizes[i], count)
            before[:] = line
            if histograms:
                self.moves.append(histogram(move))

    def histograms(self) -> list[tuple[int, Column]]:
        """Of weights, gradients and updates."""
        return [*map(histogram, self.known), *self.grads, *self.moves]
