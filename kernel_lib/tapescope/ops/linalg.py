"""Products."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.op import op
from ..core.pointwise import binary
from .shape import t, transpose


def _swap(x: Any) -> Any:
    return transpose(x, -2, -1)


def transposed(x: Any) -> Any:
    return x.T if x.__class__ is np.ndarray else t(x)


def in_single(f: Any, *operands: Any) -> Any:
    """A product of float16 or bfloat16 by way of float32, as PyTorch sums it: NumPy multiplies float16 a thousand times slower. Integers of two bytes stay."""
    if operands[0].dtype.kind not in "fV" or not isinstance(operands[0], np.ndarray):
        return f(*operands)
    y = f(*[x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in operands])
    with np.errstate(over="ignore"):
        return y.astype(operands[0].dtype)


def by_single(f: Any) -> Any:
    """`f`, with float16 by way of float32."""

    @functools.wraps(f)
    def call(x: Any, *rest: Any) -> Any:
        return f(x, *rest) if x.itemsize != 2 else in_single(f, x, *rest)

    return call


def _product(a: Any, b: Any) -> Any:
    return a.dot(b) if a.itemsize != 2 else in_single(np.matmul, a, b)     # the method costs half of np.matmul on small matrices


mm = binary(r"{a}\,{b}", _product, name="mm")               # shapes and dtypes are checked by its callers


@op(r"{a}\,{b}", operands=2, name="bmm")
def bmm(a: Any, b: Any) -> Any:
    return np.matmul(a, b) if a.itemsize != 2 else in_single(np.matmul, a, b)


@op(r"{a}\,{b}", operands=2, name="mv")
def mv(a: Any, b: Any) -> Any:
    return np.matmul(a, b) if a.itemsize != 2 else in_single(np.matmul, a, b)


@op(r"{a} \cdot {b}", operands=2, name="dot")
def dot(a: Any, b: Any) -> Any:
    return np.dot(a, b) if a.itemsize != 2 else in_single(np.dot, a, b)


@op(r"{a} \otimes {b}", operands=2, name="outer", node="Ger")
def outer(a: Any, b: Any) -> Any:
    return a[:, None] * b[None, :]


# On arrays spelled out: a call costs as much as a small product.
mm.vjp(lambda g, b: g.dot(b.T) if g.__class__ is np.ndarray and g.itemsize != 2 else mm(g, transposed(b)),
       lambda g, a: a.T.dot(g) if g.__class__ is np.ndarray and g.itemsize != 2 else mm(transposed(a), g))
bmm.vjp(lambda g, b: bmm(g, _swap(b)), lambda g, a: bmm(_swap(a), g))
mv.vjp(lambda g, b: outer(g, b), lambda g, a: mv(transposed(a), g))
dot.vjp(lambda g, b: g * b, lambda g, a: g * a)
outer.vjp(lambda g, b: mv(g, b), lambda g, a: mv(transposed(g), a))


@op(r"{c} + {a}\,{b}", operands=3, name="addmm")
def addmm(c: Any, a: Any, b: Any) -> Any:
    y = a.dot(b) if a.itemsize != 2 else in_single(np.matmul, a, b)
    if y.dtype == c.dtype:
        y += c
        return y
    return y + c


@op(r"\mathbf{1}^{\top} {x}", name="sum_rows", grad_tex=r"\bar{x} = \mathbf{1}\,\bar{y}^{\top}")
def sum_rows(x: Any) -> Any:
    """The sum over the first of two dimensions, as a product with ones: several times faster than a reduction."""
    if x.flags.c_contiguous and x.dtype.kind == "f" and x.shape[0] > 4:
        if x.itemsize == 2:
            return np.add.reduce(x, 0, dtype=np.float32).astype(x.dtype)
        return np.matmul(np.ones(x.shape[0], x.dtype), x) if isinstance(x, np.ndarray) else x.sum(0)
    return np.add.reduce(x, 0)


def _spread_rows(g: Any, x_shape: Any) -> Any:
    from .shape import broadcast_to

    return broadcast_to(g, x_shape)


sum_rows.vjp(_spread_rows)


def _addmm_bias(g: Any, c_shape: Any) -> Any:
    if len(c_shape) == 1 and c_shape[0] == g.shape[1] and g.shape[0] != 1:
        return sum_rows(g)
    return g                                               # the engine sums what broadcasting spread


# aᵀ g as (gᵀ a)ᵀ: b is mostly a weight transposed, whose gradient then lies in memory as the weight does
addmm.vjp(_addmm_bias, lambda g, b: mm(g, transposed(b)), lambda g, a: transposed(mm(transposed(g), a)))
addmm.op.grad_tex = r"\bar{c} = \textstyle\sum_i \bar{y}_i \\ \bar{a} = \bar{y}\,b^{\top} \\ \bar{b} = a^{\top}\,\bar{y}"


@op(r"\lVert {a}_i - {b}_j \rVert", operands=2, name="euclidean_dist", node="EuclideanDist",
    grad_tex=r"\bar{a}_i = \textstyle\sum_j \bar{y}_{ij}\,\frac{a_i - b_j}{y_{ij}} \\ \bar{b}_j = \textstyle\sum_i \bar{y}_{ij}\,\frac{b_j - a_i}{y_{ij}}")
def euclidean_dist(a: Any, b: Any) -> Any:
    """Distances of rows by one product: |a|² - 2 a b + |b|², as PyTorch computes those of many."""
    one, two = (np.add.reduce(x * x, -1, None, None, True) for x in (a, b))
    y = np.matmul(np.concatenate((a * -2, one, np.ones_like(one)), -1), np.concatenate((b, np.ones_like(two), two), -1).swapaxes(-1, -2))
    return np.sqrt(np.maximum(y, 0))


def _share(g: Any, y: Any) -> Any:
    from .pointwise import where

    zero = y == 0
    return where(zero, g * 0, g / where(zero, y * 0 + 1, y))


def _from_others(r: Any, a: Any, b: Any) -> Any:
    from .reduce import sum_dim

    return a * sum_dim(r, (len(r.shape) - 1,), True) - r @ b


euclidean_dist.vjp(lambda g, a, b, y: _from_others(_share(g, y), a, b), lambda g, a, b, y: _from_others(_swap(_share(g, y)), b, a))
