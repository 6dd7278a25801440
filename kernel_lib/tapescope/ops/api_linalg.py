"""PyTorch's signatures for products."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..core.autocast import full_precision, lower
from ..core.pointwise import write_out
from ..core.state import numbers
from ..core.tensor import Tensor
from . import linalg as la
from . import pointwise as pw
from . import shape
from .api_shape import dims_of
from .strided import squeeze_written
from .whole import one_node


def _same_dtype(a: Tensor, b: Tensor) -> None:
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}")


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    if numbers.autocast:
        input, mat2 = lower(input, mat2)
    if out is not None:
        return write_out(out, mm(input, mat2))
    p, q = input._array.shape, mat2._array.shape
    if len(p) != 2:
        raise RuntimeError(f"self must be a matrix (it has shape {list(p)})")
    if len(q) != 2:
        raise RuntimeError(f"mat2 must be a matrix (it has shape {list(q)})")
    if p[1] != q[0]:
        from ..core.shapes import Row, not_multiplied

        raise not_multiplied(RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({p[0]}x{p[1]} and {q[0]}x{q[1]})"), Row("mat1", p, 0, input), Row("mat2", q, 1, mat2), 1)
    _same_dtype(input, mat2)
    return la.mm(input, mat2)


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    if numbers.autocast:
        input, mat2 = lower(input, mat2)
    if out is not None:
        return write_out(out, bmm(input, mat2))
    p, q = input._array.shape, mat2._array.shape
    if len(p) != 3 or len(q) != 3:
        raise RuntimeError(f"batch{1 if len(p) != 3 else 2} must be a 3D tensor (got {list(p)} and {list(q)})")
    if p[0] != q[0] or p[2] != q[1]:
        from ..core.shapes import Row, drawn

        error = RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{p[0]}, {p[2]}] but got: [{q[0]}, {q[1]}].")
        raise drawn(error, [Row("batch1", p, 0, input), Row("batch2", q, 0, mat2)], [0] if p[0] != q[0] else [], f"batch2 of shape {[p[0], p[2], q[2]]}")
    return la.bmm(input, mat2)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    p, q = input._array.shape, tensor._array.shape
    if len(p) != 1 or len(q) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(p)}D and {len(q)}D tensors")
    if input._array.dtype != tensor._array.dtype:
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {input.dtype.tensor_name} and {tensor.dtype.tensor_name}")
    if p != q:
        raise RuntimeError(f"inconsistent tensor size, expected tensor [{p[0]}] and src [{q[0]}] to have the same number of elements, "
                           f"but got {p[0]} and {q[0]} elements respectively")
    return la.dot(input, tensor)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    if numbers.autocast:
        input, vec = lower(input, vec)
    p, q = input._array.shape, vec._array.shape
    if len(p) != 2 or len(q) != 1 or p[1] != q[0]:
        raise RuntimeError(f"size mismatch, got input ({p[0] if p else 1}), mat ({'x'.join(map(str, p))}), vec ({'x'.join(map(str, q))})")
    return la.mv(input, vec)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    for x in (input, vec2):
        if x._array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument, but got {x._array.ndim}-D")
    return pw.mul(shape.unsqueeze(input, 1), shape.unsqueeze(vec2, 0))


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product over the last dimension of `input` and the last but one of `other`; leading dimensions broadcast.

    As in PyTorch it is one of dot, mv, mm, bmm, with views around it.
    """
    if numbers.autocast:
        input, other = lower(input, other)
    if out is not None:
        return write_out(out, matmul(input, other))
    try:
        p, q = input._array.shape, other._array.shape
    except AttributeError:
        wrong = other if isinstance(input, Tensor) else input
        raise TypeError(f"matmul(): argument must be Tensor, not {type(wrong).__name__}") from None
    n, m = len(p), len(q)
    if n == 2 and m == 2:
        if p[1] == q[0] and input._array.dtype is other._array.dtype:
            return la.mm(input, other)
        return mm(input, other)                                                           # says what is wrong
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if n == 1 and m == 1:
        return dot(input, other)
    if n == 2 and m == 1:
        return mv(input, other)
    if n == 1 and m == 2:
        return squeeze_written(mm(shape.unsqueeze(input, 0), other), (0,))
    if n >= 3 and m <= 2:                                                                # fold the batch into the rows
        _inner(p[-1], q[0], input, other)
        _same_dtype(input, other)
        folded = shape.reshape(input, (math.prod(p[:-1]), p[-1]))
        if m == 1:
            return shape.reshape_copy(la.mv(folded, other), p[:-1])
        return shape.reshape_copy(la.mm(folded, other), (*p[:-1], q[1]))
    if n == 2 and m >= 3 and input._req:                     # else the gradient of `input` would be as large as the batch before it is summed
        _inner(p[1], q[-2], input, other)
        _same_dtype(input, other)
        turned = shape.transpose(other, m - 2, m - 1)
        out = shape.reshape_copy(la.mm(shape.reshape(turned, (math.prod(q[:-2]) * q[-1], p[1])), shape.t(input)), (*q[:-2], q[-1], p[0]))
        back = shape.transpose(out, m - 2, m - 1)
        return back if back._array.flags.c_contiguous else pw.clone(back)
    a = shape.unsqueeze(input, 0) if n == 1 else input
    b = shape.unsqueeze(other, m) if m == 1 else other
    pa, qb = a._array.shape, b._array.shape
    _inner(pa[-1], qb[-2], input, other)
    _same_dtype(input, other)
    try:
        batch = np.broadcast_shapes(pa[:-2], qb[:-2])
    except ValueError:
        from ..core import errors
        from ..core.shapes import Row, drawn

        wide = max(len(pa), len(qb))
        rows = [Row("a", pa, wide - len(pa), input), Row("b", qb, wide - len(qb), other)]
        unlike = [c for c in range(wide - 2) if all(c >= r.column for r in rows) and len({r.shape[c - r.column] for r in rows} - {1}) > 1]
        raise drawn(errors.broadcast(pa[:-2], qb[:-2]), rows, unlike, "batch axes that are alike, or 1") from None
    flat = int(np.prod(batch))
    if pa[:-2] != batch:
        a = shape.expand(a, (*batch, *pa[-2:]))
    if qb[:-2] != batch:
        b = shape.expand(b, (*batch, *qb[-2:]))
    out = la.bmm(shape.reshape(a, (flat, *pa[-2:])) if len(batch) != 1 else a, shape.reshape(b, (flat, *qb[-2:])) if len(batch) != 1 else b)
    final = (*batch, *([pa[-2]] if n > 1 else []), *([qb[-1]] if m > 1 else []))
    return shape.reshape_copy(out, final)


def _inner(k: int, j: int, a: Tensor, b: Tensor) -> None:
    if k != j:
        p, q = a._array.shape, b._array.shape
        from ..core.shapes import Row, not_multiplied

        error = RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({int(np.prod(p[:-1]))}x{k} and {j}x{q[-1] if len(q) > 1 else 1})")
        inner = len(p) - 1
        raise not_multiplied(error, Row("a", p, 0, a), Row("b", q, inner - (len(q) - 2 if len(q) > 1 else 0), b), inner)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    if numbers.autocast:
        input, mat1, mat2 = lower(input, mat1, mat2)
    p, q = mat1._array.shape, mat2._array.shape
    if len(p) != 2 or len(q) != 2 or p[1] != q[0]:
        from ..core.shapes import Row, not_multiplied

        error = RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, p))} and {'x'.join(map(str, q))})")
        raise not_multiplied(error, Row("mat1", p, 0, mat1), Row("mat2", q, len(p) - 1, mat2), len(p) - 1)
    _same_dtype(mat1, mat2)
    if alpha == 1 and beta == 1 and out is None:
        return la.addmm(input, mat1, mat2)
    from .products import addmm_scaled

    return pw.given(addmm_scaled(input, mat1, mat2, beta, alpha), out)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), matrix by matrix."""
    from .api_products import baddbmm

    return baddbmm(input, batch1, batch2, beta=beta, alpha=alpha, out=out)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    """The product summed over pairs of dimensions."""
    if isinstance(dims, int):
        da, db = list(builtins.range(a._array.ndim - dims, a._array.ndim)), list(builtins.range(dims))
    else:
        da, db = list(dims_of(dims[0], a._array.ndim)), list(dims_of(dims[1], b._array.ndim))
    for i, j in zip(da, db, strict=True):
        p, q = a._array.shape[i], b._array.shape[j]
        if p != q and 1 in (p, q):                           # a dimension of 1 meets any: the other one is summed
            from .api_reduce import sum

            a, b = (a, sum(b, j, keepdim=True, dtype=b.dtype)) if p == 1 else (sum(a, i, keepdim=True, dtype=a.dtype), b)
        elif p != q:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a._array.shape[i]} in dim {i} and second has size "
                               f"{b._array.shape[j]} in dim {j}")
    ra = [i for i in builtins.range(a._array.ndim) if i not in da]
    rb = [i for i in builtins.range(b._array.ndim) if i not in db]
    k = int(np.prod([a._array.shape[i] for i in da])) if da else 1
    x = shape.reshape(shape.permute(a, (*ra, *da)), (-1, k))
    y = shape.reshape(shape.permute(b, (*db, *rb)), (k, -1))
    return pw.given(shape.reshape(la.mm(x, y), (*[a._array.shape[i] for i in ra], *[b._array.shape[i] for i in rb])), out)


@one_node("cdist", "CdistBackward0", r"\lVert {x0}_i - {x1}_j \rVert_p", 2, r"\bar{x}_i = \textstyle\sum_j \bar{y}_{ij}\,\partial \lVert x_i - x_j \rVert_p")
def _distances(x1: Tensor, x2: Tensor, p: float) -> Tensor:
    from .api_reduce import norm

    return norm(shape.unsqueeze(x1, x1._array.ndim - 1) - shape.unsqueeze(x2, x2._array.ndim - 2), p, -1)


@full_precision
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distance of every row of x1 [..., P, M] to every row of x2 [..., R, M]; Euclidean ones of more than 25 rows by a product, unless `compute_mode` says
    otherwise."""
    a, b = x1._array, x2._array
    if a.ndim < 2 or b.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X{1 if a.ndim < 2 else 2} got: {(a if a.ndim < 2 else b).ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}")
    for k, x in enumerate((x1, x2), 1):
        if x._array.dtype.kind not in "fV":
            raise RuntimeError(f"cdist only supports floating-point dtypes, X{k} got: {x.dtype.tensor_name}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    many = compute_mode == modes[1] or compute_mode == modes[0] and max(a.shape[-2], b.shape[-2]) > 25
    if p == 2 and many and a.dtype == b.dtype and a.size and b.size:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        x1, x2 = [x if x._array.shape[:-2] == lead else shape.expand(x, (*lead, *x._array.shape[-2:])) for x in (x1, x2)]
        y = la.euclidean_dist(x1, x2)
        return shape.view(y, y._array.shape)
    return _distances(x1, x2, float(p))


@full_precision
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal."""
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._array.ndim}")
    return _trace(input)


@one_node("trace", "TraceBackward0", r"\operatorname{tr} {x0}", 1, r"\bar{x} = \bar{y}\,I")
def _trace(x: Tensor) -> Tensor:
    from .api_reduce import sum

    return sum(shape.diagonal(x, 0, 0, 1))


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b; one addmm node on 2-D input, with views around it otherwise."""
    if numbers.autocast:
        input, weight, bias = lower(input, weight, bias)
    p, q = input._array.shape, weight._array.shape
    if not p or p[-1] != q[-1]:
        rows = int(np.prod(p[:-1])) if p else 1
        from ..core.shapes import Row, drawn

        error = RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{p[-1] if p else 1} and {'x'.join(map(str, reversed(q)))})")
        last = max(len(p), len(q)) - 1
        raise drawn(error, [Row("input", p, last + 1 - len(p), input), Row("weight", q, last + 1 - len(q), weight)], [last],
                    f"an input of shape {[*p[:-1], q[-1]]}" + (f", or a Linear({p[-1]}, {q[0]})" if p and len(q) == 2 else "")
                    + (", or input.t()" if len(p) == 2 and p[0] == q[-1] else ""))
    if input._array.dtype != weight._array.dtype:
        raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {input.dtype.tensor_name} and {weight.dtype.tensor_name}")
    wt = shape.t(weight)
    if len(p) == 1 and bias is None:
        return matmul(input, wt)
    flat = input if len(p) == 2 else shape.reshape(input, (-1, p[-1]))
    y = la.mm(flat, wt) if bias is None else la.addmm(bias, flat, wt)
    return y if len(p) == 2 else shape.reshape(y, (*p[:-1], q[0]))


__all__ = ["addmm", "baddbmm", "bmm", "cdist", "dot", "linear", "matmul", "mm", "mv", "outer", "tensordot", "trace"]
