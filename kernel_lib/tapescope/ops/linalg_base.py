"""What linear algebra shares: products of stacks of matrices, checks in PyTorch's words, named results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import as_array
from ..core.op import op as op
from ..core.tensor import Tensor
from .complex import adjoint
from .linalg import bmm
from .shape import diagonal, diagonal_embed, transpose

mul = bmm                                                  # of arrays, Tensors and Symbols; leading dimensions broadcast
H = adjoint


class LinAlgError(RuntimeError):
    """A matrix cannot be inverted, factored or solved with."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"


def T(x: Any) -> Any:
    """Transposed matrices."""
    return transpose(x, -2, -1)


def diag_of(x: Any) -> Any:
    """The diagonals of a stack of matrices."""
    return diagonal(x, 0, -2, -1)


def diag_matrix(x: Any) -> Any:
    """A stack of square matrices with these diagonals."""
    n = x.shape[-1]
    return diagonal_embed(x, (*x.shape, n), 0, len(x.shape) - 1, len(x.shape))


def row(x: Any) -> Any:
    """[..., n] as [..., 1, n]."""
    return x[..., None, :]


def column(x: Any) -> Any:
    """[..., n] as [..., n, 1]."""
    return x[..., :, None]


def raw(x: Any) -> Any:
    """The array of a Tensor, or what is one already."""
    return x._array if isinstance(x, Tensor) else x


def each(a: Any) -> Any:
    """The matrices of a stack with their index, for what can only be done one at a time."""
    for i in np.ndindex(*a.shape[:-2]):
        yield i, a[i]


def matrices(name: str, x: Any, letter: str = "A") -> None:
    """Refuses what is no stack of matrices."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name.replace('.', '_')}(): argument '{letter}' (position 1) must be Tensor, not {type(x).__name__}")
    if x._array.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {letter} must have at least 2 dimensions.")


def square(name: str, x: Any, letter: str = "A") -> None:
    """Refuses what is no stack of square matrices."""
    matrices(name, x, letter)
    m, n = x._array.shape[-2:]
    if m != n:
        raise RuntimeError(f"{name}: {letter} must be batches of square matrices, but they are {m} by {n} matrices")


def floating(name: str, x: Tensor, *, low: bool = False) -> None:
    """Refuses integers, and half precision, which LAPACK does not know."""
    if x._array.dtype.kind not in "fcV":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype.tensor_name}")
    if not low and x._array.dtype.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {x.dtype.tensor_name}")


def same_dtype(name: str, a: Tensor, b: Tensor) -> None:
    """Refuses operands of different dtypes."""
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"{name}: Expected A and B to have the same dtype, but found A of type {a.dtype.tensor_name} and B of type "
                           f"{b.dtype.tensor_name} instead")


def real_dtype(d: Any) -> Any:
    """The dtype of the parts of a complex dtype."""
    return {"F": np.dtype("f4"), "D": np.dtype("f8")}.get(d.char, d)


def failed(name: str, info: Any, singular: str) -> None:
    """The error for the first matrix of a stack whose factorization failed: `info` is 0, or the number of the step that failed."""
    info = as_array(info)
    if not info.any():
        return
    i = int(np.flatnonzero(info)[0])
    where = f"(Batch element {i}): " if info.ndim else ""
    raise LinAlgError(f"{name}: {where}{singular.format(int(info.reshape(-1)[i]))}")


SINGULAR = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
SINGULAR_SOLVE = "The solver failed because the input matrix is singular."
NOT_POSITIVE = ("The factorization could not be completed because the input is not positive-definite (the leading minor of order {} is not "
                "positive-definite).")

