"""New tensors: from data, from numbers, from the generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import device as dev
from ..core import dtype as dt
from ..core.layout import sparse_coo, strided
from ..core.pointwise import write_out
from ..core.random import Generator, default_generator
from ..core.sparse import Rows
from ..core.tensor import Size, Tensor, wrap


def shape_of(args: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """(2, 3) from `f(2, 3)`, `f((2, 3))` or `f(size=(2, 3))`."""
    if size is not None:
        args = (size,)
    if len(args) == 1 and not isinstance(args[0], (int, np.integer)):
        args = tuple(args[0])
    shape = tuple(int(a) for a in args)
    for s in shape:
        if s < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {s}: {list(shape)}")
    return shape


def finish(array: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Wraps a new array with the asked dtype, device and flag."""
    if dtype is not None:
        array = array.astype(dt.as_dtype(dtype).dtype, copy=False)
    if device is None:
        device = dev.default
    if device is not None:
        array = dev.move(array, dev.device(device))
    t = wrap(array)
    if requires_grad:
        if t.dtype.category < 2:
            raise RuntimeError(f"Only Tensors of floating point and complex dtype can require gradients (the data is {t.dtype})")
        t.requires_grad = True
    return t


def _default(dtype: Any) -> Any:
    return (dt.get_default_dtype() if dtype is None else dt.as_dtype(dtype)).dtype


def _array_of(data: Any, dtype: Any) -> Any:
    if isinstance(data, Tensor):
        return data._array
    if isinstance(data, np.ndarray):
        dt.of(data)
        return data
    if type(data).__module__.partition(".")[0] == "cupy":
        return data
    if isinstance(data, np.generic):
        return np.asarray(data)
    if hasattr(data, "__array__"):
        return np.asarray(data)
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        data = _unwrap(data)
    try:
        a = np.array(data)
    except ValueError:
        raise ValueError(_ragged(data)) from None
    if a.dtype.kind not in "biufc":
        kind = type(_first(data)).__name__
        raise TypeError(f"new(): data must be numbers, got an element of type {kind!r}" if kind != "str" else "new(): invalid data type 'str'")
    if dtype is not None:
        return a                                               # converted once, by who asked: not by way of float32
    if isinstance(_first(data), np.generic):
        return a                                               # NumPy's numbers keep their type
    if a.dtype == np.float64:
        return a.astype(dt.get_default_dtype().dtype)
    if a.dtype == np.complex128 and dt.get_default_dtype() is not dt.float64:
        return a.astype(np.complex64)
    if a.size == 0:
        return a.astype(dt.get_default_dtype().dtype)
    return a.astype(np.int64) if a.dtype.kind in "iu" else a


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(x, Tensor) or (isinstance(x, (list, tuple)) and _holds_tensors(x)) for x in data)


def _unwrap(data: Any) -> Any:
    return [x.tolist() if isinstance(x, Tensor) else _unwrap(x) if isinstance(x, (list, tuple)) else x for x in data]


def _first(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _ragged(data: Any, depth: int = 0) -> str:
    lengths = [len(x) if isinstance(x, (list, tuple)) else -1 for x in data]
    for n in lengths[1:]:
        if n != lengths[0]:
            return f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {n})"
    for x in data:
        if isinstance(x, (list, tuple)):
            return _ragged(x, depth + 1)
    return "could not make a tensor of this data"


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A new tensor that copies `data`: numbers, nested lists, arrays.

    >>> tensor([[1., -1.], [1., -1.]])
    tensor([[ 1., -1.],
            [ 1., -1.]])
    """
    if isinstance(data, Tensor):
        import warnings

        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).", UserWarning, stacklevel=2)
    a = _array_of(data, dtype)
    if device is None and not isinstance(a, np.ndarray):
        device = dev.of(a)
    target = a.dtype if dtype is None else dt.as_dtype(dtype).dtype
    return finish(a.astype(target, copy=True), None, device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor that shares memory with `data` where it can."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device) if dtype is not None or device is not None else data
    return finish(_array_of(data, dtype), dtype, device)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    if array.dtype.kind in "USO":
        raise TypeError(f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. The only supported types are: "
                        f"{', '.join(d.dtype.name for d in dt.ALL)}.")
    dt.of(array)
    if any(s < 0 for s in array.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
                         "supported. (You can probably work around this by making a copy of your array with array.copy().)")
    return wrap(array)


def legacy(*args: Any, device: Any = None) -> Tensor:
    """`Tensor(2, 3)` is uninitialised, `Tensor([1, 2])` holds data; always of the default dtype."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return wrap(args[0]._array.astype(_default(None)))
    if len(args) == 1 and not isinstance(args[0], (int, Size)):
        return finish(_array_of(args[0], None), dt.get_default_dtype(), device)
    return finish(np.empty(shape_of(args) if args else (0,), _default(None)), None, device)


Tensor._legacy = staticmethod(legacy)


def _filled(make: str) -> Any:
    def create(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               pin_memory: bool = False, memory_format: Any = None, **named: Any) -> Tensor:
        shape = shape_of(size, named.get("size"))
        if layout is not None and layout is not strided:
            if layout is not sparse_coo or make == "ones" or requires_grad:
                raise NotImplementedError(f"{make}: tensors of layout {layout} are made here without ones and without requires_grad, of layout torch.sparse_coo")
            xp = dev.module_for(device)
            return wrap(Rows(xp.zeros((len(shape), 0), np.int64), xp.zeros(0, _default(dtype)), shape, True))
        t = wrap(getattr(dev.module_for(device), make)(shape, _default(dtype)))
        if requires_grad:
            t.requires_grad = True
        return t

    create.__name__ = create.__qualname__ = make
    create.__doc__ = f"A tensor of the given shape by `{make}`; `dtype` defaults to the default dtype."
    return create


zeros, ones, empty = _filled("zeros"), _filled("ones"), _filled("empty")


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None, **_: Any) -> Tensor:
    """A tensor filled with one value; the dtype follows the value."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    d = dt.scalar_dtype(fill_value) if dtype is None else dt.as_dtype(dtype)
    return _into(out, finish(np.full(shape_of((size,)), dt.stored(fill_value, d), d.dtype), None, device, requires_grad))


def zeros_of(like: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, of the kind of `like`: an array for an array, a Tensor for a Tensor."""
    if isinstance(like, Tensor):
        return wrap(np.zeros_like(like._array, shape=tuple(shape), order="C"))
    return np.zeros_like(like, shape=tuple(shape), order="C")


def _like(make: str) -> Any:
    def create(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               memory_format: Any = None) -> Tensor:
        d = None if dtype is None else dt.as_dtype(dtype).dtype
        return finish(getattr(np, make)(input._array, dtype=d, order="C"), None, device or dev.of(input._array), requires_grad)

    create.__name__ = create.__qualname__ = make
    create.__doc__ = f"`{make[:-5]}` with the shape, dtype and device of `input`."
    return create


zeros_like, ones_like, empty_like = _like("zeros_like"), _like("ones_like"), _like("empty_like")


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    d = input.dtype if dtype is None else dt.as_dtype(dtype)
    return finish(np.full_like(input._array, dt.stored(fill_value, d), dtype=d.dtype, order="C"), None, device or dev.of(input._array), requires_grad)


def _into(out: Any, made: Tensor) -> Tensor:
    return made if out is None else write_out(out, made)


def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None, **_: Any) -> Tensor:
    """start, start + step, ... below end."""
    if end is None:
        start, end = 0, start
    values = [v.item() if isinstance(v, Tensor) else v for v in (start, end, step)]
    if not all(math.isfinite(v) for v in values[:2]):
        raise RuntimeError(f"unsupported range: {values[0]} -> {values[1]}")
    if values[2] == 0:
        raise RuntimeError("step must be nonzero")
    if (values[1] - values[0]) * values[2] < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        d = out.dtype if out is not None else dt.get_default_dtype() if any(isinstance(v, float) for v in values) else dt.int64
    else:
        d = dt.as_dtype(dtype)
    whole = values if d.category == 2 else [int(v) for v in values]        # whole numbers are counted in whole steps
    if not whole[2]:
        raise ValueError("step must be nonzero")
    first, last, by = whole if d is dt.int64 else values
    n = max(0, math.ceil((last - first) / by))
    if d.category == 2:
        a = (values[0] + np.arange(n, dtype=np.float64) * values[2]).astype(d.dtype)
    else:
        a = np.arange(n, dtype=np.int64) * whole[2] + whole[0]
    return _into(out, finish(a, d, device, requires_grad))


def _ends(name: str, start: Any, end: Any, steps: Any) -> None:
    if isinstance(steps, float):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join(type(v).__name__ for v in (start, end, steps))}), but expected one of:\n"
                        " * (Tensor start, Tensor end, int steps, ...)\n * (Number start, Tensor end, int steps, ...)\n * (Tensor start, Number end, int steps, ...)\n"
                        " * (Number start, Number end, int steps, ...)\n")
    dims = [v._array.ndim if isinstance(v, Tensor) else 0 for v in (start, end)]
    if any(dims):
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got start with {dims[0]} dimension(s) and end with {dims[1]} dimension(s).")


def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None, **_: Any) -> Tensor:
    """`steps` numbers from start to end, both included; computed from both ends, as PyTorch does."""
    _ends("linspace", start, end, steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    d = (dt.get_default_dtype() if out is None else out.dtype) if dtype is None else dt.as_dtype(dtype)
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    if d.category < 2:
        start, end = int(start), int(end)
    if steps < 2:
        return _into(out, finish(np.full(steps, start, d.dtype), None, device, requires_grad))
    kind = d.dtype.type if d.category == 2 else np.float64
    step = kind((end - start) / (steps - 1))
    i = np.arange(steps).astype(kind)
    a = np.where(i < steps // 2, kind(start) + step * i, kind(end) - step * (steps - 1 - i))
    return _into(out, finish(a.astype(d.dtype), None, device, requires_grad))


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None) -> Tensor:
    """base to the powers that `linspace` would give; of a whole dtype, the ends are cut before."""
    _ends("logspace", start, end, steps)
    d = _default(out.dtype if out is not None and dtype is None else dtype)
    if d.kind in "iu":
        start, end = int(start), int(end)
    return _into(out, finish(np.power(base, linspace(start, end, steps, dtype=dt.float64)._array).astype(d), None, device, requires_grad))


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None, **_: Any) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    for what, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{what} must be greater or equal to 0, got {size}")
    return _into(out, finish(np.eye(n, m, dtype=_default(dtype)), None, device, requires_grad))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    return finish(np.stack(np.tril_indices(row, offset, col)), dtype or dt.int64, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    return finish(np.stack(np.triu_indices(row, offset, col)), dtype or dt.int64, device)


# -- random ---------------------------------------------------------------------------------------------------------------------------------


def _generator(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


def _count(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def _draw(kind: str) -> Any:
    def create(*size: Any, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, pin_memory: bool = False, **named: Any) -> Tensor:
        shape = shape_of(size, named.get("size"))
        d = _default(dtype)
        if d.kind == "c":                                    # real and imaginary parts in turn; normal ones share the variance
            parts = getattr(_generator(generator), kind)(2 * _count(shape), np.dtype(f"f{d.itemsize // 2}")).astype(f"f{d.itemsize // 2}", copy=False)
            return _into(out, finish((parts if kind == "uniform" else parts * parts.dtype.type(math.sqrt(0.5))).view(d).reshape(shape), None, device, requires_grad))
        if d.kind not in "fV":
            raise RuntimeError(f"random numbers of this kind are floating point; got dtype {dt.OF_NUMPY[d]}")
        a = getattr(_generator(generator), kind)(_count(shape), d).reshape(shape).astype(d, copy=False)
        return finish(a, None, device, requires_grad)
    return create


rand, randn = _draw("uniform"), _draw("normal")
rand.__name__, randn.__name__ = "rand", "randn"
rand.__doc__, randn.__doc__ = "Uniform numbers in [0, 1), PyTorch's after the same seed.", "Standard normal numbers, PyTorch's after the same seed."


def rand_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    return rand(input._array.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    return randn(input._array.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
            requires_grad: bool = False, **_: Any) -> Tensor:
    """Integers in [low, high)."""
    if size is None:
        low, high, size = 0, low, high
    if high is None:
        low, high = 0, low
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    shape = shape_of((size,))
    a = _generator(generator).integers(low, high, _count(shape)).reshape(shape)
    return finish(a, dtype or dt.int64, device, requires_grad)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, out: Any = None, **_: Any) -> Tensor:
    """A random order of 0 .. n-1."""
    return _into(out, finish(_generator(generator).permutation(n), dtype or dt.int64, device))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None,
                out: Tensor | None = None) -> Tensor:
    """Indices drawn with the probabilities (not necessarily normalised) of each row; PyTorch's after the same seed, see `keep_mask`."""
    if out is not None and out._array.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype.tensor_name}")
    if input._array.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim (it has {input._array.ndim})")
    if input.dtype.category != 2:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype.tensor_name}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples (it is {num_samples})")
    p: Any = np.atleast_2d(dev.move(input._array, dev.device("cpu")))
    if not replacement and num_samples > p.shape[1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if p.shape[1] > 1 << 24:
        raise RuntimeError(f"number of categories cannot exceed 2^24 (there are {p.shape[1]})")
    totals = np.add.reduce(p, 1)
    if not p.min(initial=0) >= 0 or not np.isfinite(totals).all():
        if replacement and num_samples > 1:
            raise RuntimeError(f"invalid multinomial distribution (encountering probability entry {'= infinity or NaN' if not np.isfinite(p).all() else '< 0'})")
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (totals <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    g = _generator(generator)
    if replacement and num_samples > 1:
        sums = np.cumsum(p, 1, dtype=p.dtype)
        sums /= sums[:, -1:]
        sums[:, -1] = 1
        u = g.uniform(p.shape[0] * num_samples, np.float64).reshape(p.shape[0], num_samples)
        near = u.astype(p.dtype)                           # a sum is below u where it is below the next number of its own kind
        near = np.where(near < u, np.nextafter(near, p.dtype.type(2)), near)
        rows = [np.searchsorted(c, r) for c, r in zip(sums, near, strict=True)]
    else:                                                  # a race of exponential clocks, each as fast as its probability
        clocks = -np.log1p(-g.uniform(p.size, np.float64))
        rows = list(np.argsort(-(p / clocks.reshape(p.shape).astype(p.dtype)), 1, kind="stable")[:, :num_samples])
    drawn = np.stack(rows).astype(np.int64)
    found = wrap(drawn if input._array.ndim == 2 else drawn[0])
    return found if out is None else write_out(out, found)


# -- in place, used by initialisation -------------------------------------------------------------------------------------------------------


def _overwrite(t: Tensor, a: Any) -> Tensor:
    from ..core.inplace import check

    check(t)
    t._array[...] = dev.move(a, t.device)
    t.bump()
    return t


def uniform_(t: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None, **named: Any) -> Tensor:
    """Overwrites with uniform numbers in [from, to)."""
    low = named.get("a", named.get("from", from_))
    high = named.get("b", to)
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    d = t._array.dtype
    kind = d.type if d.itemsize == 8 else np.float32
    made = _generator(generator).uniform(t._array.size, kind).reshape(t._array.shape)
    if (low, high) != (0.0, 1.0):                            # rounded once, as by a fused multiplication and addition
        wide = made.astype(np.float64, copy=False)
        wide = wide * float(kind(high) - kind(low)) + float(kind(low))
        made = wide.astype(kind, copy=False)
    made = made.astype(d, copy=False)
    if d.itemsize == 2:
        made[made == d.type(high)] = low                     # rounded up to the end, which is not among them
    return _overwrite(t, made)


def normal_(t: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    d = t._array.dtype
    z = _generator(generator).normal(t._array.size, d).reshape(t._array.shape)
    return _overwrite(t, (z * z.dtype.type(std) + z.dtype.type(mean)).astype(d, copy=False))


def random_(t: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with integers in [from, to)."""
    high = to if to is not None else (from_ if from_ else min(2 ** 24, np.iinfo(t._array.dtype).max if t._array.dtype.kind in "iu" else 2 ** 24))
    low = from_ if to is not None else 0
    return _overwrite(t, _generator(generator).integers(low, high, t._array.size).reshape(t._array.shape).astype(t._array.dtype))


def bernoulli_(t: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with 1 (with probability p) or 0."""
    if isinstance(p, Tensor):
        u = _generator(generator).uniform(t._array.size, np.float64 if p._array.dtype == np.float64 else np.float32).reshape(t._array.shape)
        return _overwrite(t, (u < dev.move(p._array, dev.device("cpu"))).astype(t._array.dtype))
    return _overwrite(t, _generator(generator).chance(t._array.size, float(p)).reshape(t._array.shape).astype(t._array.dtype))


def keep_mask(shape: tuple[int, ...], keep: float, dtype: Any) -> Any:
    """0 or 1/keep per element: what dropout multiplies by.

    After the same seed these are PyTorch's, wherever PyTorch draws with its own generator: on Intel's processors it takes that of MKL for dropout,
    `bernoulli_` and `exponential_`, which nobody else has.
    """
    kept = default_generator.chance(math.prod(shape), keep)
    scale = np.float32(1) / np.float32(keep) if dtype.itemsize == 2 else dtype.type(1) / dtype.type(keep)
    return (kept * scale).astype(dtype, copy=False).reshape(shape)
