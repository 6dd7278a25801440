"""PyTorch's signatures for inverses, solutions, determinants and factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import as_array, contiguous
from ..core.device import module_of
from ..core.tensor import Tensor, wrap
from . import linalg_factor as lf
from . import linalg_solve as ls
from . import shape
from .api_shape import tril
from .linalg_base import LinAlgError, floating, matrices, raw, same_dtype, square
from .pointwise import clone
from .returned import named
from .strided import squeeze_dim
from .whole import one_node

_inv_ex = named("linalg_inv_ex", "inverse", "info")
_solve_ex = named("linalg_solve_ex", "result", "info")
_slogdet = named("linalg_slogdet", "sign", "logabsdet")
_cholesky_ex = named("linalg_cholesky_ex", "L", "info")
_qr = named("linalg_qr", "Q", "R")
_qr_old = named("qr", "Q", "R")
_lu = named("linalg_lu", "P", "L", "U")
_lu_factor = named("linalg_lu_factor", "LU", "pivots")
_lu_factor_ex = named("linalg_lu_factor_ex", "LU", "pivots", "info")
_lu_unpack = named("lu_unpack", "P", "L", "U")
_lstsq = named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
_triangular = named("triangular_solve", "solution", "cloned_coefficient")


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix of a stack [..., n, n]; an error where there is none."""
    square("linalg.inv", A)
    floating("linalg.inv", A)
    return ls.inv(A, True)


inverse = inv


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """(inverse, info): info says at which step the factorization failed, 0 where it did not."""
    square("linalg.inv_ex", A)
    floating("linalg.inv_ex", A)
    y = ls.inv(A, check_errors)
    return _inv_ex(y, wrap(ls.factor(A._array)[2]))


def _is_vector(A: Tensor, B: Tensor) -> bool:
    a, b = A._array.shape, B._array.shape
    return len(b) == 1 or (len(a) - 1 == len(b) and a[:-1] == b)


def _solved(name: str, A: Tensor, B: Tensor, left: bool, strict: bool) -> Tensor:
    square(name, A)
    floating(name, A)
    same_dtype(name, A, B)
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / "
                           "A.squeeze(-1)")
    b = B._array[..., None] if vector else B._array
    if b.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    n = b.shape[-2 if left else -1]
    if n != A._array.shape[-1]:
        m, k = b.shape[-2:]
        raise RuntimeError(f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({A._array.shape[-2]}x{A._array.shape[-1]} and "
                           f"{m}x{k})")
    return ls.solve(A, B, left, strict, vector)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X of A X = B (X A = B with left=False), for stacks of matrices or of vectors."""
    return _solved("linalg.solve", A, B, left, True)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info), without an error where a matrix is singular."""
    y = _solved("linalg.solve", A, B, left, check_errors)
    return _solve_ex(y, wrap(ls.factor(A._array)[2]))


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """The X of A X = B for triangular A, of which only that triangle is read."""
    square("linalg.solve_triangular", A)
    floating("linalg.solve_triangular", A)
    same_dtype("linalg.solve_triangular", A, B)
    matrices("linalg.solve_triangular", B, "B")
    n = B._array.shape[-2 if left else -1]
    if n != A._array.shape[-1]:
        m, k = B._array.shape[-2:]
        raise RuntimeError(f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                           f"({A._array.shape[-2]}x{A._array.shape[-1]} and {m}x{k})")
    return ls.solve_triangular(A, B, bool(upper), bool(left), bool(unitriangular))


def triangular_solve(b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """(solution, A) of A x = b for triangular A; `linalg.solve_triangular` is its newer name."""
    square("triangular_solve", A)
    a = shape.transpose(A, A._array.ndim - 2, A._array.ndim - 1) if transpose else A
    solution, cloned = _triangular_node(b, a, upper != transpose, unitriangular)
    return _triangular(solution, shape.transpose(cloned, cloned._array.ndim - 2, cloned._array.ndim - 1) if transpose else cloned)


@one_node("triangular_solve", "TriangularSolveBackward0", r"{x1}^{-1}\,{x0}", 2, r"\bar{b} = A^{-\mathsf{H}}\,\bar{y} \\ \bar{A} = -\bar{b}\,y^{\mathsf{H}}", multi=True)
def _triangular_node(b: Tensor, a: Tensor, upper: bool, unitriangular: bool) -> tuple[Tensor, Tensor]:
    return ls.solve_triangular(a, b, upper, True, unitriangular), clone(a)


def det(A: Tensor) -> Tensor:
    """The determinant of each matrix."""
    square("linalg.det", A)
    floating("linalg.det", A)
    return ls.det(A)


def slogdet(A: Tensor) -> Any:
    """(sign, logabsdet) of the determinants."""
    square("linalg.slogdet", A)
    floating("linalg.slogdet", A)
    return _slogdet(*ls.slogdet(A))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinants: nan where they are negative."""
    from . import pointwise as pw

    sign, log = slogdet(input)
    if sign._array.dtype.kind == "c":
        return log + pw.log(sign)
    return pw.where(wrap(sign._array == -1), float("nan"), log)


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of each matrix."""
    square("linalg.matrix_exp", A)
    floating("linalg.matrix_exp", A)
    return ls.matrix_exp(A)


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower L of A = L Lᴴ (the upper U of A = Uᴴ U); an error where A is not positive-definite."""
    square("linalg.cholesky", A)
    floating("linalg.cholesky", A)
    return lf.cholesky(A, bool(upper), "linalg.cholesky")


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info): info is the order of the first leading minor that is not positive, else 0."""
    square("linalg.cholesky_ex", A)
    floating("linalg.cholesky_ex", A)
    info = lf.cholesky.op.forward(A._array, bool(upper), "linalg.cholesky_ex" if check_errors else "")[1]
    return _cholesky_ex(lf.cholesky(A, bool(upper), ""), wrap(info))


def cholesky_old(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky` under its older name."""
    square("cholesky", input)
    return lf.cholesky_old(input, bool(upper), "cholesky")


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X of A X = B from the Cholesky factor of A."""
    square("cholesky_solve", L)
    matrices("cholesky_solve", B, "b")
    return _cholesky_solve(B, L, upper)


@one_node("cholesky_solve", "CholeskySolveBackward0", r"({x1}\,{x1}^{\mathsf{H}})^{-1}\,{x0}", 2, r"\bar{B} = A^{-1}\,\bar{y} \\ \bar{L} = -(\bar{B}\,y^{\mathsf{H}} + y\,\bar{B}^{\mathsf{H}})\,L")
def _cholesky_solve(B: Tensor, L: Tensor, upper: bool) -> Tensor:
    if upper:
        return ls.solve_triangular(L, ls.solve_triangular(_adjoint(L), B, False, True, False), True, True, False)
    return ls.solve_triangular(_adjoint(L), ls.solve_triangular(L, B, False, True, False), True, True, False)


def _adjoint(x: Tensor) -> Tensor:
    from .complex import adjoint

    return adjoint(x)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A from its Cholesky factor."""
    square("cholesky_inverse", L)
    return _cholesky_inverse(L, upper)


@one_node("cholesky_inverse", "CholeskyInverseBackward0", r"({x0}\,{x0}^{\mathsf{H}})^{-1}", 1, r"\bar{L} = -y\,(\bar{y} + \bar{y}^{\mathsf{H}})\,y\,L")
def _cholesky_inverse(L: Tensor, upper: bool) -> Tensor:
    return cholesky_solve(wrap(module_of(L._array).eye(L._array.shape[-1], dtype=L._array.dtype)), L, upper)


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """(Q, R) with A = Q R; mode "reduced", "complete", or "r" for R alone."""
    matrices("linalg.qr", A)
    floating("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    return _qr(*lf.qr(A, mode))


def qr_old(input: Tensor, some: bool = True) -> Any:
    """`linalg.qr` under its older name."""
    return _qr_old(*qr(input, "reduced" if some else "complete"))


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """(LU, pivots): both factors in one matrix, and the rows exchanged, from 1."""
    lu, pivots, info = lu_factor_ex(A, pivot=pivot)
    if info._array.any():
        flat = int(np.flatnonzero(info._array)[0])
        where = f"(Batch element {flat}): " if info._array.ndim else ""
        raise LinAlgError(f"torch.linalg.lu_factor: {where}U[{info._array.reshape(-1)[flat]},{info._array.reshape(-1)[flat]}] is zero and using it on lu_solve "
                          "would result in a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                          "linalg.lu_factor_ex(A, pivot)")
    return _lu_factor(lu, pivots)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info), without an error where a pivot is 0."""
    matrices("torch.lu_factor", A)
    floating("torch.lu_factor", A)
    _pivots("linalg.lu_factor", pivot)
    lu, pivots = lf.lu_factor(A)
    pivots._node, pivots._req = None, False
    return _lu_factor_ex(lu, pivots, wrap(_first_zero(lu._array)))


def _first_zero(lu: Any) -> Any:
    """The number, from 1, of the first pivot that is 0; 0 where none is."""
    zero = np.diagonal(lu, 0, -2, -1) == 0
    return as_array(np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else module_of(lu).zeros(lu.shape[:-2]), np.int32)


def _pivots(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """(P, L, U) with A = P L U."""
    matrices("linalg.lu", A)
    floating("linalg.lu", A)
    _pivots("linalg.lu", pivot)
    p, lower, upper = lf.lu(A, True)
    p._node, p._req = None, False
    return _lu(p, lower, upper)


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """(P, L, U) of what `lu_factor` gave."""
    if LU_pivots._array.dtype != np.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: this function is intended to be used "
                           "with the output produced by torch.linalg.lu_factor")
    nothing = wrap(module_of(LU_data._array).zeros(0, LU_data._array.dtype))
    lower, upper = _unpacked(LU_data) if unpack_data else (nothing, nothing)
    m = LU_data._array.shape[-2]
    p = wrap(lf.permutation(ls.order_of(LU_pivots._array, m), LU_data._array.dtype)) if unpack_pivots else nothing
    return _lu_unpack(p, lower, upper)


@one_node("lu_unpack", "LuUnpackBackward0", r"\operatorname{unpack}({x0})", 1, r"\bar{x} = \operatorname{tril}(\bar{L}, -1) + \operatorname{triu}(\bar{U})", multi=True)
def _unpacked(LU: Tensor) -> tuple[Tensor, Tensor]:
    return lf.unpacked(LU)


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The X of A X = B (X A = B; Aᴴ X = B with adjoint=True) from what `lu_factor` gave."""
    return _lu_solve(LU, B, pivots, left, adjoint)


@one_node("linalg_lu_solve", "LinalgLuSolveBackward0", r"({x0})^{-1}\,{x1}", 2, r"\bar{B} = A^{-\mathsf{H}}\,\bar{y} \\ \overline{LU} = \text{of } {-\bar{B}}\,y^{\mathsf{H}}")
def _lu_solve(LU: Tensor, B: Tensor, pivots: Tensor, left: bool, adjoint: bool) -> Tensor:
    lower, upper = lf.unpacked(LU)
    p = wrap(lf.permutation(ls.order_of(pivots._array, LU._array.shape[-2]), LU._array.dtype))
    from .linalg_base import H, mul

    if left and not adjoint:
        return ls.solve_triangular(upper, ls.solve_triangular(lower, mul(H(p), B), False, True, True), True, True, False)
    if left:                                               # Aᴴ X = B: Uᴴ Lᴴ Pᴴ X = B
        y = ls.solve_triangular(H(lower), ls.solve_triangular(H(upper), B, False, True, False), True, True, True)
        return mul(p, y)
    if adjoint:                                            # X Aᴴ = B: X Uᴴ Lᴴ Pᴴ = B
        return _adjoint(lu_solve(LU, pivots, _adjoint(B)))
    return _adjoint(lu_solve(LU, pivots, _adjoint(B), adjoint=True))


def lu_solve_old(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve` with PyTorch's older order of arguments."""
    return lu_solve(LU_data, LU_pivots, b)


def _limits(A: Tensor, atol: Any, rtol: Any, rcond: Any = None) -> tuple[Any, Any]:
    rtol = rcond if rcond is not None else rtol
    eps = float(np.finfo(A._array.dtype).eps) * max(A._array.shape[-2:], default=0)
    if rtol is None:
        given = atol is not None and (raw(atol) > 0 if np.ndim(raw(atol)) == 0 else True)
        rtol = 0.0 if given else eps
    return tuple(raw(v)[..., None] if np.ndim(raw(v)) else float(raw(v)) for v in (0.0 if atol is None else atol, rtol))    # type: ignore[return-value]


def pinv(A: Tensor, *limit: Any, atol: Any = None, rtol: Any = None, rcond: Any = None, hermitian: bool = False) -> Tensor:
    """The Moore-Penrose inverse: singular values up to max(atol, rtol * largest) count as 0."""
    matrices("linalg.pinv", A)
    floating("linalg.pinv", A)
    if limit:
        rcond = limit[0]
    absolute, relative = _limits(A, atol, rtol, rcond)
    if hermitian:                                          # only one triangle is read
        square("linalg.pinv", A)
        A = tril(A) + _adjoint(tril(A, -1))
    return ls.pinv(A, absolute, relative)


@one_node("lstsq_residuals", "LinalgLstsqBackward0", r"{x0}^{+}\,{x1}", 2, ls.lstsq.op.grad_tex, multi=True)
def _least(A: Tensor, B: Tensor, limit: float, vector: bool, over: bool) -> tuple[Tensor, Tensor]:
    """The solution, and by how much it misses: nothing where there are not more rows than unknowns."""
    b = shape.unsqueeze(B, B._array.ndim) if vector else B
    x = ls.lstsq(A, b, limit)
    if over:
        r = b - A @ x
        missed = (r * r.conj()).real.sum(-2) if r._array.dtype.kind == "c" else (r * r).sum(-2)
    else:
        missed = shape.reshape(A.real if A._array.dtype.kind == "c" else A, (-1,))[:0]
    return squeeze_dim(x, (x._array.ndim - 1,)) if vector else x, missed


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(solution, residuals, rank, singular_values) of the least-squares problem min |A X - B|."""
    matrices("torch.linalg.lstsq", A, "input")
    floating("torch.linalg.lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but got {driver}")
    m, n = A._array.shape[-2:]
    vector = _is_vector(A, B)
    if (B._array[..., None] if vector else B._array).shape[-2] != m:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({'-1' if vector else '-2'})")
    limit = float(np.finfo(A._array.dtype).eps) * max(m, n) if rcond is None else rcond
    s = np.linalg.svd(A._array, compute_uv=False)
    ranks = (s > limit * s[..., :1]).sum(-1)
    result, residuals = _least(A, B, limit, vector, m > n and (driver == "gels" or driver in ("gelss", "gelsd") and bool((ranks == n).all())))
    full = driver not in (None, "gelsy", "gels")
    rank = wrap(module_of(s).zeros(0, np.int64)) if driver == "gels" else wrap(as_array(ranks, np.int64))
    return _lstsq(result, residuals, rank, wrap(s) if full else wrap(s[:0].reshape(-1)))


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflections, as LAPACK's geqrf stores them."""
    matrices("torch.linalg.householder_product", A, "input")
    m, n = A._array.shape[-2:]
    if m < n:
        raise RuntimeError("torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau._array.shape[-1]:
        raise RuntimeError("torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    return lf.householder_product(A, tau)


orgqr = householder_product


def geqrf(input: Tensor) -> Any:
    """(a, tau): R above the diagonal and the reflections below it."""
    matrices("torch.geqrf", input, "input")
    h, tau = np.linalg.qr(input._array, "raw")
    return _geqrf(wrap(contiguous(np.swapaxes(h, -2, -1))), wrap(tau))


_geqrf = named("geqrf", "a", "tau")


def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q @ other, or other @ Q, for the whole square Q of a product of reflections."""
    a, t, c, way = input._array, tau._array, other._array, -2 if left else -1
    said = None
    if a.ndim < 2 or c.ndim < 2:
        said = f"{'input' if a.ndim < 2 else 'other'} must have at least 2 dimensions."
    elif not t.ndim or t.shape[-1] != min(c.shape[way], a.shape[-1]):
        said = f"tau.shape[-1] must be equal to min(other.shape[{way}], input.shape[-1])"
    elif c.shape[way] != a.shape[-2]:
        said = f"other.shape[{way}] must be equal to input.shape[-2]"
    elif t.ndim != a.ndim - 1:
        said = f"Expected tau to have one dimension less than input, but got tau.ndim equal to {t.ndim} and input.ndim is equal to {a.ndim}"
    elif t.dtype != a.dtype or c.dtype != a.dtype:
        name, one = ("tau", tau) if t.dtype != a.dtype else ("other", other)
        said = f"Expected input and {name} to have the same dtype, but input has dtype{input.dtype.tensor_name} and {name} has dtype {one.dtype.tensor_name}"
    elif t.shape[:-1] != a.shape[:-2] or c.shape[:-2] != a.shape[:-2]:
        name, size = ("tau", t.shape[:-1]) if t.shape[:-1] != a.shape[:-2] else ("other", c.shape[:-2])
        said = f"Expected batch dimensions of {name} to be equal to input.shape[:-2], but got {list(size)}"
    if said is not None:
        raise RuntimeError(f"torch.ormqr: {said}")
    return _ormqr(input, tau, other, left, transpose)


@one_node("ormqr", "OrmqrBackward0", r"Q({x0}, {x1})\,{x2}", 3, r"\bar{c} = Q^{\mathsf{H}}\,\bar{y};\quad \bar{a}, \bar{\tau}\ \text{of } \bar{y}\,c^{\mathsf{H}}")
def _ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool, transpose: bool) -> Tensor:
    from .linalg_base import H, mul
    from .shape import cat

    m, n = input._array.shape[-2:]
    a = input if m <= n else cat((input, wrap(module_of(input._array).zeros((*input._array.shape[:-1], m - n), input._array.dtype))), input._array.ndim - 1)
    q = lf.householder_product(a[..., :m], tau)
    q = H(q) if transpose else q
    return mul(q, other) if left else mul(other, q)
