"""More new tensors: by strides, of one number, of old types; and random numbers written in place, PyTorch's after the same seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.op import op, run
from ..core.pointwise import write_out
from ..core.random import Generator
from ..core.tensor import Tensor, wrap
from . import creation as cr
from .creation import _default, _generator, _overwrite, finish
from .pointwise import given, nothing

# Not PyTorch's true slopes: it says that random numbers do not depend on what they are drawn with.


@op(r"\mathcal{N}({mean}, {std})", operands=2, name="normal", grad_tex="0")
def _normal(mean: Any, std: Any, z: Any) -> Any:
    return mean + z * std


@op(r"\mathcal{B}({p})", name="bernoulli", grad_tex="0")
def _bernoulli(p: Any, u: Any) -> Any:
    return (u < p).astype(p.dtype)


_normal.vjp(nothing, nothing)
_normal.op.node_name = "NormalBackward3"
_of_mean, _of_std = (op(_normal.op.tex, operands=2, name=name, grad_tex="0")(_normal.op.forward).vjp(*_normal.op.vjps) for name in ("normal_base", "normal_scalar"))
_of_mean.op.node_name, _of_std.op.node_name = "NormalBackward1", "NormalBackward2"
_bernoulli.vjp(nothing)


def scalar_tensor(s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A 0-d tensor of one number."""
    return finish(np.asarray(s).astype(_default(dtype)), None, device, requires_grad)


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:
    """Uninitialised, with these strides."""
    shape, steps = tuple(map(int, size)), tuple(map(int, stride))
    if len(shape) != len(steps):
        raise RuntimeError(f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})")
    d = np.dtype(_default(dtype))
    line = np.empty(1 + sum(max(n - 1, 0) * s for n, s in zip(shape, steps, strict=True)), d)
    return finish(np.ndarray(shape, d, line, 0, [s * d.itemsize for s in steps]), None, device, requires_grad)


def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                   pin_memory: bool = False) -> Tensor:
    """Uninitialised; the dimensions lie in memory in the order of `physical_layout`."""
    shape, order = tuple(map(int, size)), tuple(map(int, physical_layout))
    if len(shape) != len(order):
        raise RuntimeError(f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(shape)} is not equal to "
                           f"len(physical_layout) = {len(order)}")
    if any(not 0 <= i < len(shape) for i in order):
        raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {next(i for i in order if not 0 <= i < len(shape))}).")
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    a = np.empty([shape[i] for i in order], _default(dtype))
    return finish(a.transpose(np.argsort(order)), None, device, requires_grad)


def new_empty_strided(t: Tensor, size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                      pin_memory: bool = False) -> Tensor:
    return empty_strided(size, stride, dtype=dtype or t.dtype, device=device or t.device, requires_grad=requires_grad)


def randint_like(input: Tensor, low: int, high: Any = None, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                 memory_format: Any = None) -> Tensor:
    """Integers in [low, high), in the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return cr.randint(int(low), int(high), tuple(input._array.shape), dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def normal(mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, out: Any = None, **named: Any) -> Tensor:
    """Normal numbers with the given means and standard deviations."""
    if isinstance(std, Tensor) and std.dtype.is_complex:
        raise RuntimeError("normal expects standard deviation to be non-complex")
    low = float(std._array.min()) if isinstance(std, Tensor) and std._array.size else std if not isinstance(std, Tensor) else 0.0
    if low < 0:
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found std {low}")
    given = [v for v in (mean, std) if isinstance(v, Tensor)]
    shape = cr.shape_of((size,)) if size is not None else np.broadcast_shapes(*[v._array.shape for v in given])
    z = cr.randn(shape, generator=generator, dtype=given[0].dtype if given else named.get("dtype"))._array
    if not given:
        return finish(z * z.dtype.type(std) + z.dtype.type(mean), None, named.get("device"), bool(named.get("requires_grad")))
    drawn = _normal if len(given) == 2 else _of_mean if given[0] is mean else _of_std
    return run(drawn.op, (mean, std), (z,))


def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """1 with the probability that `input` says (or p), else 0."""
    if p is not None:
        return given(cr.bernoulli_(wrap(np.empty_like(input._array)), p, generator=generator), out)
    a = input._array
    if a.dtype.kind not in "fV":
        raise RuntimeError(f'"bernoulli_tensor_cpu_p_" not implemented for {input.dtype.tensor_name!r}')
    if a.size and (float(a.min()) < 0 or float(a.max()) > 1):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    u = _generator(generator).uniform(a.size, np.float64 if a.dtype == np.float64 else np.float32).reshape(a.shape)
    drawn: Tensor = run(_bernoulli.op, (input,), (u,))
    if out is None:
        return drawn
    return write_out(out, drawn.detach().to(out.dtype))


def _floating(t: Tensor, name: str) -> None:
    if t.dtype.category != 2:
        raise RuntimeError(f'"{name}" not implemented for {t.dtype.tensor_name!r}')


def _fresh(t: Tensor, values: Any) -> Tensor:
    return _overwrite(t, values.reshape(t._array.shape).astype(t._array.dtype))


def geometric_(t: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with the number of trials up to the first success of probability p."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    u = _generator(generator).uniform(t._array.size, np.float64)
    with np.errstate(divide="ignore"):
        return _fresh(t, np.ceil(np.log(u) / math.log1p(-p)))


def cauchy_(t: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with numbers of the Cauchy distribution."""
    _floating(t, "cauchy")
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    u = _generator(generator).uniform(t._array.size, np.float64)
    return _fresh(t, median + sigma * np.tan(math.pi * (u - 0.5)))


def log_normal_(t: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with exp of normal numbers."""
    _floating(t, "log_normal")
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    g = _generator(generator)
    return _fresh(t, np.exp(mean + std * g.one_by_one(t._array.size)))


def exponential_(t: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrites with numbers of the exponential distribution."""
    _floating(t, "exponential")
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    u = _generator(generator).uniform(t._array.size, np.float64)
    return _fresh(t, -np.log1p(-u) / lambd)


def new_type(d: dt.dtype) -> Any:
    """`FloatTensor` and its like: `FloatTensor(2, 3)` is uninitialised, `FloatTensor([1, 2])` holds data."""

    class Legacy(type):
        def __instancecheck__(cls, x: Any) -> bool:
            return isinstance(x, Tensor) and x.dtype is d

        def __call__(cls, *args: Any, device: Any = None) -> Tensor:
            if len(args) == 1 and not isinstance(args[0], (int, tuple)):
                data = args[0]
                return finish(np.array(data._array if isinstance(data, Tensor) else cr._array_of(data, d)), d, device)
            return finish(np.empty(cr.shape_of(args) if args else (0,), d.dtype), None, device)

        def __repr__(cls) -> str:
            return f"<class 'torch.{d.tensor_name}Tensor'>"

    return Legacy(f"{d.tensor_name}Tensor", (), {"dtype": d, "__doc__": new_type.__doc__})


FloatTensor, DoubleTensor, HalfTensor = new_type(dt.float32), new_type(dt.float64), new_type(dt.float16)
LongTensor, IntTensor, ShortTensor, CharTensor = new_type(dt.int64), new_type(dt.int32), new_type(dt.int16), new_type(dt.int8)
ByteTensor, BoolTensor = new_type(dt.uint8), new_type(dt.bool_)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of another library's tensor that speaks DLPack."""
    return wrap(np.from_dlpack(ext_tensor._array if isinstance(ext_tensor, Tensor) else ext_tensor))


def dlpack(t: Tensor, *args: Any, **kwargs: Any) -> Any:
    if t._req:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return t._array.__dlpack__(*args, **kwargs)


def dlpack_device(t: Tensor) -> Any:
    return t._array.__dlpack_device__()
