"""Reductions of values to a few numbers: moments, exact up to 64k elements, and the 2,048-bin histogram.

NumPy and CuPy alike: nothing here reads single elements of a device array; results come back in one transfer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .frame import Column

EXACT = 65_536            # elements up to which moments and histograms look at every element
SAMPLE = 8_192            # elements looked at above
MOMENTS = ("mean", "std", "min", "max", "norm", "nan", "inf", "zero", "subnormal", "count")
BINS = 2_048
_TINY = {np.dtype("f2"): 6.104e-05, np.dtype("f8"): 2.2250738585072014e-308}
_TINY32 = 1.1754943508222875e-38


def module_of(x: Any) -> Any:
    """NumPy, or CuPy for its arrays."""
    if isinstance(x, (np.ndarray, np.generic)):
        return np
    import cupy

    return cupy


def host(x: Any) -> Column:
    """A NumPy array of a NumPy or CuPy array."""
    return x if isinstance(x, np.ndarray) else np.asarray(x.get() if hasattr(x, "get") else x)


def flat(x: Any) -> Any:
    """The elements in one dimension, in memory order: no copy for anything dense, transposed or not."""
    return x.ravel("K")


def stride_of(n: int) -> int:
    """The stride of a sample of at most SAMPLE elements; odd, so that it does not run along one column of a power-of-two matrix."""
    return 1 if n <= EXACT else -(-n // SAMPLE) | 1


def sample(x: Any, seed: int = 0) -> Any:
    """The elements that the reductions look at: all of them up to EXACT, a strided sample above. Shape [n]."""
    line = flat(x)
    stride = stride_of(line.size)
    return line if stride == 1 else line[seed % stride::stride]


def energy(x: Any) -> Any:
    """sum x^2; not finite exactly when some element is not, or when the sum overflows. Exact over all elements, without a warning."""
    if x.__class__ is np.ndarray and x.dtype.char in "fd":
        return np.vdot(x, x) if x.flags.c_contiguous else _energy_of(x)
    return _energy_of(x)


def _energy_of(x: Any) -> Any:
    xp = module_of(x)
    kind = x.dtype.kind
    if kind not in "fc":
        return 0.0
    line = flat(x)
    if x.dtype.itemsize == 2:
        line = line.astype(np.float32)                  # float16 squares overflow at 256
    return xp.vdot(line, line).real


def nonfinite(x: Any) -> tuple[int, int]:
    """How many elements are NaN and how many infinite. Exact."""
    if x.dtype.kind not in "fc":
        return 0, 0
    xp = module_of(x)
    nan = int(xp.count_nonzero(xp.isnan(x)))
    return nan, int(x.size) - nan - int(xp.count_nonzero(xp.isfinite(x)))


def moments(x: Any, seed: int = 0) -> Column:
    """The ten MOMENTS of an array as float32. Mean, std, min, max and norm are those of the finite elements."""
    if x.size == 0:
        return np.array([math.nan, math.nan, math.nan, math.nan, 0, 0, 0, 0, 0, 0], np.float32)
    part = sample(x, seed)
    return segments(part, np.zeros(1, np.intp), np.array([x.size]))[0]


def segments(line: Any, starts: Column, sizes: Column) -> Column:
    """Moments of consecutive segments of a line: [k, 10] float32.

    `starts` are where the k segments begin, `sizes` how many elements each stands for (more than it has when it is a sample).
    One pass over the line per quantity, whatever k is: a step of a small model has many tiny arrays.
    """
    if not isinstance(line, np.ndarray):
        return _segments_apart(line, starts, sizes)
    if line.dtype.kind != "f":
        line = line.astype(np.float32)
    work = line if line.dtype != np.float16 else line.astype(np.float32)
    held = np.diff(np.append(starts, work.size)).astype(np.float64)
    with np.errstate(all="ignore"):
        total = np.add.reduceat(work, starts)
        scratch = np.multiply(work, work)
        squares = np.add.reduceat(scratch, starts)
        low, high = np.minimum.reduceat(work, starts), np.maximum.reduceat(work, starts)
        np.abs(work, out=scratch)
        small = scratch < _TINY.get(line.dtype, _TINY32)
        out = np.zeros((len(starts), 10), np.float32)
        mean = total / held
        square = squares / held
        variance = square - mean * mean
        out[:, 0] = mean
        out[:, 1] = np.sqrt(np.maximum(variance, 0))
        out[:, 2] = low
        out[:, 3] = high
        out[:, 4] = np.sqrt(square * sizes)
        out[:, 9] = sizes
        if small.any():
            zeros = np.add.reduceat(work == 0, starts, dtype=np.int64)
            scale = sizes / held
            out[:, 7] = zeros * scale
            out[:, 8] = (np.add.reduceat(small, starts, dtype=np.int64) - zeros) * scale
        # sum of squares minus square of sums loses its digits when the spread is small beside the mean
        doubtful = ~np.isfinite(squares) | ~np.isfinite(total) | (variance < 1e-4 * square)
        if doubtful.any():
            ends = np.append(starts[1:], work.size)
            for i in np.flatnonzero(doubtful):
                _exact(work[starts[i]:ends[i]], out[i], float(sizes[i]))
    return out


def _exact(x: Column, row: Column, size: float) -> None:
    """One row of `segments` the slow and careful way."""
    good = np.isfinite(x)
    nan = int(np.count_nonzero(np.isnan(x)))
    inf = x.size - nan - int(np.count_nonzero(good))
    scale = size / x.size
    row[5], row[6] = nan * scale, inf * scale
    if nan or inf:
        x = x[good]
    if x.size:
        wide = x.astype(np.float64)
        row[0], row[1], row[2], row[3] = wide.mean(), wide.std(), x.min(), x.max()
        row[4] = math.sqrt(float(np.vdot(wide, wide)) / x.size * size)
    else:
        row[:4] = math.nan
        row[4] = 0


def _segments_apart(line: Any, starts: Column, sizes: Column) -> Column:
    """`segments` for a device array: reductions stay on the device and come back together."""
    xp = module_of(line)
    line = line.astype(np.float32, copy=False)
    ends = [*starts[1:].tolist(), int(line.size)]
    rows = []
    for a, b, size in zip(starts.tolist(), ends, sizes.tolist(), strict=True):
        x = line[a:b]
        good = xp.isfinite(x)
        n = xp.maximum(good.sum(), 1)
        clean = xp.where(good, x, 0)
        mean = clean.sum() / n
        zero = (x == 0).sum()
        scale = size / max(b - a, 1)
        rows.append(xp.stack([
            mean, xp.sqrt(xp.where(good, (x - mean) ** 2, 0).sum() / n), xp.where(good, x, np.inf).min(), xp.where(good, x, -np.inf).max(),
            xp.sqrt((clean * clean).sum() * scale), xp.isnan(x).sum() * scale, xp.isinf(x).sum() * scale, zero * scale,
            ((xp.abs(x) < _TINY32).sum() - zero) * scale, xp.asarray(float(size))]).astype(np.float32))
    return host(xp.stack(rows))


def histogram(x: Any, seed: int = 0) -> tuple[int, Column]:
    """Counts per sign-and-exponent bin (two mantissa bits): (first bin, counts up to the last that is not empty).

    Bin 1024+k holds floats whose float32 bits >> 21 equal k, bin 1023-k their negatives; NaN and infinity are left out.
    Above EXACT elements the counts are those of the sample.
    """
    part = sample(x, seed)
    xp = module_of(part)
    if part.dtype != np.float32:
        if part.dtype.kind == "f":
            part = part[xp.isfinite(part)]
            part = xp.clip(part, -3.4028234e38, 3.4028234e38)
        part = part.astype(np.float32)
    bits = xp.ascontiguousarray(part).view(np.uint32) >> np.uint32(21)
    return trim(host(xp.bincount(bits, minlength=BINS)))


def trim(counts: Column) -> tuple[int, Column]:
    """Counts by float bits (negatives last) brought into the order of values, without the empty ends."""
    line = np.empty(BINS, np.uint32)
    line[1024:] = counts[:1024]
    line[:1024] = counts[:1023:-1]
    line[:4] = 0
    line[2044:] = 0
    held = np.flatnonzero(line)
    if held.size == 0:
        return 1024, np.zeros(0, np.uint32)
    first, last = int(held[0]), int(held[-1])
    return first, line[first:last + 1].copy()


def edges() -> Column:
    """The lower edge of every bin and the upper edge of the last: [2049] float32, ascending."""
    k = np.arange(1025, dtype=np.uint32)
    with np.errstate(all="ignore"):
        upper = (np.minimum(k, 1020) << np.uint32(21)).view(np.float32)
    return np.concatenate([-upper[:0:-1], upper])
