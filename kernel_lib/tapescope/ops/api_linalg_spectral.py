"""PyTorch's signatures for eigenvalues, singular values, norms, and products of many matrices."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.op import op
from ..core.tensor import Tensor, wrap
from . import api_reduce as ar
from . import linalg_spectral as sp
from . import reduce as rd
from . import shape
from .api_linalg import matmul, outer
from .api_shape import dim_of, dims_of
from .linalg_base import floating, matrices, square
from .pointwise import given
from .returned import named
from .strided import squeeze_dim

_eigh = named("linalg_eigh", "eigenvalues", "eigenvectors")
_eig = named("linalg_eig", "eigenvalues", "eigenvectors")
_svd = named("linalg_svd", "U", "S", "Vh")
_svd_old = named("svd", "U", "S", "V")


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """(eigenvalues, eigenvectors) of symmetric or Hermitian matrices, ascending; reads the lower triangle, or the upper with UPLO="U"."""
    square("linalg.eigh", A)
    floating("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return _eigh(*sp.eigh_op(A, UPLO.upper()))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric or Hermitian matrices, ascending."""
    return eigh(A, UPLO)[0]


def eig(A: Tensor) -> Any:
    """(eigenvalues, eigenvectors) of square matrices, complex."""
    square("linalg.eig", A)
    floating("linalg.eig", A)
    if not np.isfinite(A._array).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    return _eig(*sp.eig_op(A))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of square matrices, complex."""
    return eig(A)[0]


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh, S descending."""
    matrices("linalg.svd", A)
    floating("linalg.svd", A)
    if driver is not None:
        raise RuntimeError(f"torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend. (it was {driver!r})")
    return _svd(*sp.svd_op(A, bool(full_matrices)))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, descending."""
    matrices("linalg.svdvals", A)
    floating("linalg.svdvals", A)
    return sp.svd_op(A, False)[1]


def svd_old(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V) with input = U diag(S) Vᴴ; `linalg.svd` gives Vᴴ itself."""
    from .complex import adjoint

    matrices("linalg.svd", input)
    u, s, vh = sp.svd_op(input, not some)
    if not compute_uv:
        m, n = input._array.shape[-2:]
        lead, d = input._array.shape[:-2], input._array.dtype
        return _svd_old(wrap(module_of(s._array).zeros((*lead, m, m), d)), s, wrap(module_of(s._array).zeros((*lead, n, n), d)))
    return _svd_old(u, s, adjoint(vh))


def _cast(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None else x.to(dtype)


def vector_norm(x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """(Σ |x|^ord)^(1/ord) of the elements (over `dim`)."""
    floating_norm("linalg.vector_norm", x)
    x = _cast(x, dtype)
    dims = dims_of(dim, x._array.ndim)
    if x._array.size == 0 and (ord < 0 or ord == math.inf) and (dim is None or builtins.any(x._array.shape[d] == 0 for d in dims)):
        raise RuntimeError(f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not have an identity")
    y = rd.norm(x, float(ord), dims, keepdim)
    return given(y, out)


def floating_norm(name: str, x: Tensor) -> None:
    if x._array.dtype.kind not in "fcV":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype.tensor_name}")


def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The norm of matrices: "fro", "nuc", inf, -inf, 1, -1, 2 or -2."""
    if out is not None:
        return given(matrix_norm(A, ord, dim, keepdim, dtype=dtype), out)
    matrices("linalg.matrix_norm", A)
    floating_norm("linalg.matrix_norm", A)
    A = _cast(A, dtype)
    n = A._array.ndim
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim if not isinstance(dim, (tuple, list)) else ' '.join(map(str, dim))}")
    rows, columns = dim_of(dim[0], n), dim_of(dim[1], n)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return rd.norm(A, 2.0, (rows, columns), keepdim)
    if ord == "nuc" or (isinstance(ord, (int, float)) and builtins.abs(ord) == 2):
        if ord == 2 and not A._array.shape[rows] * A._array.shape[columns]:
            return rd.norm(A, 2.0, (rows, columns), keepdim)
        rest = [i for i in range(n) if i not in (rows, columns)]
        s = svdvals(shape.permute(A, (*rest, rows, columns)))
        y = ar.sum(s, -1, keepdim) if ord == "nuc" else ar.amax(s, -1, keepdim) if ord > 0 else ar.amin(s, -1, keepdim)
        order = [*rest, rows, columns]
        return shape.permute(shape.unsqueeze(y, n - 1), tuple(order.index(d) for d in range(n))) if keepdim else y
    if isinstance(ord, str) or builtins.abs(ord) not in (1, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, taken = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
    if ord > 0 and not A._array.shape[taken]:                 # nothing is as large as 0
        return rd.norm(A, 1.0, (rows, columns), keepdim)
    pick = ar.amax if ord > 0 else ar.amin
    return pick(rd.norm(A, 1.0, (summed,), keepdim), taken if keepdim or taken < summed else taken - 1, keepdim)


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """A vector norm, or a matrix norm where `dim` names two dimensions or `ord` is given for a matrix."""
    if out is not None:
        return given(norm(A, ord, dim, keepdim, dtype=dtype), out)
    if dim is not None and isinstance(dim, (tuple, list)) and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if A._array.ndim not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A._array.ndim}D.")
        dim = (0,) if A._array.ndim == 1 else (-2, -1)
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: Order {ord} not supported for vectors")
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: |A| |A^-1| in a matrix norm, or the ratio of the extreme singular values."""
    matrices("linalg.cond", A)
    if p in (None, 2, -2):
        s = svdvals(A)
        k = s._array.shape[-1]
        big, small = s[..., :1], s[..., k - 1:]
        return squeeze_dim(small / big if p == -2 else big / small, (s._array.ndim - 1,))
    from .api_linalg_solve import inv_ex

    square("linalg.cond", A)
    y = matrix_norm(A, p) * matrix_norm(inv_ex(A)[0], p)
    if np.isnan(y._array).any():                           # a singular matrix has no inverse: its condition is infinite
        from . import pointwise as pw

        y = pw.where(wrap(np.isnan(y._array)), math.inf, y)
    return y


def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values exceed max(atol, rtol * largest)."""
    from .api_linalg_solve import _limits

    matrices("linalg.matrix_rank", A)
    absolute, relative = _limits(A, tol if tol is not None else atol, 0.0 if tol is not None else rtol)
    a = A._array
    s = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    if s.shape[-1] == 0:
        return wrap(np.zeros(s.shape[:-1], np.int64))
    return wrap(np.asarray((s > np.maximum(absolute, relative * s.max(-1, keepdims=True))).sum(-1), np.int64))


def matrix_power(A: Tensor, n: int, *, out: Any = None) -> Tensor:
    """A multiplied with itself n times; its inverse for negative n."""
    from .api_linalg_solve import inv
    from .pointwise import clone

    if out is not None:
        return given(matrix_power(A, n), out)
    square("linalg.matrix_power", A)
    if n == 0:
        from .api_index import copied
        from .elementary import zero

        return copied(wrap(np.empty_like(A._array)), zero(A) + wrap(module_of(A._array).eye(A._array.shape[-1], dtype=A._array.dtype)))
    if n < 0:
        A, n = inv(A), -n
        if n == 1:
            return A
    if n == 1:
        return clone(A)
    result, factor = None, A
    while n:
        if n & 1:
            result = factor if result is None else matmul(result, factor)
        n >>= 1
        if n:
            factor = matmul(factor, factor)
    return result                                          # type: ignore[return-value]


def multi_dot(tensors: Any, *, out: Any = None) -> Tensor:
    """The product of matrices in the cheapest order."""
    ts = list(tensors)
    n = len(ts)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    first, last = ts[0]._array.ndim == 1, ts[-1]._array.ndim == 1
    for i, t in enumerate(ts):
        if t._array.ndim != 2 and not (t._array.ndim == 1 and i in (0, n - 1)):
            which = "the first tensor" if i == 0 else "the last tensor" if i == n - 1 else f"tensor {i}"
            raise RuntimeError(f"multi_dot(): {which} must be {'1D or 2D' if i in (0, n - 1) else '2D'} but got {t._array.ndim}D")
    if first:
        ts[0] = shape.unsqueeze(ts[0], 0)
    if last:
        ts[-1] = shape.unsqueeze(ts[-1], 1)
    sizes = [t._array.shape[0] for t in ts] + [ts[-1]._array.shape[1]]
    for i in range(n - 1):
        if ts[i]._array.shape[1] != sizes[i + 1]:
            p, q = ts[i]._array.shape, ts[i + 1]._array.shape
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(p)} and {list(q)} cannot be multiplied")
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], cut[i][j] = builtins.min(options)

    def product(i: int, j: int) -> Tensor:
        return ts[i] if i == j else matmul(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    y = product(0, n - 1)
    gone = ((0,) if first else ()) + ((1,) if last else ())
    y = shape.view(y, tuple(s for d, s in enumerate(y._array.shape) if d not in gone))
    if out is None:
        return y
    from ..core.pointwise import write_out

    return write_out(out, y)


@op(r"{a} \times {b}", operands=2, name="linalg_cross")
def _cross(a: Any, b: Any, dim: int) -> Any:
    a, b = np.broadcast_arrays(a, b)
    one = (slice(None),) * dim
    i, j, k = ((*one, n) for n in range(3))
    return np.stack([a[j] * b[k] - a[k] * b[j], a[k] * b[i] - a[i] * b[k], a[i] * b[j] - a[j] * b[i]], dim)


_cross.vjp(lambda g, b, dim: _cross(b, g, dim), lambda g, a, dim: _cross(g, a, dim))


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three along `dim`."""
    n = input._array.ndim
    if n != other._array.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    d = dim_of(dim, n)
    if input._array.shape[d] != 3 or other._array.shape[d] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {input._array.shape[d]} and {other._array.shape[d]}")
    return _cross(input, other, d)


def cross_old(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """`linalg.cross` along the first dimension of size 3 where none is named."""
    if dim is None:
        found = next((i for i, s in enumerate(input._array.shape) if s == 3), None)
        if found is None:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found
    return cross(input, other, dim=dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ conj(x) y along `dim`."""
    if x._array.dtype.kind not in "fcV":
        raise RuntimeError(f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {x.dtype.tensor_name}")
    if x._array.ndim == y._array.ndim == 1 and x._array.shape == y._array.shape and x._array.dtype == y._array.dtype:
        from .api_products import vdot

        return vdot(x, y)
    return ar.sum((x.conj() if x._array.dtype.kind == "c" else x) * y, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view."""
    from .api_shape import diagonal as of

    return of(A, offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Rows of powers 1, x, x², ..."""
    if N is not None and N < 2:
        raise RuntimeError("N must be greater than 1.")
    if x._array.ndim == 0:
        x = shape.reshape(x, (1,))
    n = x._array.shape[-1] if N is None else N
    one = (x * 0 + 1)[..., None]
    parts = [one]
    for _ in range(n - 1):
        parts.append(parts[-1] * x[..., None])
    return shape.cat(tuple(parts), x._array.ndim)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its last dimensions to its first `ind`."""
    from .api_linalg_solve import inv

    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    p = A._array.shape
    m, k = math.prod(p[:ind]), math.prod(p[ind:])
    if m != k:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {k} != {m}")
    return shape.reshape(inv(shape.reshape(A, (m, k))), (*p[ind:], *p[:ind]))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X of tensordot(A, X, X.ndim) = B."""
    from .api_linalg_solve import solve

    n = A._array.ndim
    if dims is not None:
        moved = [dim_of(d, n) for d in dims]
        A = shape.permute(A, (*[i for i in range(n) if i not in moved], *moved))
    rest = A._array.shape[B._array.ndim:]
    size, total = math.prod(rest), math.prod(A._array.shape[:B._array.ndim])
    if size != total:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {size} != {total}")
    y = solve(shape.reshape(A, (total, size)), shape.reshape(B, (-1,)))
    return shape.reshape(y, rest)


def chain_matmul(*tensors: Tensor) -> Tensor:
    """`linalg.multi_dot` under its older name."""
    return multi_dot(tensors) if len(tensors) > 1 else tensors[0]


ger = outer
