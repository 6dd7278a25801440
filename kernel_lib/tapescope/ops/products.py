"""Products that are added to something, each one node as in PyTorch: beta * c + alpha * (a b). A beta of 0 leaves c out, NaN included."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import op
from .complex import is_complex
from .linalg import bmm, mm, mv, outer, transposed
from .shape import transpose


def _plus(c: Any, product: Any, beta: Any, alpha: Any) -> Any:
    product = product.astype(c.dtype, copy=False)           # NumPy adds whole numbers up in int64
    if c.dtype.kind in "iu":
        beta, alpha = int(beta), int(alpha)
    y = product if alpha == 1 else (product * alpha).astype(product.dtype, copy=False)
    if beta == 0:
        return np.broadcast_to(y, np.broadcast_shapes(y.shape, c.shape)).copy()
    return y + (c if beta == 1 else (c * beta).astype(c.dtype, copy=False))


def _times(g: Any, k: Any) -> Any:
    return g if k == 1 else g * k


def _turned(x: Any) -> Any:
    return transpose(x, -2, -1)


@op(r"\beta\,{c} + \alpha\,{a}\,{b}", operands=3, name="addmm_scaled", node="Addmm", grad_tex=r"\bar{c} = \beta\,\bar{y} \\ \bar{a} = \alpha\,\bar{y}\,b^{\top} \\ \bar{b} = \alpha\,a^{\top}\,\bar{y}")
def addmm_scaled(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    return _plus(c, np.matmul(a, b), beta, alpha)


@op(r"\beta\,{c} + \alpha\,{a}\,{b}", operands=3, name="baddbmm", grad_tex=r"\bar{c} = \beta\,\bar{y} \\ \bar{a}_i = \alpha\,\bar{y}_i\,b_i^{\top} \\ \bar{b}_i = \alpha\,a_i^{\top}\,\bar{y}_i")
def baddbmm(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    return _plus(c, np.matmul(a, b), beta, alpha)


@op(r"\beta\,{c} + \alpha \textstyle\sum_i {a}_i\,{b}_i", operands=3, name="addbmm", grad_tex=r"\bar{c} = \beta\,\bar{y} \\ \bar{a}_i = \alpha\,\bar{y}\,b_i^{\top} \\ \bar{b}_i = \alpha\,a_i^{\top}\,\bar{y}")
def addbmm(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    return _plus(c, np.add.reduce(np.matmul(a, b), 0), beta, alpha)


@op(r"\beta\,{c} + \alpha\,{a}\,{b}", operands=3, name="addmv", grad_tex=r"\bar{c} = \beta\,\bar{y} \\ \bar{a} = \alpha\,\bar{y}\,b^{\top} \\ \bar{b} = \alpha\,a^{\top}\,\bar{y}")
def addmv(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    return _plus(c, np.matmul(a, b), beta, alpha)


@op(r"\beta\,{c} + \alpha\,{a} \otimes {b}", operands=3, name="addr", grad_tex=r"\bar{c} = \beta\,\bar{y} \\ \bar{a} = \alpha\,\bar{y}\,b \\ \bar{b} = \alpha\,\bar{y}^{\top}\,a")
def addr(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    return _plus(c, a[:, None] * b[None, :], beta, alpha)


@op(r"{a}^{\mathsf{H}}\,{b}", operands=2, name="vdot", holomorphic=False, grad_tex=r"\bar{a} = \overline{\bar{y}}\,b \\ \bar{b} = \bar{y}\,a")
def vdot(a: Any, b: Any) -> Any:
    return np.vdot(a, b)


addmm_scaled.vjp(lambda g, beta: _times(g, beta), lambda g, b, alpha: _times(mm(g, transposed(b)), alpha), lambda g, a, alpha: _times(mm(transposed(a), g), alpha))
baddbmm.vjp(lambda g, beta: _times(g, beta), lambda g, b, alpha: _times(bmm(g, _turned(b)), alpha), lambda g, a, alpha: _times(bmm(_turned(a), g), alpha))
addbmm.vjp(lambda g, beta: _times(g, beta), lambda g, b, alpha: _times(bmm(g[None], _turned(b)), alpha), lambda g, a, alpha: _times(bmm(_turned(a), g[None]), alpha))
addmv.vjp(lambda g, beta: _times(g, beta), lambda g, b, alpha: _times(outer(g, b), alpha), lambda g, a, alpha: _times(mv(transposed(a), g), alpha))
addr.vjp(lambda g, beta: _times(g, beta), lambda g, b, alpha: _times(mv(g, b), alpha), lambda g, a, alpha: _times(mv(transposed(g), a), alpha))
vdot.vjp(lambda g, b: g.conj() * b if is_complex(g) else g * b, lambda g, a: g * a)
