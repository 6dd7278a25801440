"""Writing at indices: index_add and its family, scatter_reduce, put, masked_scatter, and views written into."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from .index import _line, _places, _scatter_add, add_rows, at_places, gather, index_select, raw, scatter, writable
from .pointwise import masked_fill, where
from .shape import Shape, diagonal, reshape, select, slice_dim


@op(r"{x}[{index}] \leftarrow v", name="scatter_tensor", node="Scatter", grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere}")
def scatter_value(x: Any, dim: int, index: Any, value: Any) -> Any:
    return scatter.op.forward(x, module_of(x).asarray(value).astype(x.dtype), dim, index)


scatter_value.op.node_name = "ScatterBackward1"
scatter_value.vjp(lambda g, dim, index: scatter_value(g, dim, index, 0))

# -- along one dimension, by a line of indices ----------------------------------------------------------------------------------------------


def _rows(dim: int, index: Any) -> Any:
    return (slice(None),) * dim + (raw(index).reshape(-1),)


@op(r"{x}[{index}] \mathrel{+}= \alpha\,{source}", operands=2, name="index_add", grad_tex=r"\bar{x} = \bar{y};\quad \bar{s} = \alpha\,\bar{y}[\text{index}]")
def index_add(x: Any, source: Any, dim: int, index: Any, alpha: Any) -> Any:
    out = writable(x)
    add_rows(_line(out), dim, raw(index).reshape(-1), _line(source if alpha == 1 else source * source.dtype.type(alpha)))
    return out


@op(r"{x}[{index}] \leftarrow {source}", operands=2, name="index_copy", grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere};\quad \bar{s} = \bar{y}[\text{index}]")
def index_copy(x: Any, source: Any, dim: int, index: Any) -> Any:
    out = writable(x)
    _line(out)[_rows(dim, index)] = _line(source)
    return out


@op(r"{x}[{index}] \leftarrow v", name="index_fill", grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere}")
def index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    out = writable(x)
    _line(out)[_rows(dim, index)] = value
    return out


@op(r"{x}[{index}] \leftarrow {value}", operands=2, name="index_fill_tensor", node="IndexFill",
    grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere};\quad \bar{v} = \textstyle\sum \bar{y}[\text{index}]")
def index_fill_tensor(x: Any, value: Any, dim: int, index: Any) -> Any:
    return index_fill.op.forward(x, dim, index, value)


def _unique(index: Any) -> Any:
    return np.unique(raw(index))


index_fill_tensor.op.node_name = "IndexFillBackward1"
index_add.vjp(lambda g: g, lambda g, source_shape, dim, index, alpha: reshape(index_select(g, dim, index), source_shape) * alpha)
index_copy.vjp(lambda g, dim, index: index_fill(g, dim, index, 0), lambda g, source_shape, dim, index: reshape(index_select(g, dim, index), source_shape))
index_fill.vjp(lambda g, dim, index: index_fill(g, dim, index, 0))
index_fill_tensor.vjp(lambda g, dim, index: index_fill(g, dim, index, 0), lambda g, dim, index: index_select(g, dim, _unique(index)).sum())

# -- scatter with a reduction ---------------------------------------------------------------------------------------------------------------

_UFUNCS: dict[str, Any] = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _neutral(reduce: str, dtype: Any) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max


def _reduced(x: Any, src: Any, dim: int, index: Any, reduce: str, include_self: bool) -> Any:
    i = raw(index)
    out = writable(x)
    if not i.size:
        return out
    flat, place = _line(out), _places(_line(i), dim)
    if not include_self:
        flat[place] = _neutral(reduce, x.dtype)
    at_places(_UFUNCS[reduce], out, i, dim, src)
    if reduce == "mean":
        count = (np.ones_like if include_self else np.zeros_like)(flat, np.int64)
        ar.at(np.add, count, place, 1)
        count = np.maximum(count, 1)
        flat[...] = flat / count if x.dtype.kind in "fc" else flat // count
    return out


@op(r"\operatorname{scatter\_reduce}({x}, {src})", operands=2, name="scatter_reduce",
    grad_tex=r"\bar{s} = \bar{y}[\text{index}]\,\frac{\partial y}{\partial s};\quad \bar{x} = \bar{y}\,\frac{\partial y}{\partial x}")
def scatter_reduce(x: Any, src: Any, dim: int, index: Any, reduce: str, include_self: bool) -> Any:
    return _reduced(x, src, dim, index, reduce, include_self)


@op(r"\operatorname{index\_reduce}({x}, {src})", operands=2, name="index_reduce",
    grad_tex=r"\bar{s} = \bar{y}[\text{index}]\,\frac{\partial y}{\partial s};\quad \bar{x} = \bar{y}\,\frac{\partial y}{\partial x}")
def index_reduce(x: Any, src: Any, dim: int, index: Any, reduce: str, include_self: bool) -> Any:
    """As scatter_reduce, the line of indices spread over the shape of `src`."""
    return _reduced(x, src, dim, index, reduce, include_self)


def _ones(like: Any, i: Any) -> Any:
    return module_of(raw(like)).ones(i.shape, raw(like).dtype)


def _reduce_grad(g: Any, x: Any, src: Any, y: Any, dim: int, index: Any, reduce: str, include_self: bool, needs: Any) -> Any:
    i = raw(index)
    src = _corner(src, i)
    if reduce == "sum":
        gx, gs = g, gather(g, dim, i)
    elif reduce == "mean":
        count = _scatter_add(module_of(raw(g)).full(g.shape, float(include_self), raw(g).dtype), _ones(g, i), dim, i)
        share = g / np.maximum(count, 1)
        gx, gs = share, gather(share, dim, i)
    elif reduce == "prod":
        safe = where(x == 0, x * 0 + 1, x)
        gx = g * scatter_reduce(safe, src, dim, i, "prod", include_self) / safe
        zeros = raw(src) == 0
        alone = zeros & (ar.as_array(gather(_scatter_add(module_of(raw(g)).zeros(g.shape, np.int64), zeros.astype(np.int64), dim, i), dim, i)) == 1)
        full = where(zeros, src * 0 + 1, src)
        others = scatter_reduce(x, full, dim, i, "prod", include_self)
        gs = where(alone, gather(g * others, dim, i), gather(g * y, dim, i) / full)
    else:
        mine, theirs = x == y, src == gather(y, dim, i)
        kind = raw(g).dtype
        ties = _scatter_add(raw(mine).astype(kind) * include_self, raw(theirs).astype(kind), dim, i)
        share = g / np.maximum(ties, 1)
        gx, gs = share * mine, gather(share, dim, i) * theirs
    if not include_self:
        gx = scatter(gx, module_of(raw(g)).zeros((), raw(g).dtype), dim, i)
    return [gx if needs[0] else None, gs if needs[1] else None]


def _corner(src: Any, i: Any) -> Any:
    for d, n in enumerate(i.shape):
        if len(src.shape) > d and src.shape[d] > n:
            src = slice_dim(src, d, 0, n, 1)
    return src


def _scatter_reduce_grad(g: Any, x: Any, src: Any, y: Any, src_shape: Shape, dim: int, index: Any, reduce: str, include_self: bool, needs: Any) -> Any:
    from .index import _fit

    gx, gs = _reduce_grad(g, x, src, y, dim, index, reduce, include_self, needs)
    return [gx, None if gs is None else _fit(gs, src_shape)]


scatter_reduce.vjp_all(_scatter_reduce_grad)
index_reduce.vjp_all(_scatter_reduce_grad)

# -- in the order of memory -----------------------------------------------------------------------------------------------------------------


@op(r"{x}.\text{flat}[{index}]", name="take", grad_tex=r"\bar{x}.\text{flat}[\text{index}] \mathrel{+}= \bar{y}")
def take_flat(x: Any, index: Any) -> Any:
    return x.reshape(-1)[raw(index)]


@op(r"{x}.\text{flat}[{index}] \leftarrow {source}", operands=2, name="put", grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere};\quad \bar{s} = \bar{y}.\text{flat}[\text{index}]")
def put(x: Any, source: Any, index: Any, accumulate: bool) -> Any:
    out = writable(x)
    i = raw(index).reshape(-1)
    if accumulate:
        ar.at(np.add, out.reshape(-1), i, source.reshape(-1))
    else:
        out.reshape(-1)[i] = source.reshape(-1)
    return out


def _put_grad(g: Any, source_shape: Shape, index: Any, accumulate: bool, needs: Any) -> Any:
    i = raw(index)
    gx = g if accumulate or not needs[0] else put(g, module_of(raw(g)).zeros(i.shape, raw(g).dtype), i, False)
    return [gx if needs[0] else None, reshape(take_flat(g, i), source_shape) if needs[1] else None]


def _take_grad(g: Any, x_shape: Shape, index: Any) -> Any:
    from .creation import zeros_of

    return put(zeros_of(g, x_shape), g, index, True)


take_flat.vjp(_take_grad)
put.vjp_all(_put_grad)


@op(r"{x}[{mask}] \leftarrow {source}", operands=2, name="masked_scatter", grad_tex=r"\bar{x} = \bar{y} \odot (1 - m);\quad \bar{s} = \bar{y}[m]")
def masked_scatter(x: Any, source: Any, mask: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    out, m = np.broadcast_to(x, shape).copy(), np.broadcast_to(mask, shape)
    out[m] = source.reshape(-1)[:int(np.count_nonzero(m))]
    return out


def _masked_scatter_grad(g: Any, source_shape: Shape, mask: Any, needs: Any) -> Any:
    from .creation import zeros_of
    from .index import index

    gs = None
    if needs[1]:
        places = np.flatnonzero(np.broadcast_to(mask, g.shape))
        gs = put(zeros_of(g, source_shape), index(reshape(g, (-1,)), (places,)), module_of(places).arange(places.size), False)
    return [masked_fill(g, mask, 0) if needs[0] else None, gs]


masked_scatter.vjp_all(_masked_scatter_grad)

# -- a copy, a view of which is written ------------------------------------------------------------------------------------------------------

_WRITTEN = r"\bar{x} = \bar{y}\ \text{outside the view};\quad \bar{s} = \bar{y}\big[\text{view}\big]"


def _written(x: Any, view: Any, source: Any) -> Any:
    out = writable(x)
    view(out)[...] = source
    return out


@op(r"{x}[{index}] \leftarrow {source}", operands=2, name="select_scatter", grad_tex=_WRITTEN)
def select_scatter(x: Any, source: Any, dim: int, index: int) -> Any:
    return _written(x, lambda a: select.op.forward(a, dim, index), source)


@op(r"{x}[{start}{:}{stop}] \leftarrow {source}", operands=2, name="slice_scatter", grad_tex=_WRITTEN)
def slice_scatter(x: Any, source: Any, dim: int, start: int, stop: int, step: int) -> Any:
    return _written(x, lambda a: slice_dim.op.forward(a, dim, start, stop, step), source)


@op(r"\operatorname{diag}({x}) \leftarrow {source}", operands=2, name="diagonal_scatter", grad_tex=_WRITTEN)
def diagonal_scatter(x: Any, source: Any, offset: int, dim0: int, dim1: int) -> Any:
    return _written(x, lambda a: diagonal.op.forward(a, offset, dim0, dim1), source)


def _nothing(g: Any, shape: Shape) -> Any:
    return module_of(raw(g)).zeros(tuple(shape), raw(g).dtype)


select_scatter.vjp(lambda g, source_shape, dim, index: select_scatter(g, _nothing(g, source_shape), dim, index), lambda g, dim, index: select(g, dim, index))
slice_scatter.vjp(lambda g, source_shape, dim, start, stop, step: slice_scatter(g, _nothing(g, source_shape), dim, start, stop, step),
                  lambda g, dim, start, stop, step: slice_dim(g, dim, start, stop, step))
diagonal_scatter.vjp(lambda g, source_shape, offset, dim0, dim1: diagonal_scatter(g, _nothing(g, source_shape), offset, dim0, dim1),
                     lambda g, offset, dim0, dim1: diagonal(g, offset, dim0, dim1))
