"""Inverses, solutions and determinants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from .complex import imag_part
from .linalg_base import SINGULAR, SINGULAR_SOLVE, H, T, column, diag_of, each, failed, mul, op, raw, real_dtype
from .shape import tril, triu

_COLUMNS = 32


def factor(a: Any) -> tuple[Any, Any, Any]:
    """LU with partial pivoting of a stack: L and U packed, the row exchanged at each step (from 1), and where the first zero pivot stands (0: none).

    Column by column over the whole stack at once, a few columns at a time: what is right of them follows as a product.
    """
    lu = a.copy()
    m, n = lu.shape[-2:]
    k = min(m, n)
    flat = lu.reshape(math.prod(lu.shape[:-2]), m, n)
    batch = module_of(a).arange(len(flat))
    pivots = module_of(a).zeros((len(flat), k), np.int32)
    info = module_of(a).zeros(len(flat), np.int32)
    for first in range(0, k, _COLUMNS):
        last = min(first + _COLUMNS, k)
        for j in range(first, last):
            size = np.abs(flat[:, j:, j].real) + np.abs(flat[:, j:, j].imag) if flat.dtype.kind == "c" else np.abs(flat[:, j:, j])
            p = np.argmax(size, 1) + j if m else module_of(a).zeros(len(flat), np.int64)
            pivots[:, j] = p + 1
            rows = flat[batch, p].copy()
            flat[batch, p] = flat[:, j]
            flat[:, j] = rows
            head = rows[:, j]
            info[(head == 0) & (info == 0)] = j + 1
            if j + 1 < m:
                safe = np.where(head == 0, 1, head)[:, None]
                below = flat[:, j + 1:, j] = flat[:, j + 1:, j] / safe
                flat[:, j + 1:, j + 1:last] -= below[:, :, None] * rows[:, None, j + 1:last]
        for j in range(first + 1, last):
            flat[:, j, last:] -= np.matmul(flat[:, j, None, first:j], flat[:, first:j, last:])[:, 0]
        flat[:, last:, last:] -= np.matmul(flat[:, last:, first:last], flat[:, first:last, last:])
    return lu, pivots.reshape(*lu.shape[:-2], k), info.reshape(lu.shape[:-2])


def order_of(pivots: Any, m: int) -> Any:
    """The order of the rows that exchanges (from 1) lead to."""
    k = pivots.shape[-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), k)
    order = np.tile(module_of(flat).arange(m), (len(flat), 1))
    batch = module_of(flat).arange(len(flat))
    for j in range(k):
        p = flat[:, j] - 1
        order[:, j], order[batch, p] = order[batch, p], order[:, j].copy()
    return order.reshape(*pivots.shape[:-1], m)


def _inverse(x: Any) -> tuple[Any, Any]:
    try:
        return np.linalg.inv(x), module_of(x).zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        pass
    y = np.full_like(x, np.nan)
    info = factor(x)[2]
    for i, a in each(x):
        if not info[i]:
            y[i] = np.linalg.inv(a)
    return y, info


@op(r"{x}^{-1}", name="linalg_inv", node="LinalgInvEx")
def inv(x: Any, strict: bool) -> Any:
    y, info = _inverse(x)
    if strict:
        failed("linalg.inv", info, SINGULAR)
    return y


inv.vjp(lambda g, y: -mul(mul(T(y), g), T(y)))


def _solved(a: Any, b: Any) -> Any:
    """np.linalg.solve with nan where the matrix is singular."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = np.broadcast_to(a, (*shape, *a.shape[-2:])), np.broadcast_to(b, (*shape, *b.shape[-2:]))
        y = np.full_like(b, np.nan)
        info = factor(a)[2]
        for i in np.ndindex(*shape):
            if not info[i]:
                y[i] = np.linalg.solve(a[i], b[i])
        return y


@op(r"{a}^{-1}\,{b}", operands=2, name="linalg_solve", node="LinalgSolveEx", grad_tex=r"\bar{b} = a^{-\top}\,\bar{y} \\ \bar{a} = -\bar{b}\,y^{\top}")
def solve(a: Any, b: Any, left: bool, strict: bool, vector: bool = False) -> Any:
    """The x of a x = b, or of x a = b; `vector`: b is a stack of vectors."""
    if vector:
        return solve.op.forward(a, column(b), left, strict, False)[..., 0]
    if strict:
        try:
            return np.linalg.solve(a, b) if left else T(np.linalg.solve(T(a), T(b)))
        except np.linalg.LinAlgError:
            failed("torch.linalg.solve", factor(a)[2] != 0, SINGULAR_SOLVE)
    return _solved(a, b) if left else T(_solved(T(a), T(b)))


def _solve_grad(g: Any, a: Any, y: Any, left: bool, vector: bool, needs: Any) -> Any:
    if vector:
        g, y = column(g), column(y)
    gb = solve(T(a), g, left, False, False)
    return [None if not needs[0] else -mul(gb, T(y)) if left else -mul(T(y), gb), gb[..., 0] if vector else gb]


solve.vjp_all(_solve_grad)


def _triangle(a: Any, upper: bool, unit: bool) -> Any:
    a = np.triu(a) if upper else np.tril(a)
    if unit:
        n = a.shape[-1]
        a[..., np.arange(n), np.arange(n)] = 1
    return a


def _substitute(a: Any, b: Any, upper: bool) -> Any:
    """Row after row, for singular triangles: division by zero gives inf and nan, as LAPACK's trtrs does."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.broadcast_to(b, (*shape, *b.shape[-2:])).copy()
    n = a.shape[-1]
    with np.errstate(all="ignore"):
        for i in (range(n - 1, -1, -1) if upper else range(n)):
            done = slice(i + 1, n) if upper else slice(0, i)
            x[..., i, :] = (x[..., i, :] - np.matmul(a[..., i:i + 1, done], x[..., done, :])[..., 0, :]) / a[..., i, i, None]
    return x


@op(r"{a}_{\triangle}^{-1}\,{b}", operands=2, name="linalg_solve_triangular", grad_tex=r"\bar{b} = a_{\triangle}^{-\top}\,\bar{y} \\ \bar{a} = -\operatorname{tri}(\bar{b}\,y^{\top})")
def solve_triangular(a: Any, b: Any, upper: bool, left: bool, unit: bool) -> Any:
    t = _triangle(a, upper, unit)
    if not left:
        t, b, upper = T(t), T(b), not upper
    if isinstance(t, np.ndarray) and (diag_of(t) == 0).any():
        y = _substitute(t, b, upper)
    else:
        y = np.linalg.solve(t, b)
    return y if left else T(y)


def _triangular_grad(g: Any, a: Any, y: Any, upper: bool, left: bool, unit: bool, needs: Any) -> Any:
    gb = solve_triangular(T(a), g, not upper, left, unit)
    if not needs[0]:
        return [None, gb]
    ga = -mul(gb, T(y)) if left else -mul(T(y), gb)
    return [triu(ga, 1 if unit else 0) if upper else tril(ga, -1 if unit else 0), gb]


solve_triangular.vjp_all(_triangular_grad)


def cofactors(x: Any, y: Any) -> Any:
    """det(x) x^-T; by singular values where x has no inverse, so that it is right there, too."""
    if (raw(y) != 0).all() and np.isfinite(raw(y)).all():
        return T(inv(x, False)) * y[..., None, None]
    from .linalg_spectral import svd_op

    u, s, v = svd_op(x, False)
    n = x.shape[-1]
    others = []
    for i in range(n):
        rest = [j for j in range(n) if j != i]
        p = s[..., :1] * 0 + 1
        for j in rest:
            p = p * s[..., j:j + 1]
        others.append(p)
    from .shape import cat

    d = cat(tuple(others), len(s.shape) - 1) if others else s
    scale = det(u) * det(v)
    return mul(u * d[..., None, :] if raw(u).dtype == raw(d).dtype else u * (d[..., None, :] * (1 + 0j)), v) * scale[..., None, None]


@op(r"\det({x})", name="linalg_det", grad_tex=r"\bar{x} = \bar{y}\,\det(x)\,x^{-\top}")
def det(x: Any) -> Any:
    return np.asarray(np.linalg.det(x)) if isinstance(x, np.ndarray) else np.linalg.det(x)


det.vjp(lambda g, x, y: g[..., None, None] * cofactors(x, y))


@op(r"\left(\operatorname{sign}, \log\right) |\det({x})|", name="linalg_slogdet", multi=True, holomorphic=False,
    grad_tex=r"\bar{x} = \bar{y}\,x^{-\mathsf{H}}")
def slogdet(x: Any) -> Any:
    sign, log = np.linalg.slogdet(x)
    return ar.as_array(sign, x.dtype), ar.as_array(log, real_dtype(x.dtype))


def _slogdet_grad(g: Any, x: Any, y: Any) -> Any:
    sign, log = y
    from .complex import is_complex

    total: Any = 0
    if g[1] is not None:
        total = g[1]
    if g[0] is not None and is_complex(x):
        total = total - imag_part(g[0].conj() * sign) * 1j
    elif g[1] is None:
        return x * 0
    return total[..., None, None] * H(inv(x, False))


slogdet.vjp(_slogdet_grad)


@op(r"{x}^{+}", name="linalg_pinv", holomorphic=False,
    grad_tex=r"\bar{x} = -\left(y\,\bar{y}^{\top} y\right)^{\top} + y^{\top} y\,(\bar{y}^{\top} - \bar{y}^{\top} y\,x) + (1 - x\,y)\,\bar{y}^{\top} y\,y^{\top}")
def pinv(x: Any, atol: Any, rtol: Any) -> Any:
    """By singular values, of which those up to max(atol, rtol * largest) count as 0."""
    if x.size == 0:
        return np.zeros_like(T(x)).copy()
    u, s, v = np.linalg.svd(x, full_matrices=False)
    low = np.maximum(atol, rtol * s[..., :1])
    inverse = np.where(s > low, 1 / np.where(s > low, s, 1), 0).astype(s.dtype)
    return np.matmul(H(v) * inverse[..., None, :], H(u))


def pinv_grad(g: Any, x: Any, y: Any) -> Any:
    m, n = x.shape[-2:]
    yh, gh = H(y), H(g)
    if m <= n:
        k = mul(gh, y)
        ky = mul(k, yh)
        return -H(mul(y, k)) + ky - mul(mul(x, y), ky) + mul(mul(yh, y), gh - mul(k, x))
    k = mul(y, gh)
    yk = mul(yh, k)
    return -H(mul(k, y)) + mul(mul(gh - mul(x, k), y), yh) + yk - mul(mul(yk, y), x)


pinv.vjp(lambda g, x, y: pinv_grad(g, x, y))


@op(r"{a}^{+}\,{b}", operands=2, name="linalg_lstsq", holomorphic=False, grad_tex=r"\bar{b} = (a^{+})^{\top} \bar{y} \\ \bar{a} = \overline{a^{+}}(\bar{y}\,b^{\top})")
def lstsq(a: Any, b: Any, rcond: float) -> Any:
    """The shortest x that makes |a x - b| least."""
    if a.size == 0:
        return np.zeros_like(b, shape=(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1]))
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if not shape:
        return np.linalg.lstsq(a, b, rcond)[0].astype(b.dtype, copy=False)
    return np.matmul(pinv(a, 0.0, rcond), b).astype(b.dtype, copy=False)


def _lstsq_grad(g: Any, a: Any, b: Any, needs: Any) -> Any:
    limit = float(np.finfo(raw(a).dtype).eps) * max(a.shape[-2:])
    p = pinv(a, 0.0, limit)
    gb = mul(H(p), g) if needs[1] else None
    return [pinv_grad(mul(g, H(b)), a, p) if needs[0] else None, gb]


lstsq.vjp_all(_lstsq_grad)


@op(r"e^{x}", name="linalg_matrix_exp", grad_tex=r"\bar{x} = \text{upper right of } \exp \begin{pmatrix} x^{\top} & \bar{y} \\ 0 & x^{\top} \end{pmatrix}")
def matrix_exp(x: Any) -> Any:
    """Scaling by a power of two, a Padé approximant of order 13 (Higham 2005), and squaring."""
    if x.size == 0:
        return x.copy()
    dtype = x.dtype
    a = x.astype(np.complex128 if dtype.kind == "c" else np.float64)
    size = float(np.abs(a).sum(-2).max())
    steps = max(0, int(np.ceil(np.log2(size / 5.371920351148152)))) if np.isfinite(size) and size > 0 else 0
    a = a / 2.0 ** steps
    c = (64764752532480000., 32382376266240000., 7771770303897600., 1187353796428800., 129060195264000., 10559470521600., 670442572800.,
         33522128640., 1323241920., 40840800., 960960., 16380., 182., 1.)
    one = ar.beside(a, np.eye(a.shape[-1], dtype=a.dtype))
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    u = a @ (a6 @ (c[13] * a6 + c[11] * a4 + c[9] * a2) + c[7] * a6 + c[5] * a4 + c[3] * a2 + c[1] * one)
    v = a6 @ (c[12] * a6 + c[10] * a4 + c[8] * a2) + c[6] * a6 + c[4] * a4 + c[2] * a2 + c[0] * one
    y = np.linalg.solve(v - u, v + u)
    for _ in range(steps):
        y = y @ y
    return y.astype(dtype)


def _matrix_exp_grad(g: Any, x: Any) -> Any:
    from .shape import cat

    n = x.shape[-1]
    at, d = T(x), len(x.shape) - 1
    block = cat((cat((at, g), d), cat((at * 0, at), d)), d - 1)
    return matrix_exp(block)[..., :n, n:]


matrix_exp.vjp(_matrix_exp_grad)
