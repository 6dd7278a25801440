"""Eigenvalues and singular values. Rules conjugate by themselves; `g` and `y` are tuples, None where no gradient came."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from .complex import imag_part, is_complex, real_part
from .linalg_base import H, diag_matrix, diag_of, mul, op, raw


def _identity(x: Any) -> Any:
    """1 on the diagonal, as constant arrays of the dtype of a stack of matrices."""
    a = raw(x)
    return module_of(a).eye(a.shape[-1], dtype=a.dtype)


def _off(x: Any, e: Any) -> Any:
    """x / e off the diagonal (where e is 1) and 0 on it."""
    one = np.eye(raw(e).shape[-1], dtype=raw(e).dtype)
    return x / e * ar.constant(e, 1 - one)


def _gaps(values: Any) -> Any:
    """value_j - value_i, with 1 on the diagonal."""
    a = raw(values)
    return values[..., None, :] - values[..., :, None] + ar.constant(values, np.eye(a.shape[-1], dtype=a.dtype))


@op(r"\operatorname{eigh}({x})", name="linalg_eigh", multi=True, holomorphic=False,
    grad_tex=r"\bar{x} = V\left(\operatorname{diag}\bar{\lambda} + \frac{V^{\mathsf{H}} \bar{V}}{\lambda_j - \lambda_i}\right) V^{\mathsf{H}}")
def eigh_op(x: Any, lower: str) -> Any:
    w, v = np.linalg.eigh(x, lower)
    return w, np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v


def _eigh_grad(g: Any, y: Any) -> Any:
    gw, gv = g
    w, v = y
    if gv is None:
        return mul(v * gw[..., None, :], H(v))
    inner = _off(mul(H(v), gv), _gaps(w))
    if gw is not None:
        inner = inner + diag_matrix(gw)
    return mul(v, mul(inner, H(v)))


eigh_op.vjp(_eigh_grad)


@op(r"\operatorname{eig}({x})", name="linalg_eig", multi=True, holomorphic=False,
    grad_tex=r"\bar{x} = V^{-\mathsf{H}}\left(\operatorname{diag}\bar{\lambda} + \frac{V^{\mathsf{H}} \bar{V} - V^{\mathsf{H}} V \operatorname{Re}\operatorname{diag}(V^{\mathsf{H}} \bar{V})}{\overline{\lambda_j - \lambda_i}}\right) V^{\mathsf{H}}")
def eig_op(x: Any) -> Any:
    w, v = np.linalg.eig(x)
    d = np.complex128 if x.dtype.itemsize == 8 and x.dtype.kind == "f" or x.dtype == np.complex128 else np.complex64
    return w.astype(d), v.astype(d)


def _eig_grad(g: Any, y: Any) -> Any:
    from .linalg_solve import solve

    gw, gv = g
    w, v = y
    vh = H(v)
    if gv is None:
        return solve(vh, gw[..., :, None] * vh, True, False, False)
    vg = mul(vh, gv)
    diagonal = real_part(diag_of(vg))
    inner = vg - mul(vh, v * diagonal[..., None, :])
    inner = _off(inner, _gaps(w).conj())
    if gw is not None:
        inner = inner + diag_matrix(gw)
    return solve(vh, mul(inner, vh), True, False, False)


eig_op.vjp(_eig_grad)


@op(r"\operatorname{svd}({x})", name="linalg_svd", multi=True, holomorphic=False,
    grad_tex=r"\bar{x} = U\left(\frac{U^{\mathsf{H}}\bar{U} - \bar{U}^{\mathsf{H}}U}{\sigma_j^2 - \sigma_i^2}\,\Sigma + \Sigma\,\frac{V^{\mathsf{H}}\bar{V} - \bar{V}^{\mathsf{H}}V}{\sigma_j^2 - \sigma_i^2} + \operatorname{diag}\bar{\sigma}\right)V^{\mathsf{H}} + (1 - U U^{\mathsf{H}})\bar{U}\Sigma^{-1}V^{\mathsf{H}} + U\Sigma^{-1}\bar{V}^{\mathsf{H}}(1 - V V^{\mathsf{H}})")
def svd_op(x: Any, full: bool) -> Any:
    return tuple(np.linalg.svd(x, full_matrices=full))


def _svd_grad(g: Any, x: Any, y: Any, full: bool) -> Any:
    gu, gs, gvh = g
    u, s, vh = y
    m, n = x.shape[-2:]
    k = min(m, n)
    if full:
        u, vh = u[..., :k], vh[..., :k, :]
        gu, gvh = gu if gu is None else gu[..., :k], gvh if gvh is None else gvh[..., :k, :]
    if gu is None and gvh is None:
        return mul(u, gs[..., :, None] * vh) if m >= n else mul(u * gs[..., None, :], vh)
    s2 = s * s
    gap = _gaps(s2)
    inner: Any = None
    if gu is not None:
        ug = mul(H(u), gu)
        ug = ug - H(ug)
        inner = _off(ug, gap) * s[..., None, :]
        if gvh is not None and is_complex(x):
            inner = inner + diag_matrix(imag_part(diag_of(ug)) * 0.5j / s)
    if gvh is not None:
        vg = mul(vh, H(gvh))
        part = s[..., :, None] * _off(vg - H(vg), gap)
        inner = part if inner is None else inner + part
    if gs is not None:
        inner = inner + diag_matrix(gs)
    if m > k and gu is not None:
        side = gu / s[..., None, :]
        return mul(mul(u, inner) + side - mul(u, mul(H(u), side)), vh)
    if n > k and gvh is not None:
        side = gvh / s[..., :, None]
        return mul(u, mul(inner, vh) + side - mul(mul(side, H(vh)), vh))
    return mul(u, mul(inner, vh)) if m >= n else mul(mul(u, inner), vh)


svd_op.vjp(_svd_grad)
