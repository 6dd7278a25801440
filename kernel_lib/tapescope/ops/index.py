"""Indexing, gathering and scattering."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from ..core.sparse import Rows
from ..core.symbol import Symbol
from ..core.tensor import Tensor
from . import order as od
from .shape import Shape


def raw(i: Any) -> Any:
    """An index as an array: indices are never differentiated."""
    return i._array if hasattr(i, "_array") else i


def writable(x: Any) -> Any:
    """A copy to write into; NumPy's own scalars become 0-d arrays."""
    return np.array(x) if isinstance(x, np.generic) else x.copy()


def _raw_key(key: Any) -> Any:
    return tuple(raw(k) for k in key)


@op(r"{x}[{key}]", name="index", grad_tex=r"\bar{x}[\text{index}] \mathrel{+}= \bar{y}")
def index(x: Any, key: Any) -> Any:
    """Advanced indexing: a tuple with at least one integer or boolean array."""
    return x[key]


@op(r"\operatorname{put}({x})", name="index_backward", grad_tex=r"\bar{x} = \bar{y}[\text{index}]")
def index_grad(x: Any, shape: Shape, key: Any) -> Any:
    """Zeros with `x` added at an advanced index."""
    out = np.zeros_like(x, shape=shape)
    if all(getattr(k, "dtype", None) == np.bool_ or isinstance(k, slice) for k in key):
        out[key] = x                                        # a mask names every place once
    else:
        ar.at(np.add, out, key, x)
    return out


index.vjp(lambda g, x_shape, key: index_grad(g, x_shape, key))
index_grad.vjp(lambda g, key: index(g, key))


@op(r"{x}\text{ with }{value}\text{ put}", operands=2, name="index_put", grad_tex=r"\bar{x} = \bar{y}\ \text{outside the index};\quad \bar{v} = \bar{y}[\text{index}]")
def index_put(x: Any, value: Any, key: Any, accumulate: bool) -> Any:
    out = writable(x)
    if accumulate:
        ar.at(np.add, out, key, value)
    else:
        out[key] = value
    return out


def _index_put_grad(g: Any, value_shape: Shape, key: Any, accumulate: bool, needs: Any) -> Any:
    first = None
    if needs[0]:
        first = g if accumulate else index_put(g, module_of(raw(g)).zeros((), raw(g).dtype), key, False)
    return [first, index(g, key) if needs[1] else None]


index_put.vjp_all(_index_put_grad)


def _places(i: Any, dim: int) -> Any:
    key = [module_of(i).arange(s).reshape((1,) * d + (-1,) + (1,) * (i.ndim - d - 1)) for d, s in enumerate(i.shape)]
    key[dim] = i
    return tuple(key)


def _line(x: Any) -> Any:
    """A 0-d array is indexed as a line of one element."""
    return x if x.ndim else x.reshape(1)


def _plain(x: Any, i: Any) -> bool:
    """Whether places in the order of memory, which NumPy reads and writes fastest, serve."""
    return x.__class__ is np.ndarray and x.flags.c_contiguous and i.size > 64


@op(r"\operatorname{gather}({x})", name="gather", grad_tex=r"\bar{x}[\text{index}] \mathrel{+}= \bar{y}")
def gather(x: Any, dim: int, index: Any) -> Any:
    i = raw(index)
    if not i.size:
        return module_of(x).empty(i.shape, x.dtype)
    if not i.ndim or not x.ndim:
        return _line(x)[_places(_line(i), dim)].reshape(i.shape)
    return x.reshape(-1).take(od.flat(i, x.shape, dim)) if _plain(x, i) else x[_places(i, dim)]


@op(r"\operatorname{scatter\_add}({x}, {src})", operands=2, name="scatter_add", grad_tex=r"\bar{x} = \bar{y};\quad \bar{s} = \bar{y}[\text{index}]")
def _scatter_add(x: Any, src: Any, dim: int, index: Any) -> Any:
    i = raw(index)
    out = writable(x)
    if i.size:
        at_places(np.add, out, i, dim, src)
    return out


def at_places(ufunc: Any, out: Any, i: Any, dim: int, src: Any) -> None:
    """`out` changed at index along dim by what stands at the same place of `src`."""
    part = _line(src)[tuple(slice(0, s) for s in _line(i).shape)]
    if out.ndim and _plain(out, i):
        ar.at(ufunc, out.reshape(-1), od.flat(i, out.shape, dim).reshape(-1), part.reshape(-1))
    else:
        ar.at(ufunc, _line(out), _places(_line(i), dim), part)


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    """x with src[...] added at index along dim; on arrays, Tensors and Symbols."""
    return _scatter_add(x, src, dim, index)


def _scatter_add_grad(g: Any, src_shape: Shape, dim: int, index: Any, needs: Any) -> Any:
    return [g if needs[0] else None, _fit(gather(g, dim, index), src_shape) if needs[1] else None]


def _fit(g: Any, shape: Shape) -> Any:
    """A gradient for the leading corner of a larger source."""
    from .shape import pad, reshape

    if tuple(g.shape) == tuple(shape):
        return g
    if len(g.shape) != len(shape):                          # one of them is a 0-d tensor, the other a line of one element
        return reshape(g, tuple(shape))
    return pad(g, tuple((0, s - n) for s, n in zip(shape, g.shape, strict=True)), 0)


_scatter_add.vjp_all(_scatter_add_grad)
gather.vjp(lambda g, x_shape, dim, index: scatter_add(_zeros(g, x_shape), dim, index, g))


def _zeros(like: Any, shape: Shape) -> Any:
    from .creation import zeros_of

    return zeros_of(like, tuple(shape))


@op(r"\operatorname{scatter}({x}, {src})", operands=2, name="scatter", grad_tex=r"\bar{x} = \bar{y}\ \text{elsewhere};\quad \bar{s} = \bar{y}[\text{index}]")
def scatter(x: Any, src: Any, dim: int, index: Any) -> Any:
    i = raw(index)
    out = writable(x)
    if i.size:
        part = src[tuple(slice(0, s) for s in i.shape)] if np.ndim(src) else src
        if out.ndim and _plain(out, i):
            out.reshape(-1)[od.flat(i, out.shape, dim).reshape(-1)] = part.reshape(-1) if np.ndim(part) else part
        else:
            _line(out)[_places(_line(i), dim)] = part
    return out


def _scatter_grad(g: Any, src_shape: Shape, dim: int, index: Any, needs: Any) -> Any:
    return [scatter(g, module_of(raw(g)).zeros((), raw(g).dtype), dim, index) if needs[0] else None,
            _fit(gather(g, dim, index), src_shape) if needs[1] else None]


scatter.vjp_all(_scatter_grad)


@op(r"{x}[{index}]", name="index_select", grad_tex=r"\bar{x}[\text{index}] \mathrel{+}= \bar{y}")
def index_select(x: Any, dim: int, index: Any) -> Any:
    i = raw(index).reshape(-1)
    return np.take(x, i, dim) if x.ndim else np.take(_line(x), i, 0).reshape(())


@op(r"\operatorname{index\_add}({x})", name="index_select_backward", grad_tex=r"\bar{x} = \bar{y}[\text{index}]")
def _index_select_grad(x: Any, shape: Shape, dim: int, index: Any) -> Any:
    out = np.zeros_like(x, shape=shape)
    add_rows(_line(out), dim, raw(index).reshape(-1), _line(x))
    return out


def add_rows(out: Any, dim: int, i: Any, source: Any) -> None:
    """Slices of `source` added to those of `out` that a line of indices names along `dim`: sorted, those of one index run by run."""
    if out.__class__ is not np.ndarray or not i.size or out.ndim == 1 or source.size < 4096:
        ar.at(np.add, out, (slice(None),) * dim + (i,), source)
        return
    order = od.order(i, 0)
    ranked = i[order]
    starts = np.flatnonzero(np.concatenate((np.ones(1, bool), ranked[1:] != ranked[:-1])))
    rows = np.take(source, order, dim) if starts.size < i.size or (order[1:] < order[:-1]).any() else source
    if starts.size < i.size:
        rows = np.add.reduceat(rows, starts, dim)
    out[(slice(None),) * dim + (ranked[starts],)] += rows


index_select.vjp(lambda g, x_shape, dim, index: _index_select_grad(g, x_shape, dim, index))
_index_select_grad.vjp(lambda g, dim, index: index_select(g, dim, index))


@op(r"E[{index}]", name="embedding", grad_tex=r"\bar{E}[i] \mathrel{+}= \bar{y}")
def embedding(x: Any, index: Any, padding_idx: int, sparse: bool = False) -> Any:
    return np.take(x, raw(index), 0)


@op(r"\operatorname{embedding\_grad}({x})", name="embedding_dense_backward", grad_tex=r"\bar{x} = \bar{y}[i]")
def embedding_grad(x: Any, index: Any, rows: int, padding_idx: int) -> Any:
    """Rows of `x` summed by index: sorted once, then added up run by run."""
    i = raw(index).reshape(-1)
    flat = x.reshape(i.size, -1)
    out = np.zeros_like(x, shape=(rows, flat.shape[1]))
    if i.__class__ is not np.ndarray:
        ar.at(np.add, out, (i,), flat)
    elif i.size:
        order = np.argsort(i, kind="stable")
        sorted_i = i[order]
        starts = np.flatnonzero(np.concatenate((np.ones(1, bool), sorted_i[1:] != sorted_i[:-1])))
        out[sorted_i[starts]] = np.add.reduceat(flat[order], starts, 0)
    if padding_idx >= 0:
        out[padding_idx] = 0
    return out


def embedding_rows(g: Any, index: Any, rows: int, padding_idx: int) -> Rows:
    """The gradient of a table as the rows that were read of it, one for each time."""
    i = raw(index).reshape(-1)
    flat = g.reshape(i.size, g.shape[-1])
    if padding_idx >= 0:
        kept = i != padding_idx
        i, flat = i[kept], flat[kept]
    return Rows(i[None].astype(np.int64), flat, (rows, flat.shape[1]))


# a gradient that is itself to be differentiated is dense
embedding.vjp(lambda g, x_shape, index, padding_idx, sparse: embedding_rows(g, index, x_shape[0], padding_idx)
              if sparse and not isinstance(g, (Tensor, Symbol)) else embedding_grad(g, index, x_shape[0], padding_idx))


def _embedding_grad_grad(g: Any, index: Any, padding_idx: int) -> Any:
    out = embedding(g, index, padding_idx, False)
    if padding_idx >= 0:
        from .pointwise import masked_fill

        mask = (raw(index) == padding_idx)[..., None]
        out = masked_fill(out, mask, 0)
    return out


embedding_grad.vjp(_embedding_grad_grad)


@op(r"\operatorname{sort}({x})", name="sort", aux=("indices",), grad_tex=r"\bar{x}[\text{order}] = \bar{y}")
def sort(x: Any, dim: int, descending: bool) -> Any:
    i = od.order(x, dim, descending)
    return od.remembered(od.along(x, i, dim), i)


@op(r"\operatorname{topk}({x})", name="topk", aux=("indices",), grad_tex=r"\bar{x}[\text{chosen}] = \bar{y}")
def topk(x: Any, k: int, dim: int, largest: bool) -> Any:
    if not x.ndim:
        return writable(x), module_of(x).zeros((), np.int64)
    i = od.first(x, k, dim, largest)
    return od.remembered(od.along(x, i, dim), i)


sort_asked = op(sort.op.tex, name="sort_base", aux=("indices",), grad_tex=sort.op.grad_tex)(sort.op.forward)
sort_asked.op.node_name = "SortBackward1"
for _sorting in (sort, sort_asked):
    _sorting.vjp(lambda g, x_shape, dim, indices: scatter_add(_zeros(g, x_shape), dim, indices, g))
topk.vjp(lambda g, x_shape, dim, indices: scatter_add(_zeros(g, x_shape), dim, indices, g))
