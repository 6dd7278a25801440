"""Triangular and orthogonal factors. Rules conjugate by themselves; `g` and `y` are tuples where an op has several results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from .complex import is_complex
from .linalg_base import NOT_POSITIVE, H, each, failed, mul, op, raw
from .linalg_solve import factor, order_of, solve_triangular
from .shape import cat, tril, triu


def _half_diagonal(x: Any) -> Any:
    """The matrices with half their diagonal."""
    a = raw(x)
    return x * ar.constant(x, 1 - 0.5 * np.eye(a.shape[-2], a.shape[-1], dtype=a.real.dtype))


def _leading(a: Any) -> int:
    """The order of the first leading minor that is not positive: 0 where all are."""
    lower = np.zeros_like(a)
    for j in range(a.shape[-1]):
        d = (a[j, j] - (np.abs(lower[j, :j]) ** 2).sum()).real
        if not d > 0:
            return j + 1
        lower[j, j] = d ** 0.5
        lower[j + 1:, j] = (a[j + 1:, j] - lower[j + 1:, :j] @ lower[j, :j].conj()) / lower[j, j]
    return 0


@op(r"\operatorname{chol}({x})", name="linalg_cholesky", node="LinalgCholeskyEx", aux=("info",), holomorphic=False,
    grad_tex=r"\bar{x} = \tfrac{1}{2}\,y^{-\mathsf{H}}\,\operatorname{sym}\!\left(\operatorname{tril}(y^{\mathsf{H}} \bar{y})\right) y^{-1}")
def cholesky(x: Any, upper: bool, name: str) -> Any:
    """`name` is whom an error blames; with "" there is none, and the aux result says what failed."""
    a = H(x) if upper else x
    info = module_of(x).zeros(x.shape[:-2], np.int32)
    try:
        y = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        y = np.zeros_like(a)
        for i, m in each(a):
            info[i] = _leading(m)
            if not info[i]:
                y[i] = np.linalg.cholesky(m)
        if name:
            failed(name, info, NOT_POSITIVE)
    return (ar.contiguous(H(y)) if upper else y), info


def _cholesky_grad(g: Any, y: Any, upper: bool) -> Any:
    lower, g = (H(y), H(g)) if upper else (y, g)
    phi = _half_diagonal(tril(mul(H(lower), g), 0))
    inner = solve_triangular(H(lower), phi + H(phi), True, True, False)
    return solve_triangular(lower, inner, False, False, False) * 0.5


cholesky.vjp(_cholesky_grad)
cholesky_old = op(cholesky.op.tex, name="cholesky", aux=("info",), holomorphic=False, grad_tex=cholesky.op.grad_tex)(cholesky.op.forward).vjp(_cholesky_grad)


@op(r"\operatorname{qr}({x})", name="linalg_qr", multi=True, holomorphic=False,
    grad_tex=r"\bar{x} = \left(\bar{Q} + Q\,\operatorname{copyltu}(R\,\bar{R}^{\mathsf{H}} - \bar{Q}^{\mathsf{H}} Q)\right) R^{-\mathsf{H}}")
def qr(x: Any, mode: str) -> Any:
    if mode == "r":
        r = np.linalg.qr(x, "r")
        return np.zeros_like(r, shape=(0,)), r
    return tuple(np.linalg.qr(x, mode))


def _qr_square(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    inner: Any = None
    if gr is not None:
        inner = mul(gr, H(r))
    if gq is not None:
        part = -mul(H(q), gq)
        inner = part if inner is None else inner + part
    inner = triu(inner, 0)
    inner = _half_diagonal(inner + H(inner))
    ga = mul(q, inner)
    if gq is not None:
        ga = ga + gq
    return solve_triangular(H(r), ga, False, False, False)


def _qr_grad(g: Any, x: Any, y: Any, mode: str) -> Any:
    m, n = x.shape[-2:]
    if mode == "r":
        raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are "
                           "going to differentiate through linalg.qr.")
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    gq, gr = g
    q, r = y
    if m >= n:
        return _qr_square(gq, gr, q, r)
    # the columns beyond the square ones are q^H a: their gradient flows to them, and to q
    if gr is None:
        left = _qr_square(gq, None, q, r[..., :m])
        return cat((left, x[..., m:] * 0), len(x.shape) - 1)
    extra = mul(x[..., m:], H(gr[..., m:]))
    left = _qr_square(extra if gq is None else gq + extra, gr[..., :m], q, r[..., :m])
    return cat((left, mul(q, gr[..., m:])), len(x.shape) - 1)


qr.vjp(_qr_grad)


def unpacked(lu: Any) -> tuple[Any, Any]:
    """L with ones on its diagonal, and U, from what LAPACK leaves in one matrix."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    a = raw(lu)
    return tril(lu[..., :k], -1) + ar.constant(lu, np.eye(m, k, dtype=a.dtype)), triu(lu[..., :k, :], 0)


def permutation(order: Any, dtype: Any) -> Any:
    """The matrix P of A = P L U, from the order that pivoting gave the rows."""
    m = order.shape[-1]
    p = module_of(order).zeros((*order.shape, m), dtype)
    np.put_along_axis(p, order[..., None, :], 1, -2)
    return p


def _lu_grad(gl: Any, gu: Any, lower: Any, upper: Any) -> Any:
    """The gradient of P^H A, from those of L and U."""
    m, n = lower.shape[-2], upper.shape[-1]
    k = min(m, n)
    l1, u1 = lower[..., :k, :], upper[..., :k]
    zero = mul(l1, u1) * 0
    square_l = zero if gl is None else gl[..., :k, :]
    square_u = zero if gu is None else gu[..., :k]
    extra: Any = None
    if n > m:
        beyond = lower[..., :1] * 0 + upper[..., m:] * 0 if gu is None else gu[..., m:]
        extra = solve_triangular(H(l1), beyond, True, True, True)
        square_l = square_l - mul(extra, H(upper[..., m:]))
    elif m > n:
        beyond = lower[..., n:, :] * 0 if gl is None else gl[..., n:, :]
        extra = solve_triangular(H(u1), beyond, False, False, False)
        square_u = square_u - mul(H(lower[..., n:, :]), extra)
    inner = tril(mul(H(l1), square_l), -1) + triu(mul(square_u, H(u1)), 0)
    inner = solve_triangular(H(u1), solve_triangular(H(l1), inner, True, True, True), False, False, False)
    return inner if extra is None else cat((inner, extra), len(lower.shape) - (1 if n > m else 2))


_LU_TEX = r"\bar{x} = P\,L^{-\mathsf{H}}\left(\operatorname{tril}(L^{\mathsf{H}} \bar{L}, -1) + \operatorname{triu}(\bar{U}\,U^{\mathsf{H}})\right) U^{-\mathsf{H}}"


@op(r"\operatorname{lu}({x})", name="linalg_lu_factor", node="LinalgLuFactorEx", multi=True, aux=("info",), holomorphic=False, grad_tex=_LU_TEX)
def lu_factor(x: Any) -> Any:
    lu, pivots, info = factor(x)
    return (lu, pivots), info


def _lu_factor_grad(g: Any, y: Any) -> Any:
    lu, pivots = y
    m, n = lu.shape[-2:]
    k = min(m, n)
    lower, upper = unpacked(lu)
    inner = _lu_grad(tril(g[0][..., :k], -1), triu(g[0][..., :k, :], 0), lower, upper)
    return mul(ar.constant(lu, permutation(order_of(raw(pivots), m), raw(lu).dtype)), inner)


lu_factor.vjp(_lu_factor_grad)


@op(r"\operatorname{lu}({x})", name="linalg_lu", multi=True, holomorphic=False, grad_tex=_LU_TEX)
def lu(x: Any, pivot: bool) -> Any:
    m = x.shape[-2]
    packed, pivots, _ = factor(x)
    lower, upper = unpacked(packed)
    return permutation(order_of(pivots, m), x.dtype), lower, upper


def _lu_op_grad(g: Any, y: Any) -> Any:
    p, lower, upper = y
    return mul(p, _lu_grad(g[1], g[2], lower, upper))


lu.vjp(_lu_op_grad)


@op(r"({v}, {tau})_{Q}", operands=2, name="linalg_householder_product", holomorphic=False, grad_tex=r"\bar{v}, \bar{\tau}\ \text{from one reflection after the other}")
def householder_product(v: Any, tau: Any) -> Any:
    """The first n columns of H_1 H_2 ... H_k, H_i = 1 - tau_i v_i v_i^H, v_i being 0 above and 1 at its diagonal."""
    return _reflect(v, tau)


def _reflect(v: Any, tau: Any) -> Any:
    m, n = v.shape[-2:]
    k = tau.shape[-1]
    a = raw(v)
    q = ar.constant(v, np.broadcast_to(np.eye(m, n, dtype=a.dtype), (*a.shape[:-2], m, n)).copy())
    w = tril(v, -1) + ar.constant(v, np.eye(m, n, dtype=a.dtype))
    for i in range(k - 1, -1, -1):
        c = w[..., i:i + 1]
        q = q - tau[..., i:i + 1, None] * mul(c, mul(H(c), q))
    return q


def _householder_grad(g: Any, v: Any, tau: Any, needs: Any) -> Any:
    """Reflections are their own record: they are run once more, and each gives its part."""
    m, n = v.shape[-2:]
    k = tau.shape[-1]
    w = tril(v, -1) + ar.constant(v, np.eye(m, n, dtype=raw(v).dtype))
    states = [ar.constant(v, np.broadcast_to(np.eye(m, n, dtype=raw(v).dtype), (*raw(v).shape[:-2], m, n)).copy())]
    for i in range(k - 1, -1, -1):
        c = w[..., i:i + 1]
        states.append(states[-1] - tau[..., i:i + 1, None] * mul(c, mul(H(c), states[-1])))
    gv: list[Any] = []
    gt: list[Any] = []
    for i in range(k):
        q = states[k - 1 - i]
        c, t = w[..., i:i + 1], tau[..., i:i + 1, None]
        cq, gc = mul(H(c), q), mul(H(g), c)                # [1, n], [n, 1]
        gt.append(-mul(cq, gc)[..., 0].conj() if is_complex(v) else -mul(cq, gc)[..., 0])
        th = t.conj() if is_complex(v) else t
        gv.append(-(mul(g, H(cq)) * th + mul(q, gc) * t))
        g = g - th * mul(c, mul(H(c), g))
    d = len(v.shape) - 1
    rest = [v[..., k:] * 0] if n > k else []
    grad_v = tril(cat((*gv, *rest), d), -1) if gv or rest else v * 0
    grad_t = cat(tuple(gt), d - 1) if gt else tau * 0
    return [grad_v if needs[0] else None, grad_t if needs[1] else None]


householder_product.vjp_all(_householder_grad)
