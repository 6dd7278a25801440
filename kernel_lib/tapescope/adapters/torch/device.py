"""Statistics of tensors that lie on a device, worked out there by PyTorch. Nothing is read while a step goes on; when it ends, all of it at once.

All of it is PyTorch's own arithmetic, the same on any device that it knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ...tape.frame import Column
from ...tape.names import Param
from ...tape.pack import AFTER, GRAD, UPDATE, WAIT, Pack
from ...tape.reduce import BINS, ORDER, stride_of
from .arrays import quietly

ROW = 256                          # elements that are reduced together first: segments begin at multiples
_TINY = float(np.finfo(np.float32).tiny)


class Waiting:
    """Numbers on devices that somebody wants to know when the step ends."""

    def __init__(self) -> None:
        self._items: list[tuple[Any, Callable[[Column], None]]] = []

    def add(self, numbers: Any, tell: Callable[[Column], None]) -> None:
        """`tell` gets the numbers as an array of one axis."""
        self._items.append((numbers.detach().reshape(-1), tell))

    def settle(self) -> None:
        """One transfer a device; then everybody is told, in the order in which they asked."""
        items, self._items = self._items, []
        if not items:
            return
        found: dict[int, Column] = {}
        with quietly(), torch.no_grad():
            for device in dict.fromkeys(n.device for n, _ in items):
                part = [(i, n) for i, (n, _) in enumerate(items) if n.device == device]
                read = torch.cat([n.float() for _, n in part]).cpu().numpy()
                ends = np.cumsum([n.numel() for _, n in part])
                found |= {i: read[e - n.numel():e] for (i, n), e in zip(part, ends.tolist(), strict=True)}
        for i, (_, tell) in enumerate(items):
            tell(found[i])


def magnitude(t: Any) -> Any:
    """The largest absolute value, on the device: finite exactly when every element is."""
    return torch.linalg.vector_norm(t, math.inf)


def magnitudes(tensors: Sequence[Any]) -> Any:
    """The same of many tensors."""
    return torch.stack([n.float() for n in torch._foreach_norm(list(tensors), math.inf)])


def norms(tensors: Sequence[Any]) -> Any:
    """Euclidean norms of many tensors, in float32 at least."""
    wide = [t if t.dtype.itemsize >= 4 else t.float() for t in tensors]
    return torch.stack([n.float() for n in torch._foreach_norm(wide, 2)])


def line_of(t: Any, stride: int = 1, first: int = 0) -> Any:
    """Every `stride`-th element of a tensor, in one dimension."""
    line = t.detach().reshape(-1)
    return line if stride == 1 else line[first::stride]


class Segments:
    """Pieces of one line on a device, measured all at once. Each begins at a multiple of ROW: rows are reduced first, then the rows of a piece."""

    def __init__(self, lengths: Sequence[int], sizes: Sequence[float], device: Any) -> None:
        self.lengths = list(lengths)
        rows = [max(-(-n // ROW), 1) for n in self.lengths]
        self.n, self.rows = len(rows), sum(rows)
        self.exact = torch.float32 if device.type == "mps" else torch.float64
        self.many = torch.tensor(rows, device=device)
        self.of = torch.repeat_interleave(torch.arange(self.n, device=device), self.many, output_size=self.rows)          # the piece that a row belongs to
        held = torch.tensor(self.lengths, device=device)
        inside = torch.arange(self.rows * ROW, device=device).view(-1, ROW) - ((self.many.cumsum(0) - self.many) * ROW)[self.of, None]
        self.valid = inside < held[self.of, None]
        self.sizes = torch.tensor(sizes, dtype=self.exact, device=device)
        self.scale = self.sizes / held.clamp(min=1)
        self._gaps = [torch.zeros(r * ROW - n, dtype=torch.float32, device=device) for r, n in zip(rows, self.lengths, strict=True)]

    def new(self) -> Any:
        """Memory for the line."""
        return torch.zeros(self.rows * ROW, dtype=torch.float32, device=self.valid.device)

    def gather(self, parts: Sequence[Any], out: Any) -> None:
        """Writes the pieces into the line; ValueError where one has another length than it had."""
        if [p.numel() for p in parts] != self.lengths:
            raise ValueError("another size than it had")
        torch.cat([x for p, gap in zip(parts, self._gaps, strict=True) for x in (p.to(out), gap)], out=out)

    def _over(self, rows: Any, how: str = "sum") -> Any:
        return torch.segment_reduce(rows, how, lengths=self.many, unsafe=True)

    def moments(self, line: Any) -> Any:
        """The ten MOMENTS of every piece [n, 10], on the device: mean, deviation, least, greatest and norm are those of the finite elements."""
        x = line.view(-1, ROW)
        good = x.isfinite() & self.valid
        clean = torch.where(good, x, 0).to(self.exact)
        small = (x.abs() < _TINY) & self.valid
        nan, zero = x.isnan() & self.valid, (x == 0) & self.valid
        bad = self.valid & ~good
        sums = self._over(torch.stack([clean.sum(1), (clean * clean).sum(1), *(m.sum(1).to(self.exact) for m in (good, nan, bad, zero, small))], 1))
        total, squares, finite, nans, bads, zeros, smalls = sums.unbind(1)
        mean = total / finite                                  # NaN where none is finite
        away = torch.where(good, clean - mean[self.of, None], 0)
        spread = self._over((away * away).sum(1))
        low = self._over(torch.where(good, x, math.inf).amin(1), "min")
        high = self._over(torch.where(good, x, -math.inf).amax(1), "max")
        none = finite == 0
        s = self.scale
        return torch.stack([mean, (spread / finite).sqrt(), torch.where(none, math.nan, low), torch.where(none, math.nan, high), (squares * s).sqrt(), nans * s,
                            (bads - nans) * s, zeros * s, (smalls - zeros) * s, self.sizes], 1).float()

    def bins(self, line: Any) -> Any:
        """How many elements of every piece fall into each of the 2,048 bins, by the uppermost eleven bits [n, 2048]."""
        bits = (line.view(torch.int32).view(-1, ROW) >> 21) & (BINS - 1)
        where = torch.where(self.valid, self.of[:, None] * BINS + bits, self.n * BINS)
        counts = torch.zeros(self.n * BINS + 1, dtype=torch.int32, device=line.device)
        counts.scatter_add_(0, where.reshape(-1), torch.ones_like(counts[:1]).expand(where.numel()))
        return counts[:-1].view(self.n, BINS)


def trimmed(bits: Column) -> tuple[Column, Column, Column]:
    """Counts by bits [n, 2048] as histograms: first bins, lengths, and counts of all, one after the other."""
    counts = np.empty(bits.shape, np.uint32)
    counts[:, ORDER] = bits
    counts[:, :4] = counts[:, 2044:] = 0                       # infinity and NaN
    some = counts > 0
    any_ = some.any(1)
    firsts = np.where(any_, some.argmax(1), BINS // 2)
    ends = np.where(any_, BINS - some[:, ::-1].argmax(1), firsts)
    at = np.arange(BINS)
    return firsts, ends - firsts, counts[(at >= firsts[:, None]) & (at < ends[:, None])]


class DevicePack(Pack):
    """The parameters of one optimizer on a device. Moments stay there until somebody reads them, or those of many steps have come together."""

    def _arranged(self, members: list[tuple[Param, Any]]) -> list[tuple[Param, Any]]:
        return members

    def _reserve(self, members: list[tuple[Param, Any]], sizes: list[int]) -> None:
        device = next(t._array.tensor.device for _, t in members if getattr(t._array, "far", False))
        self.strides = [stride_of(s) for s in sizes]
        held = [len(range(0, s, d)) for s, d in zip(sizes, self.strides, strict=True)]
        self.segments = Segments(held * 3, [float(s) for s in sizes] * 3, device)
        self.line = self.segments.new().view(3, -1)
        self.row = Segments(held, [float(s) for s in sizes], device)                     # of one of the three
        self.order = np.arange(3 * self.n)
        self.stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
        self.big = []                                          # asked with all others whether they are finite

    def _gather(self, arrays: list[Any], row: int) -> None:
        parts = [torch.zeros(n, device=self.line.device) if t is None else line_of(t, d) for t, d, n in zip(arrays, self.strides, self.row.lengths, strict=True)]
        self.row.gather(parts, self.line[row])

    def gradients(self, step: int, histograms: bool) -> list[float] | None:
        """After a backward: takes the gradients."""
        grads = [r()._tensor.grad for r in self.refs]          # type: ignore[union-attr]
        self.grad_at = step
        self.have = [g is not None for g in grads]
        self.all_have = all(self.have)
        with quietly(), torch.no_grad():
            self._gather([None if g is None else g.to_dense() if g.layout != torch.strided else g for g in grads], GRAD)
        return None

    def _weights(self) -> list[Any]:
        return [r()._tensor for r in self.refs]                # type: ignore[union-attr]

    def _start(self) -> None:
        with quietly(), torch.no_grad():
            self._gather(self._weights(), UPDATE)

    def after(self, step: int, histograms: bool) -> None:
        """After the optimizer's step: weights and update."""
        with quietly(), torch.no_grad():
            self._gather(self._weights(), AFTER)
            torch.sub(self.line[AFTER], self.line[UPDATE], out=self.line[UPDATE])
        self.moved = True

    def commit(self, step: int, time: float) -> bool:
        """Measures the step. True when many measures wait."""
        with quietly(), torch.no_grad():
            self.waiting.append((step, time, self._keep()))
            self.raws.append((self.segments.moments(self.line.view(-1)), None))
            self.line[UPDATE] = self.line[AFTER]               # what the next step starts from
        self.known_at = step
        return len(self.raws) >= WAIT

    def _table(self, raws: list[Any]) -> Column:
        with quietly(), torch.no_grad():
            if self.stream is None:
                return np.asarray(torch.stack([m for m, _ in raws]).cpu().numpy())
            with torch.cuda.stream(self.stream):               # the one on which they were computed: whoever reads may be on another thread
                return np.asarray(torch.stack([m for m, _ in raws]).cpu().numpy())

    def histograms(self) -> tuple[Column, Column, Column, Column]:
        """Keys, first bins, lengths and counts of all rows."""
        with quietly(), torch.no_grad():
            bits = self.segments.bins(self.line.view(-1)).cpu().numpy()
        keep = self._keep()
        keys = self.all_keys if keep is None else self.all_keys[keep]
        return (keys, *trimmed(bits if keep is None else bits[keep]))
