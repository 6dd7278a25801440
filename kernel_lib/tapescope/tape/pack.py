"""The parameters of one optimizer as one line of memory: their moments cost a few NumPy calls, however many they are."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .frame import Column
from .names import Param
from .reduce import EXACT, module_of, sample, segments, stride_of

AFTER, GRAD, UPDATE = range(3)


class Pack:
    """Three rows of all parameters: weights after, gradients, and the update (first the weights before).

    A parameter above 64k elements is there by a strided sample.
    """

    def __init__(self, tensors: list[Any], members: list[tuple[Param, Any]], optimizer: Any = None) -> None:
        self.optimizer = None if optimizer is None else weakref.ref(optimizer)
        self.of = [weakref.ref(t) for t in tensors]
        self.params = [p for p, _ in members]
        self.refs = [weakref.ref(t) for _, t in members]
        self.big = [(p, t) for p, t in members if t._array.size > EXACT]
        self.shapes = [t._array.shape for _, t in members]
        sizes = [int(t._array.size) for _, t in members]
        held = [n if stride_of(n) == 1 else len(range(0, n, stride_of(n))) for n in sizes]
        self.strided = [stride_of(n) > 1 for n in sizes]
        starts = np.concatenate([[0], np.cumsum(held)]).astype(np.intp)
        self.total = int(starts[-1])
        self.starts = starts[:-1]
        self.slices = [slice(int(a), int(z)) for a, z in zip(starts[:-1], starts[1:], strict=True)]
        self.starts3 = np.concatenate([self.starts + i * self.total for i in range(3)]).astype(np.intp)
        self.sizes3 = np.tile(np.array(sizes, np.float64), 3)
        self.keys = [np.array([getattr(p, k) for p in self.params], np.uint32) for k in ("key_weight", "key_grad", "key_update")]
        self.all_keys = np.concatenate(self.keys) if members else np.zeros(0, np.uint32)
        self.ratio_keys = [p.key_ratio for p in self.params]
        self.xp = module_of(members[0][1]._array) if members else np
        self.line = self.xp.zeros(3 * self.total, np.float32)
        self.have: Column = np.zeros(len(members), bool)
        self.moved = True
        self.matrix: Column | None = None
        self._known_before = False

    def stale(self, tensors: list[Any]) -> bool:
        """Whether the optimizer now holds other tensors, or some changed shape."""
        if len(tensors) != len(self.of):
            return True
        for ref, t in zip(self.of, tensors, strict=True):
            if ref() is not t:
                return True
        return [t._array.shape for r in self.refs if (t := r()) is not None] != self.shapes

    def _row(self, row: int) -> Any:
        return self.line[row * self.total:(row + 1) * self.total]

    def _gather(self, arrays: list[Any], row: int) -> None:
        if not arrays:
            return
        parts = [sample(a) if s else a.ravel() for a, s in zip(arrays, self.strided, strict=True)]
        if self.xp is np:
            np.concatenate(parts, out=self._row(row), casting="same_kind")
        else:
            self._row(row)[...] = self.xp.concatenate([p.astype(np.float32, copy=False) for p in parts])

    def _tensors(self) -> list[Any]:
        return [r() for r in self.refs]

    def before(self) -> None:
        """Before the optimizer's step: weights and gradients are copied."""
        tensors = self._tensors()
        self._gather([t._array for t in tensors], UPDATE)
        self._gradients(tensors)

    def _gradients(self, tensors: list[Any]) -> None:
        grads = [t._grad for t in tensors]
        if None in grads:
            self.have = np.array([g is not None for g in grads])
            self._gather([t._array if g is None else g._array for t, g in zip(tensors, grads, strict=True)], GRAD)
        else:
            self.have = np.ones(len(grads), bool)
            self._gather([g._array for g in grads], GRAD)

    def after(self) -> Column:
        """After it: moments of weights, gradients and updates, [3n, 10]."""
        self._gather([t._array for t in self._tensors()], AFTER)
        update = self._row(UPDATE)
        if self.xp is np:
            with np.errstate(all="ignore"):
                np.subtract(self._row(AFTER), update, out=update)
        else:
            update[...] = self._row(AFTER) - update
        self.moved = True
        return self._measure()

    def by_hand(self) -> None:
        """Without an optimizer: what a backward has left; the update is the change of the weights since the last time."""
        tensors = self._tensors()
        before = self._row(AFTER).copy()
        self._gather([t._array for t in tensors], AFTER)
        self._gradients(tensors)
        with np.errstate(all="ignore"):
            self._row(UPDATE)[...] = self._row(AFTER) - before
        self.moved = self._known_before
        self._known_before = True
        self.matrix = self._measure()

    def _measure(self) -> Column:
        return segments(self.line, self.starts3, self.sizes3) if self.total else np.zeros((0, 10), np.float32)

    def rows(self, matrix: Column) -> tuple[Column, Column]:
        """Keys and moments to write: gradients only where there are any."""
        n = len(self.params)
        keep = np.concatenate([np.ones(n, bool), self.have, np.full(n, self.moved)])
        return (self.all_keys, matrix) if keep.all() else (self.all_keys[keep], matrix[keep])

    def ratios(self, matrix: Column) -> list[tuple[int, float]]:
        """norm(update) / norm(weight) per parameter."""
        if not self.moved or not len(matrix):
            return []
        n = len(self.params)
        with np.errstate(all="ignore"):
            ratio = matrix[2 * n:, 4] / matrix[:n, 4]
        return [(k, r) for k, r, h in zip(self.ratio_keys, ratio.tolist(), self.have.tolist(), strict=True) if h]

    def parts(self) -> list[tuple[int, Any]]:
        """(key, elements) of every row that `rows` writes; for histograms."""
        found = []
        for row in range(3):
            line = self._row(row)
            for i, s in enumerate(self.slices):
                if (row != GRAD or self.have[i]) and (row != UPDATE or self.moved):
                    found.append((int(self.keys[row][i]), line[s]))
        return found

    def bad(self, matrix: Column) -> list[Param]:
        """Parameters whose weights hold a value that is not finite, as far as the line shows."""
        n = len(self.params)
        rows = matrix[:n]
        return [self.params[i] for i in np.flatnonzero((rows[:, 5] > 0) | (rows[:, 6] > 0) | ~np.isfinite(rows[:, 4]))]
