"""A = P L D Lᵀ Pᵀ for symmetric matrices that need not be positive: the pivots of Bunch and Kaufman (1977), stored as LAPACK's sytrf stores them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .linalg_base import each, failed, floating, matrices, same_dtype, square
from .pointwise import given
from .returned import named

_factor = named("linalg_ldl_factor", "LD", "pivots")
_factor_ex = named("linalg_ldl_factor_ex", "LD", "pivots", "info")
_ALPHA = (1 + math.sqrt(17)) / 8


def _size(a: Any) -> Any:
    """What LAPACK compares: of complex numbers the sum of both parts."""
    return np.abs(a.real) + np.abs(a.imag) if a.dtype.kind == "c" else np.abs(a)


def _pivot(a: Any, k: int) -> tuple[int, int]:
    """The row that comes to stand at k, and whether one or two of them are eliminated; 0 where the whole column is zero."""
    here = float(_size(a[k:k + 1, k])[0])
    below = _size(a[k + 1:, k])
    most = float(below.max()) if below.size else 0.0
    if max(here, most) == 0 or math.isnan(here):
        return k, 0
    if here >= _ALPHA * most:
        return k, 1
    i = k + 1 + int(below.argmax())
    row = max(float(_size(a[i, k:i]).max()), float(_size(a[i + 1:, i]).max(initial=0)))
    if here >= _ALPHA * most * (most / row):
        return k, 1
    return i, 1 if float(_size(a[i:i + 1, i])[0]) >= _ALPHA * row else 2


def _exchange(a: Any, at: int, p: int, k: int, step: int, turn: Any) -> None:
    """Rows and columns `at` and p of the lower triangle change places."""
    a[p + 1:, [at, p]] = a[p + 1:, [p, at]]
    between = a[at + 1:p, at].copy()
    a[at + 1:p, at], a[p, at + 1:p] = turn(a[p, at + 1:p]), turn(between)
    a[p, at] = turn(a[p, at])
    a[at, at], a[p, p] = a[p, p], a[at, at]
    if step == 2:
        a[k + 1, k], a[p, k] = a[p, k], a[k + 1, k]


def _factored(a: Any, hermitian: bool) -> tuple[Any, int]:
    """The pivots of one matrix, whose lower triangle is overwritten, and where D is singular."""
    n = a.shape[0]
    turn = np.conj if hermitian and a.dtype.kind == "c" else np.asarray
    pivots, info, k = np.zeros(n, np.int32), 0, 0
    while k < n:
        p, step = _pivot(a, k)
        if not step:
            info, step = info or k + 1, 1
            pivots[k] = k + 1
            k += 1
            continue
        at = k + step - 1
        if p != at:
            _exchange(a, at, p, k, step, turn)
        rest = slice(k + step, n)
        columns = a[rest, k:at + 1].copy()
        block = a[k:at + 1, k:at + 1].copy()
        if step == 2:
            block[0, 1] = turn(block[1, 0])
        solved = columns / block if step == 1 else np.linalg.solve(block.T, columns.T).T
        update = solved @ turn(columns).T
        a[rest, rest] -= np.tril(update)
        a[rest, k:at + 1] = solved
        pivots[k:at + 1] = p + 1 if step == 1 else -(p + 1)
        k += step
    return pivots, info


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """(LD, pivots, info): L below the diagonal and D on it in one matrix [..., n, n]; two pivots in a row that are negative stand for a block of D of two by two."""
    return _factor_ex(*_all("torch.linalg.ldl_factor_ex", A, hermitian, check_errors))


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """(LD, pivots) of symmetric matrices, or Hermitian ones; only the lower triangle is read."""
    return _factor(*_all("torch.linalg.ldl_factor", A, hermitian, True)[:2])


def _all(name: str, A: Tensor, hermitian: bool, strict: bool) -> tuple[Tensor, Tensor, Tensor]:
    square(name, A)
    floating(name, A)
    packed = np.tril(A._array)
    pivots, info = np.zeros(packed.shape[:-1], np.int32), np.zeros(packed.shape[:-2], np.int32)
    for i, a in each(packed):
        pivots[i], info[i] = _factored(a, hermitian)
    if strict:
        failed(name, info, "D[{0},{0}] is zero and using it on ldl_solve would result in a division by zero.")
    return wrap(packed), wrap(pivots), wrap(info)


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Any = None) -> Tensor:
    """The X of A X = B, from what `ldl_factor` gave."""
    square("torch.linalg.ldl_solve", LD, "LD")
    matrices("torch.linalg.ldl_solve", B, "B")
    same_dtype("torch.linalg.ldl_solve", LD, B)
    if pivots._array.dtype.kind not in "iu":
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype.tensor_name}")
    if LD._array.shape[:-1] != pivots._array.shape:
        raise RuntimeError("torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{list(pivots.shape)} instead")
    ld, b = LD._array, B._array
    if ld.shape[-1] != b.shape[-2]:
        raise RuntimeError(f"torch.linalg.ldl_solve: Incompatible shapes of LD and B for the equation AX = B ({ld.shape[-2]}x{ld.shape[-1]} and "
                           f"{b.shape[-2]}x{b.shape[-1]})")
    batch = np.broadcast_shapes(ld.shape[:-2], b.shape[:-2])
    ld, p = np.broadcast_to(ld, (*batch, *ld.shape[-2:])), np.broadcast_to(pivots._array, (*batch, ld.shape[-1]))
    x = np.broadcast_to(b, (*batch, *b.shape[-2:])).copy()
    for i, a in each(ld):
        _solve(a, p[i], x[i], np.conj if hermitian and a.dtype.kind == "c" else np.asarray)
    return given(wrap(x), out)


def _solve(a: Any, pivots: Any, x: Any, turn: Any) -> None:
    """Substitution downwards, through D, and upwards, for one matrix; x is overwritten."""
    n, k, steps = a.shape[0], 0, []
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        at, p = k + step - 1, abs(int(pivots[k])) - 1
        x[[at, p]] = x[[p, at]]
        x[k + step:] -= a[k + step:, k:at + 1] @ x[k:at + 1]
        block = a[k:at + 1, k:at + 1].copy()
        if step == 2:
            block[0, 1] = turn(block[1, 0])
        with np.errstate(all="ignore"):
            x[k:at + 1] = x[k:at + 1] / block if step == 1 else np.linalg.solve(block, x[k:at + 1])
        steps.append((k, at, p))
        k += step
    for k, at, p in reversed(steps):
        x[k:at + 1] -= turn(a[at + 1:, k:at + 1]).T @ x[at + 1:]
        x[[at, p]] = x[[p, at]]
