"""PyTorch's signatures for products that few programs need, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.autocast import lower
from ..core.op import op
from ..core.pointwise import binary
from ..core.state import numbers
from ..core.tensor import Tensor
from . import products as pr
from . import shape
from .api_linalg import _same_dtype, dot, matmul, tensordot
from .complex import adjoint, is_complex
from .pointwise import given, mul, nothing, sign
from .special_base import missing


def _same(c: Tensor, a: Tensor, b: Tensor) -> None:
    _same_dtype(a, b)
    if c._array.dtype != a._array.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {c.dtype.tensor_name} and {b.dtype.tensor_name}")


def _fits(c: Tensor, size: tuple[int, ...]) -> None:
    try:
        wide = np.broadcast_shapes(c._array.shape, size)
    except ValueError:
        wide = ()
    if wide != size:
        raise RuntimeError(f"The expanded size of the tensor ({list(size)}) must match the existing size ({list(c._array.shape)}): the input is added to every "
                           "element of the product")


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    if numbers.autocast:
        input, mat, vec = lower(input, mat, vec)
    p, q = mat._array.shape, vec._array.shape
    if len(p) != 2 or len(q) != 1 or input._array.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input._array.ndim}, {len(p)}, {len(q)}")
    if p[1] != q[0]:
        raise RuntimeError(f"size mismatch, got input ({input._array.size}), mat ({p[0]}x{p[1]}), vec ({q[0]})")
    _same(input, mat, vec)
    _fits(input, p[:1])
    return given(pr.addmv(input, mat, vec, beta, alpha), out)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (vec1 outer vec2)."""
    for name, v in (("vec1", vec1), ("vec2", vec2)):
        if v._array.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {v._array.ndim}-D")
    from .api_pointwise import to_common

    input, vec1, vec2 = to_common(input, vec1, vec2)
    _fits(input, (vec1._array.shape[0], vec2._array.shape[0]))
    return given(pr.addr(input, vec1, vec2, beta, alpha), out)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (the sum of batch1[i] @ batch2[i])."""
    if numbers.autocast:
        input, batch1, batch2 = lower(input, batch1, batch2)
    p, q = batch1._array.shape, batch2._array.shape
    _batches(p, q)
    _same(input, batch1, batch2)
    _fits(input, (p[1], q[2]))
    return given(pr.addbmm(input, batch1, batch2, beta, alpha), out)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), matrix by matrix."""
    if numbers.autocast:
        input, batch1, batch2 = lower(input, batch1, batch2)
    p, q = batch1._array.shape, batch2._array.shape
    _batches(p, q)
    _same(input, batch1, batch2)
    _fits(input, (p[0], p[1], q[2]))
    return given(pr.baddbmm(input, batch1, batch2, beta, alpha), out)


def _batches(p: tuple[int, ...], q: tuple[int, ...]) -> None:
    if len(p) != 3:
        raise RuntimeError(f"batch1 must be a 3D tensor, got {len(p)}D")
    if len(q) != 3:
        raise RuntimeError(f"batch2 must be a 3D tensor, got {len(q)}D")
    if p[0] != q[0]:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {p[0]} and {q[0]}")
    if p[2] != q[1]:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({p[1]}x{p[2]} and {q[1]}x{q[2]})")


def vdot(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The dot product of two lines of numbers, the first one conjugated."""
    p, q = input._array, other._array
    if p.dtype != q.dtype or p.ndim != 1 or q.ndim != 1 or p.shape != q.shape:
        dot(input.detach(), other.detach())                # says what is wrong
    return given(pr.vdot(input, other), out)


def inner(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The product summed over the last dimension of both."""
    p, q = input._array.shape, other._array.shape
    if not p or not q:
        return given(mul(input, other), out)
    if p[-1] != q[-1]:
        raise RuntimeError(f"inner() the last dimension must match on both input tensors but got shapes {list(p)} and {list(q)}")
    return given(tensordot(input, other, [[-1], [-1]]), out)


def kron(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Every element of `input` times the whole of `other`."""
    n = max(input._array.ndim, other._array.ndim)
    p, q = (1,) * (n - input._array.ndim) + input._array.shape, (1,) * (n - other._array.ndim) + other._array.shape
    a = shape.reshape(input, tuple(s for d in p for s in (d, 1)))
    b = shape.reshape(other, tuple(s for d in q for s in (1, d)))
    return given(shape.reshape_copy(mul(a, b), tuple(s * t for s, t in zip(p, q, strict=True))), out)


@op(r"\operatorname{sgn}({x})", name="sgn", holomorphic=False, grad_tex=r"\bar{x} = \frac{\bar{y} - \operatorname{Re}(\bar{y}\,\overline{y})\,y}{|x|}")
def sgn_op(x: Any) -> Any:
    size = np.abs(x)
    return x / np.where(size == 0, 1, size).astype(size.dtype)


def _sgn_grad(g: Any, x: Any, y: Any) -> Any:
    from .pointwise import abs as absolute
    from .pointwise import where

    size = absolute(x)
    zero = size == 0
    along = (g * y.conj()).real * y
    return where(zero, g * 0, (g - along) / where(zero, size * 0 + 1, size))


sgn_op.vjp(_sgn_grad)


def sgn(input: Tensor, *, out: Any = None) -> Tensor:
    """x / |x|, 0 at 0; the sign of real numbers."""
    return given(sgn_op(input) if is_complex(input) else _real_sgn(input), out)


@op(r"\operatorname{sgn}({x})", name="sgn_real", node="Sgn", grad_tex="0")
def _real_sgn(x: Any) -> Any:
    return sign.op.forward(x)


_real_sgn.vjp(nothing)


nextafter = binary(r"\operatorname{nextafter}({a}, {b})", np.nextafter, name="nextafter", grad_tex=r"\text{not known}")
nextafter.vjp(missing("nextafter"), missing("nextafter"))


# -- matrices of low rank ------------------------------------------------------------------------------------------------------------------


def _basis(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """An orthonormal basis of most of what A maps to. Halko, Martinsson and Tropp, 2011, algorithm 4.4."""
    from .api_linalg_solve import qr
    from .creation import randn

    R = randn(A._array.shape[-1], q, dtype=A.dtype)
    A = A if M is None else A - M
    Q: Tensor = qr(matmul(A, R))[0]
    for _ in range(niter):
        Q = qr(matmul(adjoint(A), Q))[0]
        Q = qr(matmul(A, Q))[0]
    return Q


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of about the q largest singular values of A, or of A - M, from random projections."""
    from .api_linalg_spectral import svd

    q = 6 if q is None else q
    m, n = A._array.shape[-2:]
    M = None if M is None else M.broadcast_to(A._array.shape)
    if m < n:
        A, M = adjoint(A), None if M is None else adjoint(M)
    Q = _basis(A, q, 2 if niter is None else niter, M)
    B = matmul(adjoint(Q), A if M is None else A - M)
    U, S, Vh = svd(B, full_matrices=False)
    U, V = matmul(Q, U), adjoint(Vh)
    return (V, S, U) if m < n else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of the q principal directions of the rows of A."""
    from .api_reduce import mean

    m, n = A._array.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - mean(A, -2, keepdim=True) if center else A, q, niter)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """(LU, pivots), and with `get_infos` whether each was singular."""
    from .api_linalg_solve import lu_factor_ex

    found = lu_factor_ex(A, pivot=pivot)
    return tuple(found) if get_infos else tuple(found)[:2]


