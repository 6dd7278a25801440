"""Reductions of values to a few numbers: moments, exact up to 64k elements, and the 2,048-bin histogram.

NumPy and CuPy alike: nothing here reads single elements of a device array; results come back in one transfer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from .frame import Column

EXACT = 65_536            # elements up to which moments and histograms look at every element
SAMPLE = 8_192            # elements looked at above
MOMENTS = ("mean", "std", "min", "max", "norm", "nan", "inf", "zero", "subnormal", "count")
BINS = 2_048
_TINY = {np.dtype("f2"): 6.104e-05, np.dtype("f8"): 2.2250738585072014e-308}
ORDER = np.concatenate([np.arange(1024, 2048), np.arange(1023, -1, -1)])       # bin of a float by its uppermost 11 bits
_TINY32 = 1.1754943508222875e-38
_BITS = np.arange(BINS + 1, dtype=np.uint16)
SORTED = 4_096                               # elements from which sorting may be the faster way to a histogram
_FAINT = 1e-30                               # a sum of squares above it has lost nothing to underflow that shows


def module_of(x: Any) -> Any:
    """NumPy, or CuPy for its arrays."""
    if isinstance(x, (np.ndarray, np.generic)):
        return np
    import cupy

    return cupy


def host(x: Any) -> Column:
    """A NumPy array of a NumPy or CuPy array."""
    return x if isinstance(x, np.ndarray) else np.asarray(x.get() if hasattr(x, "get") else x)


def array_of(value: Any) -> Any:
    """The array of a Tensor, ours or one that is detached and copied to the host as PyTorch's are; anything else as it is."""
    array = getattr(value, "_array", None)
    if array is None:
        array = value.detach().cpu().numpy() if hasattr(value, "detach") and hasattr(value, "cpu") else value
    return array


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


def real(x: Any) -> bool:
    """Whether an array holds real floating-point numbers, bfloat16 among them, whose kind is not NumPy's."""
    kind = x.dtype.kind
    return bool(kind == "f" or kind == "V" and type(x) is np.ndarray and x.dtype.names is None)


def energy(x: Any) -> Any:
    """sum x^2; not finite exactly when some element is not, or when the sum overflows. Exact over all elements, without a warning."""
    if x.__class__ is np.ndarray and x.dtype.char in "fd" and (x.size <= 4096 or x.flags.c_contiguous):
        return np.vdot(x, x)                            # vdot, unlike dot, does not look at floating-point flags
    xp = module_of(x)
    kind = x.dtype.kind
    if kind not in "fc" and not (kind == "V" and type(x) is np.ndarray):
        return 0.0
    line = flat(x)
    if x.dtype.itemsize == 2:
        line = line.astype(np.float32)                  # float16 squares overflow at 256; NumPy knows no bfloat16
    return xp.vdot(line, line).real


def nonfinite(x: Any) -> tuple[int, int]:
    """How many elements are NaN and how many infinite. Exact."""
    if x.dtype.kind == "V":                             # bfloat16, of which NumPy knows nothing
        x = x.astype(np.float32)
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
    sizes = np.array([x.size], np.float64)
    if not isinstance(part, np.ndarray):
        return np.asarray(device_moments(part, [slice(0, part.size)], sizes)[0])
    raw = np.empty((6, 1), np.float32)
    odd = tally(part, np.zeros(1, np.intp), np.float32(part.size), sizes, raw)
    return np.asarray(finish(raw[None], [odd], np.array([part.size], np.float64), sizes)[0])


Odd = dict[int, Column]                    # segments whose sums say too little: their moments, by number


class Scratch:
    """Memory that tallies of one length use again and again: fresh memory costs more than the sums."""

    def __init__(self, n: int) -> None:
        self.floats = np.empty(n, np.float32)
        self.flags = np.empty(n, bool)
        self.bins = np.empty(n, np.intp)


def tally(line: Any, starts: Column, held: Any, sizes: Column, out: Column, scratch: Scratch | None = None,
          count: bool = True, doubtful: Column | None = None) -> Odd | None:
    """Sums over consecutive segments (of `held` elements) of a line into `out` [6, k]: sum, sum of squares, min, max, tiny ones, zeros.

    Without `count` the last two are left alone, and `doubtful` says which segments need care. One call per quantity, whatever k is: a step of a small model has many tiny arrays. `finish` makes moments of it, of many steps at once.
    """
    work = line if line.dtype.char in "fd" else line.astype(np.float32)
    with np.errstate(all="ignore"):
        np.add.reduceat(work, starts, out=out[0])
        n = work.size
        floats, flags = (None, None) if scratch is None else (scratch.floats[:n], scratch.flags[:n])
        floats = np.multiply(work, work, out=floats)
        np.add.reduceat(floats, starts, out=out[1])
        np.minimum.reduceat(work, starts, out=out[2])
        np.maximum.reduceat(work, starts, out=out[3])
        if count:
            np.abs(work, out=floats)
            small = np.less(floats, _TINY.get(line.dtype, _TINY32), out=flags)
            some = np.count_nonzero(small)
            out[4:] = 0
            if some:
                out[4] = out[5] = np.add.reduceat(small.view(np.int8), starts, dtype=np.int32)
                zero = np.equal(floats, 0, out=small)
                if np.count_nonzero(zero) != some:
                    out[5] = np.add.reduceat(zero.view(np.int8), starts, dtype=np.int32)
        if count or not float(np.maximum.reduce(out[1])) < math.inf:
            doubtful = _doubtful(out, held)
    if doubtful is None or not len(doubtful):
        return None
    ends = np.append(starts[1:], work.size)
    return {int(i): _exact(work[starts[i]:ends[i]], float(sizes[i])) for i in doubtful}


def tally_one(x: Any, size: float, out: Column, count: bool = True) -> Column | None:
    """`tally` of one long segment into `out` [6]. Floating-point errors are the caller's to ignore."""
    n = x.size
    total = float(np.einsum("i->", x))                         # two fifths of the time of a sum
    squares = float(np.vdot(x, x))
    out[0], out[1] = total, squares
    out[2], out[3] = x.item(x.argmin()), x.item(x.argmax())                # quicker than the values
    if count:
        small = np.count_nonzero(np.abs(x) < _TINY32)
        out[4] = small
        out[5] = np.count_nonzero(x == 0) if small else 0
    # as `_doubtful`, of one segment in plain numbers
    mean = total / n
    if squares < math.inf and mean * mean <= squares / n * 0.9999 and (squares > _FAINT or squares == total == 0):
        return None
    return _exact(x, size)


def _doubtful(out: Column, held: Any) -> Column | None:
    """Segments that hold non-finite values, and those where the mean square minus the squared mean has lost its digits,
    or the squares are next to underflow."""
    mean = out[0] / held
    square = out[1] / held
    square *= np.float32(0.9999)
    mean *= mean
    good = mean <= square                      # false for NaN, and where the spread is below 1% of the mean
    good |= held == 1
    good &= (out[1] > _FAINT) | (out[1] == 0) & (out[0] == 0)
    good &= out[1] < np.inf
    return None if good.all() else np.flatnonzero(~good)


def finish(raw: Column, odd: list[Odd | None], held: Column, sizes: Column) -> Column:
    """Moments [r*k, 10] from r tallies [r, 6, k] of the same k segments: `held` elements each, standing for `sizes`."""
    r, _, k = raw.shape
    out = np.zeros((r, k, 10), np.float32)
    with np.errstate(all="ignore"):
        mean, square, scale = raw[:, 0] / held, raw[:, 1] / held, sizes / held
        out[..., 0] = mean
        out[..., 1] = np.sqrt(np.where(held > 1, np.maximum(square - mean * mean, 0), 0))
        out[..., 2], out[..., 3] = raw[:, 2], raw[:, 3]
        out[..., 4] = np.sqrt(square * sizes)
        out[..., 7] = raw[:, 5] * scale
        out[..., 8] = (raw[:, 4] - raw[:, 5]) * scale
        out[..., 9] = sizes
    for i, exact in enumerate(odd):
        if exact:
            for j, row in exact.items():
                out[i, j] = row
    return out.reshape(r * k, 10)


def _exact(x: Column, size: float) -> Column:
    """Moments of a segment the slow and careful way."""
    row = np.zeros(10, np.float32)
    good = np.isfinite(x)
    finite = int(np.count_nonzero(good))
    nan = int(np.count_nonzero(np.isnan(x))) if finite < x.size else 0
    scale = size / x.size
    row[5], row[6], row[9] = nan * scale, (x.size - nan - finite) * scale, size
    if finite < x.size:
        x = x[good]
    if not x.size:
        row[:4] = math.nan
        return row
    wide = x.astype(np.float64)
    mean = wide.mean()
    squares = float(np.vdot(wide, wide))
    wide -= mean
    row[0], row[1] = mean, math.sqrt(float(np.vdot(wide, wide)) / x.size)
    row[2], row[3], row[4] = x.min(), x.max(), math.sqrt(squares * scale)
    zeros = x.size - int(np.count_nonzero(x))
    row[7], row[8] = zeros * scale, (int(np.count_nonzero(np.abs(x) < _TINY32)) - zeros) * scale
    return row


def device_moments(line: Any, slices: list[slice], sizes: Column) -> Column:
    """Moments [k, 10] of segments of a device array: reductions stay on the device and come back together."""
    xp = module_of(line)
    line = line.astype(np.float32, copy=False)
    rows = []
    for s, size in zip(slices, sizes.tolist(), strict=True):
        x = line[s]
        good = xp.isfinite(x)
        n = xp.maximum(good.sum(), 1)
        clean = xp.where(good, x, 0)
        mean = clean.sum() / n
        zero = (x == 0).sum()
        scale = size / max(int(x.size), 1)
        rows.append(xp.stack([
            mean, xp.sqrt(xp.where(good, (x - mean) ** 2, 0).sum() / n), xp.where(good, x, np.inf).min(), xp.where(good, x, -np.inf).max(),
            xp.sqrt((clean * clean).sum() * scale), xp.isnan(x).sum() * scale, xp.isinf(x).sum() * scale, zero * scale,
            ((xp.abs(x) < _TINY32).sum() - zero) * scale, xp.asarray(float(size))]).astype(np.float32))
    return host(xp.stack(rows)) if rows else np.zeros((0, 10), np.float32)


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
    part = xp.ascontiguousarray(part)
    if xp is np and part.size > SORTED:
        return _faster(part)(part)
    return _counted_bins(part)


_FASTER: dict[int, Callable[[Any], tuple[int, Column]]] = {}


def _faster(x: Column) -> Callable[[Any], tuple[int, Column]]:
    """The faster way on this processor for about so many elements: with AVX-512 NumPy sorts in half the time of counting, without it in fifteen times."""
    way = _FASTER.get(x.size.bit_length())
    if way is None:
        times = []
        for candidate in (_counted_bins, _sorted_bins):
            for _ in range(3):
                start = perf_counter()
                candidate(x)
                times.append((perf_counter() - start, candidate))
        way = _FASTER[x.size.bit_length()] = min(times, key=lambda t: t[0])[1]
    return way


def _counted_bins(x: Any) -> tuple[int, Column]:
    """`histogram` of float32 by counting the uppermost 11 bits."""
    return trim(host(module_of(x).bincount(x.view(np.uint32) >> np.uint32(21), minlength=BINS)))


def _sorted_bins(x: Column) -> tuple[int, Column]:
    """`histogram` of float32 by sorting the uppermost 11 bits: neighbours that fall into the same few bins do not wait for each other."""
    bits = (x.view(np.uint32) >> np.uint32(21)).astype(np.uint16)
    bits.sort()
    end = int(np.searchsorted(bits, _BITS[1024]))
    first, up = _counts(bits[:end], 0)
    last, down = _counts(bits[end:], 1024)                     # of magnitudes
    if not len(down):
        return 1024 + first, up
    low = 1024 - last - len(down)
    if not len(up):
        return low, down[::-1]
    return low, np.concatenate([down[::-1], np.zeros(last + first, np.uint32), up])


def _counts(bits: Column, base: int) -> tuple[int, Column]:
    """First bin and counts of sorted bits of one sign, infinity and NaN left out."""
    if len(bits) and bits[-1] >= base + 1020:
        bits = bits[:np.searchsorted(bits, _BITS[base + 1020])]
    if not len(bits):
        return 0, np.zeros(0, np.uint32)
    low = int(bits[0])
    ends = bits.searchsorted(_BITS[low:int(bits[-1]) + 2]).astype(np.uint32)
    return low - base, ends[1:] - ends[:-1]


Histograms = tuple[Column, Column, Column]      # first bins, lengths, counts of all, one after the other


def histograms(line: Any, starts: Column, lengths: Column, scratch: Scratch) -> Histograms:
    """Histograms of consecutive segments of a float32 line, all at once."""
    bins = np.take(ORDER, line.view(np.uint32) >> np.uint32(21), out=scratch.bins[:line.size], mode="clip")
    low, high = np.minimum.reduceat(bins, starts), np.maximum.reduceat(bins, starts)
    if low.min() < 4 or high.max() >= 2044:                    # infinity or NaN: left out
        return joined([histogram(line[a:a + n]) for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)])
    widths = high - low + 1
    bins += np.repeat(np.cumsum(widths) - widths - low, lengths)
    return low, widths, np.bincount(bins).astype(np.uint32)


def joined(parts: list[tuple[int, Column]]) -> Histograms:
    """Several histograms as one."""
    return (np.array([f for f, _ in parts], np.intp), np.array([len(c) for _, c in parts], np.intp),
            np.concatenate([c for _, c in parts]) if parts else np.zeros(0, np.uint32))


def trim(counts: Column) -> tuple[int, Column]:
    """Counts by float bits (negatives last) brought into the order of values, without the empty ends."""
    line = np.empty(BINS, np.uint32)
    line[1024:] = counts[:1024]
    line[:1024] = counts[:1023:-1]
    line[:4] = 0
    line[2044:] = 0
    held = line.nonzero()[0]
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
