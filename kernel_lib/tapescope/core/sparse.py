"""Arrays of which only some rows are written down: coordinates and values. They exist so that the gradient of a large table is as small as what was read of it.

A `Rows` stands where an array stands, as a gradient or as `tensor._array`, and does what gradients need: it is added, scaled, cast and made dense. Everything else is
refused by name.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from .device import CPU, module_of, move, of


class Rows:
    """`values[k]` at `indices[:, k]`: coordinates in the leading dimensions of `shape`, dense in the rest. What stands at the same place twice is summed."""

    __slots__ = ("coalesced", "indices", "shape", "values")
    flags = SimpleNamespace(c_contiguous=True, owndata=True)

    def __init__(self, indices: Any, values: Any, shape: tuple[int, ...], coalesced: bool = False) -> None:
        self.indices, self.values, self.shape, self.coalesced = indices, values, tuple(shape), coalesced

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return int(self.values.itemsize)

    @property
    def nbytes(self) -> int:
        return int(self.values.nbytes + self.indices.nbytes)

    @property
    def device(self) -> Any:
        return of(self.values)

    def place(self) -> tuple[Any, ...]:
        """The coordinates as an index into a dense array."""
        return tuple(self.indices) or (None,)

    def astype(self, dtype: Any, copy: bool = True) -> Rows:
        return self.like(self.values.astype(dtype, copy=copy))

    def copy(self, order: str = "C") -> Rows:
        return Rows(self.indices.copy(), self.values.copy(), self.shape, self.coalesced)

    def like(self, values: Any) -> Rows:
        """Other values at the same places."""
        return Rows(self.indices, values, self.shape, self.coalesced)

    def any(self) -> bool:
        return bool(self.values.any())

    def fill(self, value: Any) -> None:
        """Forgets everything that is written down; another value than zero would not be sparse."""
        if value:
            raise refusal("fill_")
        self.indices, self.values, self.coalesced = self.indices[:, :0], self.values[:0], True

    def summed(self) -> Rows:
        """Each place once, in order: values at one place are added."""
        if self.coalesced:
            return self
        if not len(self.indices):
            return Rows(self.indices[:, :1], self.values.sum(0, keepdims=True), self.shape, True)
        xp = module_of(self.values)
        leading = self.shape[:len(self.indices)]
        strides = [math.prod(leading[i + 1:]) for i in range(len(leading))]
        flat = sum((self.indices[i] * s for i, s in enumerate(strides)), xp.zeros(self.indices.shape[1], np.int64))
        places, which = xp.unique(flat, return_inverse=True)
        values = xp.zeros((len(places), *self.values.shape[1:]), self.values.dtype)
        xp.add.at(values, which.reshape(-1), self.values)
        indices = xp.stack([places // s % n for s, n in zip(strides, leading, strict=True)])
        return Rows(indices, values, self.shape, True)

    def dense(self) -> Any:
        """The whole array."""
        out = module_of(self.values).zeros(self.shape, self.values.dtype)
        self.add_to(out)
        return out

    def get(self) -> Any:
        """The whole array on the host, as CuPy's arrays give theirs to who looks at them."""
        return move(self.dense(), CPU)

    def add_to(self, out: Any) -> None:
        """Adds the values to a dense array, in place."""
        if not len(self.indices):
            out += self.values.sum(0)
        elif self.values.size:
            module_of(out).add.at(out, self.place(), self.values)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Rows):
            if other.shape != self.shape or len(other.indices) != len(self.indices):
                raise RuntimeError(f"add: expected sizes of 'self' and 'other' to match, but {list(self.shape)} != {list(other.shape)}")
            xp = module_of(self.values)
            return Rows(xp.concatenate((self.indices, other.indices), 1), xp.concatenate((self.values, other.values)), self.shape)
        if getattr(other, "shape", ()) == self.shape and not isinstance(other, (int, float)):
            out = other.astype(np.result_type(other, self.values))
            self.add_to(out)
            return out
        raise refusal("add")

    __radd__ = __add__

    def __neg__(self) -> Rows:
        return self.like(-self.values)

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, Rows):
            raise refusal("sub")
        return self + -other

    def __mul__(self, number: Any) -> Rows:
        if np.ndim(number):
            raise refusal("mul")
        return self.like((self.values * number).astype(self.values.dtype, copy=False))

    __rmul__ = __mul__

    def __truediv__(self, number: Any) -> Rows:
        if np.ndim(number):
            raise refusal("div")
        return self.like((self.values / number).astype(self.values.dtype, copy=False))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method == "__call__" and len(inputs) == 2 and not kwargs:
            a, b = inputs
            if ufunc is np.add and out is not None and out[0] is a and isinstance(b, Rows):
                b.add_to(a)
                return a
            if out is None and ufunc is np.add:
                if a is self and isinstance(b, np.ndarray):
                    raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
                return self + (b if a is self else a)
            if out is None and ufunc is np.subtract and a is self:
                return self - b
            if out is None and ufunc is np.multiply:
                return self * (b if a is self else a)
            if out is None and ufunc is np.true_divide and a is self:
                return self / b
        if method == "__call__" and ufunc is np.negative and out is None:
            return -self
        raise refusal(ufunc.__name__)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise refusal(func.__name__)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(str(refusal(name)) if not name.startswith("__") else name)


def refusal(name: str) -> NotImplementedError:
    """PyTorch's error for an op that takes no sparse tensor, with what to do."""
    return NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend: to_dense() makes a tensor that every op takes")


def dense(value: Any) -> Any:
    """What is shown or measured as a whole: rows made dense, anything else as it is."""
    return value.dense() if value.__class__ is Rows else value
