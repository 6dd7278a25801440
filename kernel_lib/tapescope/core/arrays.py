"""What NumPy and CuPy have under different names, or only NumPy has.

NumPy's functions and ufuncs take CuPy's arrays as they are. Here is the rest: constructors that look at no argument, methods of ufuncs that CuPy
refuses (all but `add`'s and `multiply`'s), `at` for the dtypes that its atomics lack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .device import module_of


def as_array(value: Any, dtype: Any = None) -> Any:
    """NumPy's scalars as 0-d arrays, arrays as they are."""
    if isinstance(value, (np.ndarray, np.generic)) or not hasattr(value, "astype"):
        return np.asarray(value, dtype)
    return value if dtype is None else value.astype(dtype, copy=False)


def beside(x: Any, value: Any) -> Any:
    """A constant where `x` lies: the host's array as it is for the host, a copy on the device for CuPy's."""
    return module_of(x).asarray(value) if hasattr(x, "__cuda_array_interface__") and isinstance(value, (np.ndarray, list)) else value


def constant(like: Any, value: Any) -> Any:
    """An array as a constant beside `like`, on its device: an array for an array, a Tensor for a Tensor, itself for a symbol."""
    from .tensor import Tensor, wrap

    return wrap(beside(like._array, value)) if isinstance(like, Tensor) else beside(like, value)


def contiguous(x: Any) -> Any:
    """The array row by row, copied if it lies otherwise."""
    return module_of(x).ascontiguousarray(x)


def as_strided(x: Any, shape: Any, strides: Any) -> Any:
    """A view with strides in bytes."""
    return module_of(x).lib.stride_tricks.as_strided(x, shape, strides)


def place_of(a: Any) -> int:
    """The address of the first element."""
    return int(a.ctypes.data if isinstance(a, np.ndarray) else a.data.ptr)


def largest(x: Any, dims: Any, keepdim: bool = True) -> Any:
    """The maximum over `dims` (None: over all); NaN wins."""
    return np.maximum.reduce(x, dims, None, None, keepdim) if isinstance(x, (np.ndarray, np.generic)) else x.max(dims, None, keepdim)


def smallest(x: Any, dims: Any, keepdim: bool = True) -> Any:
    """The minimum over `dims` (None: over all); NaN wins."""
    return np.minimum.reduce(x, dims, None, None, keepdim) if isinstance(x, (np.ndarray, np.generic)) else x.min(dims, None, keepdim)


def running(ufunc: Any, x: Any, dim: int) -> Any:
    """`ufunc.accumulate(x, dim)` of an associative ufunc: on a device by doubling, in log2(n) launches."""
    if isinstance(x, np.ndarray):
        return ufunc.accumulate(x, dim)
    y, reach = x.copy(), 1
    lead = (slice(None),) * dim
    while reach < x.shape[dim]:
        y[(*lead, slice(reach, None))] = ufunc(y[(*lead, slice(reach, None))], y[(*lead, slice(None, -reach))])
        reach *= 2
    return y


def at(ufunc: Any, out: Any, key: Any, values: Any) -> None:
    """`ufunc.at(out, key, values)`. What CuPy has no atomics for goes over the host."""
    if isinstance(out, np.ndarray) or ufunc is np.add and out.dtype.char in "lqefdILQi":
        ufunc.at(out, key, values)
    elif ufunc is np.add and out.dtype.kind == "c":
        for part, value in ((out.real, values.real), (out.imag, values.imag)):
            ufunc.at(part, key, value)
    elif ufunc in (np.maximum, np.minimum) and out.dtype.char in "lqILQi":     # atomics of floats know no NaN
        ufunc.at(out, key, values)
    else:
        there = out.get()
        ufunc.at(there, tuple(map(_host, key)) if isinstance(key, tuple) else _host(key), _host(values))
        out[...] = module_of(out).asarray(there)


def _host(value: Any) -> Any:
    return value.get() if hasattr(value, "get") else value
