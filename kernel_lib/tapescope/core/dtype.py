"""PyTorch's dtypes over NumPy's, and PyTorch's promotion rules. bfloat16, which NumPy does not have, is ml_dtypes' where that is installed, and loads when it is asked for."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any

import numpy as np

from .state import numbers


class dtype:
    """An element type; prints as PyTorch's (`torch.float32`), converts by `np.dtype(d)`."""

    __slots__ = ("category", "dtype", "itemsize", "name", "tensor_name")

    def __init__(self, name: str, numpy_name: Any, category: int, tensor_name: str) -> None:
        self.name = name
        self.dtype = np.dtype(numpy_name)
        self.category = category                # 0 bool, 1 integer, 2 floating, 3 complex
        self.itemsize = self.dtype.itemsize
        self.tensor_name = tensor_name          # "Float": how PyTorch's messages call it

    @property
    def is_floating_point(self) -> bool:
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        return self.category == 3

    @property
    def is_signed(self) -> bool:
        return self.category != 0 and self.dtype.kind != "u"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def to_complex(self) -> dtype:
        return complex128 if self is float64 else complex64


float32 = dtype("float32", "f4", 2, "Float")
float64 = dtype("float64", "f8", 2, "Double")
float16 = dtype("float16", "f2", 2, "Half")
int8 = dtype("int8", "i1", 1, "Char")
int16 = dtype("int16", "i2", 1, "Short")
int32 = dtype("int32", "i4", 1, "Int")
int64 = dtype("int64", "i8", 1, "Long")
uint8 = dtype("uint8", "u1", 1, "Byte")
bool_ = dtype("bool", "?", 0, "Bool")
complex64 = dtype("complex64", "c8", 3, "ComplexFloat")
complex128 = dtype("complex128", "c16", 3, "ComplexDouble")

float_, double, half = float32, float64, float16
long, int_, short = int64, int32, int16

ALL: tuple[dtype, ...] = (float32, float64, float16, int8, int16, int32, int64, uint8, bool_, complex64, complex128)
OF_NUMPY: dict[np.dtype[Any], dtype] = {d.dtype: d for d in ALL}
_PYTHON: dict[Any, dtype] = {float: float64, int: int64, bool: bool_, complex: complex128}

_default = float32


def has_bfloat16() -> bool:
    """Whether there are bfloat16 numbers: whether ml_dtypes is installed."""
    return "bfloat16" in globals() or find_spec("ml_dtypes") is not None


def __getattr__(name: str) -> dtype:
    if name != "bfloat16":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not has_bfloat16():
        raise AttributeError("there is no bfloat16 here: NumPy has none, and ml_dtypes, which brings one, is not installed (pip install 'tapescope[bfloat16]'). "
                             "float16 (more digits, smaller range) and float32 are what stands in for it")
    from ml_dtypes import bfloat16 as scalar

    global ALL
    made = globals()[name] = dtype(name, scalar, 2, "BFloat16")
    ALL = (*ALL, made)
    OF_NUMPY[made.dtype] = made
    numbers.bfloat16 = made.dtype
    return made


def named(name: str) -> dtype | None:
    """The dtype of that name; None where there is none, or none here."""
    if name == "bfloat16" and has_bfloat16():
        return __getattr__(name) if name not in globals() else globals()[name]
    return next((d for d in ALL if d.name == name), None)


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype of new floating-point tensors; only floating-point dtypes are admitted."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


def as_dtype(d: Any) -> dtype:
    """A dtype from ours, a Python type or anything NumPy understands."""
    if isinstance(d, dtype):
        return d
    if d in _PYTHON:
        return float32 if d is float and _default is float32 else _default if d is float else _PYTHON[d]
    try:
        return OF_NUMPY[np.dtype(d)]
    except (TypeError, KeyError):
        raise TypeError(f"{d!r} is not a dtype that a Tensor can have; known are {', '.join(map(repr, ALL))}") from None


def of(array: Any) -> dtype:
    """The dtype of a NumPy or CuPy array."""
    try:
        return OF_NUMPY[array.dtype]
    except KeyError:
        if array.dtype.name == "bfloat16":                   # made by somebody who has imported ml_dtypes
            return named("bfloat16") or float32
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype}. The only supported types are: "
            f"{', '.join(d.name for d in ALL)}.") from None


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that both convert to, by PyTorch's lattice."""
    if a is b:
        return a
    if a.category != b.category:
        high, low = (a, b) if a.category > b.category else (b, a)
        if high.category == 3 and low is float64:
            return complex128
        return high
    if a.category == 1 and uint8 in (a, b):              # u1 with i1 needs i2; with wider signed, the wider
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    if a.itemsize == b.itemsize == 2 and a.category == 2:  # float16 and bfloat16
        return float32
    return a if a.itemsize >= b.itemsize else b


def scalar_dtype(value: Any) -> dtype:
    """The dtype that a Python number stands for in promotion."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    return complex64 if _default is not float64 else complex128


def wrapped(value: int, d: dtype) -> int:
    """A Python integer as it is computed with in an integer dtype: modulo its range."""
    if not -1 << 63 <= value < 1 << 63:
        raise OverflowError("int too big to convert")
    bits = 8 * d.itemsize
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if d.dtype.kind == "i" and low >> (bits - 1) else low


_IN_C = {uint8: "uint8_t", int8: "int8_t", int16: "int16_t", int32: "int", int64: "int64_t", float16: "c10::Half", float32: "float", float64: "double"}


def stored(value: Any, d: dtype) -> Any:
    """A Python number as it is written into a tensor of a dtype that must have room for it; a negative one counts from above where there is no sign."""
    if d.category == 1:
        limits = np.iinfo(d.dtype)
        below = -limits.max if d.dtype.kind == "u" else limits.min
        if isinstance(value, complex) or not below <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {_IN_C[d]} without overflow")
        return wrapped(int(value), d)
    if d in _IN_C and (isinstance(value, complex) or (abs(value) > float(np.finfo(d.dtype).max) and not math.isinf(value))):
        raise RuntimeError(f"value cannot be converted to type {_IN_C[d]} without overflow")
    return value


def result_type(*operands: Any) -> dtype:
    """PyTorch's promotion: tensors with dimensions decide, then 0-d tensors, then Python numbers, each only by category.

    Operands are arrays or Python numbers.
    """
    levels: list[dtype | None] = [None, None, None]       # dimensioned, 0-d, numbers
    for o in operands:
        if hasattr(o, "ndim") and hasattr(o, "dtype") and not isinstance(o, np.generic):
            level, d = (0 if o.ndim else 1), of(o)
        else:
            level, d = 2, scalar_dtype(o)
        known = levels[level]
        levels[level] = d if known is None else promote_types(known, d)
    result: dtype | None = None
    for found in levels:
        if found is None:
            continue
        if result is None:
            result = found
        elif found.category > result.category:
            result = result.to_complex() if result.category == 2 else found
    assert result is not None
    return result
