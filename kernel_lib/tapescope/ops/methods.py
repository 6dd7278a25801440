"""What a Tensor can do: every method and operator, attached once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import device as dev
from ..core import dtype as dt
from ..core.inplace import assign, run_inplace
from ..core.symbol import Symbol
from ..core.tensor import Tensor, wrap
from . import api_activation as an
from . import api_index as ai
from . import api_linalg as al
from . import api_pointwise as ap
from . import api_reduce as ar
from . import api_shape as ash
from . import creation as cr
from . import elementary as el
from . import pointwise as pw
from . import shape


def _reflected(f: Any) -> Any:
    def call(self: Any, other: Any) -> Any:
        return f(other, self)
    return call


def _inplace(o: Any, public: Any = None) -> Any:
    def call(self: Tensor, *others: Any, alpha: Any = 1) -> Tensor:
        if alpha.__class__ is not int or alpha != 1:
            others = (ap.times_alpha(others[0], self, alpha),)
        return run_inplace(o, self, others)
    return call


def _assigned(f: Any) -> Any:
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(f, self, *args, **kwargs)
    return call


for _name, _op in {"add": pw.add, "sub": pw.sub, "mul": pw.mul, "truediv": pw.div, "mod": ap.remainder, "floordiv": ap.floor_divide,
                   "and": pw.bitwise_and, "or": pw.bitwise_or, "xor": pw.bitwise_xor}.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", _reflected(_op))
    setattr(Tensor, f"__i{_name}__", _inplace(_op.op) if hasattr(_op, "op") else _assigned(_op))
    setattr(Symbol, f"__{_name}__", _op)
    setattr(Symbol, f"__r{_name}__", _reflected(_op))
Tensor.__rsub__, Tensor.__rtruediv__, Tensor.__rdiv__, Tensor.rsub = ap.rsub, ap.rdiv, ap.rdiv, ap.rsub
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_name}__", getattr(pw, _name))
    setattr(Symbol, f"__{_name}__", getattr(pw, _name))
for _cls in (Tensor, Symbol):
    for _name, _f in {"neg": pw.neg, "abs": pw.abs, "invert": pw.bitwise_not, "pow": ap.pow, "rpow": ap.rpow}.items():
        setattr(_cls, f"__{_name}__", _f)
    setattr(_cls, "__hash__", object.__hash__)               # __eq__ is elementwise; identity is what a set of tensors means
for _name, _f in {"__matmul__": al.matmul, "__rmatmul__": _reflected(al.matmul), "__getitem__": ai.getitem, "__setitem__": ai.setitem}.items():
    setattr(Tensor, _name, _f)
setattr(Symbol, "__pow__", pw.pow)

UNARY = ("neg reciprocal exp expm1 exp2 log log1p log2 log10 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh erf abs relu sigmoid sign floor "
         "ceil trunc logical_not bitwise_not isnan isinf isfinite").split()
BINARY = ("maximum minimum atan2 eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor").split()
for _name in (*UNARY, *BINARY):
    setattr(Tensor, _name, getattr(pw, _name))
for _name in ("neg reciprocal exp expm1 exp2 log log1p log2 log10 sqrt rsqrt sin cos tan tanh sinh cosh erf abs relu sigmoid sign floor ceil trunc").split():
    setattr(Tensor, _name + "_", _inplace(getattr(pw, _name).op))
for _name, _op in {"add_": pw.add, "sub_": pw.sub, "mul_": pw.mul}.items():
    setattr(Tensor, _name, _inplace(_op.op))
ELEMENTARY = ("acosh asinh atanh deg2rad rad2deg frac signbit isneginf isposinf hypot fmax fmin logaddexp logaddexp2 ldexp heaviside gcd lcm "
              "bitwise_left_shift bitwise_right_shift").split()
for _name in ELEMENTARY:
    setattr(Tensor, _name, getattr(el, _name))
for _name, _op in {"lshift": el.bitwise_left_shift, "rshift": el.bitwise_right_shift}.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", _reflected(_op))
    setattr(Tensor, f"__i{_name}__", _assigned(_op))
# Written into the memory of the tensor, whatever they are made of.
for _module, _names in {
    el: "acosh asinh atanh deg2rad rad2deg frac hypot ldexp heaviside gcd lcm bitwise_left_shift bitwise_right_shift",
    ap: "copysign div pow square clamp clamp_min clamp_max round lerp addcmul addcdiv remainder fmod floor_divide nan_to_num float_power",
    pw: "asin acos atan atan2 erf bitwise_not bitwise_and bitwise_or bitwise_xor logical_not logical_and logical_or logical_xor eq ne lt le gt ge",
}.items():
    for _name in _names.split():
        setattr(Tensor, _name + "_", _assigned(getattr(_module, _name)))

for _module, _names in {
    ap: "copysign add sub mul div pow square clamp clamp_min clamp_max round lerp addcmul addcdiv remainder fmod floor_divide nan_to_num float_power positive "
        "frexp",
    ar: "sum mean prod max min amax amin argmax argmin var std logsumexp norm cumsum cumprod all any sort argsort topk unique nonzero "
        "count_nonzero bincount histc isclose allclose equal numel is_floating_point",
    ash: "view reshape flatten ravel unflatten transpose t permute movedim expand broadcast_to unsqueeze squeeze chunk unbind narrow select repeat "
         "tile flip roll tril triu diagonal clone contiguous to size stride",
    al: "matmul mm bmm mv dot outer addmm trace",
    ai: "gather index_select masked_select masked_fill masked_fill_ copy_ take_along_dim",
    an: "softmax log_softmax",
    cr: "uniform_ normal_ random_ bernoulli_",
}.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))
Tensor.swapaxes = Tensor.swapdims = ash.transpose
Tensor.clip, Tensor.clip_, Tensor.__ipow__ = ap.clamp, Tensor.clamp_, Tensor.pow_
Tensor.fill_, Tensor.zero_ = ap.fill_, ap.zero_
setattr(Tensor, "__pos__", ap.positive)
Tensor.nelement = ar.numel
for _alias, _name in {"absolute": "abs", "divide": "div", "true_divide": "div", "multiply": "mul", "subtract": "sub", "negative": "neg", "arccos": "acos", "arcsin": "asin",
                      "arctan": "atan", "arctan2": "atan2", "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "greater": "gt", "greater_equal": "ge",
                      "less": "lt", "less_equal": "le", "not_equal": "ne", "fix": "trunc"}.items():
    setattr(Tensor, _alias, getattr(Tensor, _name))
    setattr(Tensor, _alias + "_", getattr(Tensor, _name + "_"))


def _method(f: Any) -> Any:
    setattr(Tensor, f.__name__, f)
    return f


def _property(f: Any) -> Any:
    setattr(Tensor, f.__name__, property(f))
    return f


@_property
def T(t: Tensor) -> Tensor:
    return ash.permute(t, tuple(reversed(range(t._array.ndim)))) if t._array.ndim else t


@_property
def mT(t: Tensor) -> Tensor:
    return shape.transpose(t, t._array.ndim - 2, t._array.ndim - 1)


@_method
def dim(t: Tensor) -> int:
    return int(t._array.ndim)


@_method
def item(t: Tensor) -> Any:
    """The only element as a Python number."""
    if t._array.size != 1:
        raise RuntimeError(f"a Tensor with {t._array.size} elements cannot be converted to Scalar (its shape is {list(t._array.shape)})")
    return t._array.item()


@_method
def tolist(t: Tensor) -> Any:
    return t._array.tolist()


@_method
def numpy(t: Tensor, *, force: bool = False) -> Any:
    """The memory as a NumPy array."""
    if force:
        return dev.move(t._array, dev.CPU)
    if t.is_cuda:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")
    if t._req:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if t.is_sparse:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")
    return t._array


@_method
def __array__(t: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    a = numpy(t)
    if dtype is not None and a.dtype != dtype:
        if copy is False:
            raise ValueError(f"Unable to avoid copy while creating an array as requested: the tensor holds {a.dtype}, not {np.dtype(dtype)}")
        return a.astype(dtype)
    return a.copy() if copy else a


def _number(t: Tensor) -> Any:
    if t._array.size != 1:
        raise ValueError(f"only one element tensors can be converted to Python scalars (this one has shape {list(t._array.shape)})")
    return t._array.item()


@_method
def __float__(t: Tensor) -> float:
    return float(_number(t))


@_method
def __int__(t: Tensor) -> int:
    return int(_number(t))


@_method
def __index__(t: Tensor) -> int:
    if t._array.size != 1 or t._array.dtype.kind not in "iub":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(item(t))


@_method
def __complex__(t: Tensor) -> complex:
    return complex(_number(t))


@_method
def __bool__(t: Tensor) -> bool:
    if t._array.size != 1:
        raise RuntimeError("Boolean value of Tensor with " + ("no values" if t._array.size == 0 else "more than one value") + " is ambiguous"
                           + (f" (its shape is {list(t._array.shape)}; use .any() or .all())" if t._array.size else ""))
    return bool(t._array.item())


@_method
def __contains__(t: Tensor, element: Any) -> bool:
    return bool((t._array == (element._array if isinstance(element, Tensor) else element)).any())


@_method
def __iter__(t: Tensor) -> Any:
    if t._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(ash.unbind(t, 0))


@_method
def __deepcopy__(t: Tensor, memo: dict[int, Any]) -> Tensor:
    if t._node is not None:
        raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. If you were "
                           "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage")
    if id(t) in memo:
        return memo[id(t)]
    new = wrap(t._array.copy(), req=t._req, cls=t.__class__)
    new.__dict__.update(t.__dict__)
    if t._grad is not None:
        new._grad = wrap(t._grad._array.copy())
    memo[id(t)] = new
    return new


def _rebuild(cls: Any, array: Any, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    t = wrap(array, req=requires_grad, cls=cls)
    t.__dict__.update(attributes)
    return t


@_method
def __reduce__(t: Tensor) -> Any:
    return _rebuild, (t.__class__, t._array, t._req, dict(t.__dict__))


@_method
def __format__(t: Tensor, spec: str) -> str:
    """A number is formatted as a number: `f"{loss:.3f}"`."""
    return format(item(t), spec) if t._array.ndim == 0 else object.__format__(t, spec)


@_method
def type(t: Tensor, dtype: Any = None) -> Any:
    if dtype is None:
        return f"torch.{'cuda.' if t.is_cuda else ''}{t.dtype.tensor_name}Tensor"
    if isinstance(dtype, str):
        name = dtype.rsplit(".", 1)[-1].removesuffix("Tensor")
        dtype = next((d for d in dt.ALL if d.tensor_name == name), dtype)
    return ash.to(t, dtype)


@_method
def type_as(t: Tensor, other: Tensor) -> Tensor:
    return ash.to(t, other.dtype, device=other.device)


for _name, _d in {"float": dt.float32, "double": dt.float64, "half": dt.float16, "int": dt.int32, "long": dt.int64, "short": dt.int16,
                  "bool": dt.bool_, "byte": dt.uint8, "char": dt.int8, "cfloat": dt.complex64, "cdouble": dt.complex128}.items():
    def _cast(t: Tensor, memory_format: Any = None, _d: Any = _d) -> Tensor:
        return ash.to(t, _d)
    setattr(Tensor, _name, _cast)


@_method
def bfloat16(t: Tensor, memory_format: Any = None) -> Tensor:
    return ash.to(t, dt.bfloat16)


@_method
def cpu(t: Tensor) -> Tensor:
    return ash.to(t, "cpu")


@_method
def cuda(t: Tensor, device: Any = None) -> Tensor:
    return ash.to(t, dev.device("cuda") if device is None else dev.device(device))


@_method
def view_as(t: Tensor, other: Tensor) -> Tensor:
    return ash.view(t, tuple(other._array.shape))


@_method
def reshape_as(t: Tensor, other: Tensor) -> Tensor:
    return ash.reshape(t, tuple(other._array.shape))


@_method
def expand_as(t: Tensor, other: Tensor) -> Tensor:
    return ash.expand(t, tuple(other._array.shape))


@_method
def where(t: Tensor, condition: Tensor, other: Any) -> Tensor:
    return ap.where(condition, t, other)


@_method
def is_contiguous(t: Tensor, memory_format: Any = None) -> bool:
    return bool(t._array.flags.c_contiguous)


@_method
def element_size(t: Tensor) -> int:
    return int(t._array.itemsize)


@_method
def data_ptr(t: Tensor) -> int:
    return int(t._array.__array_interface__["data"][0] if isinstance(t._array, np.ndarray) else t._array.data.ptr)


@_method
def is_complex(t: Tensor) -> bool:
    return t.dtype.is_complex


@_method
def share_memory_(t: Tensor) -> Tensor:
    """Moves the tensor into memory that other processes see; views of it that were made before stay where they are."""
    from ..core.shared import share

    if not t.is_cuda:                                      # on a device nothing is shared, and nothing happens, as in PyTorch
        t._array = share(t._array)
    return t


@_method
def is_shared(t: Tensor) -> bool:
    """Whether the tensor lies in memory that other processes see."""
    if t.is_cuda:
        return True
    from ..core.shared import block_of

    return block_of(t._array) is not None


@_method
def pin_memory(t: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: NumPy's memory is not pinned."""
    return t


@_method
def is_pinned(t: Tensor, device: Any = None) -> bool:
    return False


@_method
def get_device(t: Tensor) -> int:
    """The number of the device; -1 on the CPU."""
    return dev.of(t._array).index if t.is_cuda else -1     # type: ignore[return-value]


def _new(make: Any) -> Any:
    def call(t: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
             **size: Any) -> Tensor:
        args = (*args, *size.values())
        return make(*args, dtype=dtype or t.dtype, device=device or t.device, requires_grad=requires_grad)
    return call


for _name, _make in {"new_zeros": cr.zeros, "new_ones": cr.ones, "new_empty": cr.empty, "new_full": cr.full, "new_tensor": cr.tensor}.items():
    setattr(Tensor, _name, _new(_make))
