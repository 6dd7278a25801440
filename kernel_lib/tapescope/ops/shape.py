"""Ops that move elements and compute nothing. Views share memory and version with what they view."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.op import op

Shape = tuple[int, ...]


@op(r"\operatorname{view}({x})", name="view", view=True, grad_tex=r"\bar{x} = \operatorname{reshape}(\bar{y})")
def view(x: Any, shape: Shape) -> Any:
    out = x.view()
    try:
        out.shape = shape                                   # refuses where a copy would be needed
    except AttributeError:
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
                           f"contiguous subspaces): {list(x.shape)} with strides {[s // x.itemsize for s in x.strides]} to {list(shape)}. "
                           "Use .reshape(...) instead.") from None
    return out


view.vjp(lambda g, x_shape: reshape(g, x_shape))


@op(r"\operatorname{reshape}({x})", name="reshape", node="UnsafeView", grad_tex=r"\bar{x} = \operatorname{reshape}(\bar{y})")
def reshape_copy(x: Any, shape: Shape) -> Any:
    return x.reshape(shape)


reshape_copy.vjp(lambda g, x_shape: reshape(g, x_shape))


def reshape(x: Any, shape: Shape) -> Any:
    """A view where memory allows, else a copy; on arrays, Tensors and Symbols."""
    if hasattr(x, "_array"):
        a = x._array
        return view(x, shape) if _viewable(a, shape) else reshape_copy(x, shape)
    if hasattr(x, "reshape"):
        return x.reshape(shape)
    return reshape_copy(x, shape) if hasattr(x, "tex") else np.reshape(x, shape)


def _viewable(a: Any, shape: Shape) -> bool:
    if a.flags.c_contiguous:
        return True
    out = a.view()
    try:
        out.shape = shape
    except (AttributeError, ValueError):
        return False
    return True


@op(r"{x}^{\top}", name="t", view=True)
def t(x: Any) -> Any:
    return x.T


@op(r"{x}^{\top}", name="transpose", view=True)
def transpose(x: Any, dim0: int, dim1: int) -> Any:
    return np.swapaxes(x, dim0, dim1) if x.ndim else x.view()


@op(r"\operatorname{permute}({x})", name="permute", view=True, grad_tex=r"\bar{x} = \operatorname{permute}^{-1}(\bar{y})")
def permute(x: Any, dims: Shape) -> Any:
    return np.transpose(x, dims)


moveaxis = permute
t.vjp(lambda g: t(g))
transpose.vjp(lambda g, dim0, dim1: transpose(g, dim0, dim1))
permute.vjp(lambda g, dims: permute(g, tuple(int(i) for i in np.argsort(dims))))


@op(r"\operatorname{expand}({x})", name="expand", view=True, grad_tex=r"\bar{x} = \textstyle\sum_{\text{expanded}} \bar{y}")
def expand(x: Any, shape: Shape) -> Any:
    out = np.broadcast_to(x, shape)
    if isinstance(out, np.ndarray):
        out = np.lib.stride_tricks.as_strided(x, shape, out.strides)     # writeable where x is, as PyTorch's expand
    return out


expand.vjp(lambda g: g)                                    # the engine sums it back to x's shape


def broadcast_to(x: Any, shape: Shape) -> Any:
    """A read-only spread of x over a shape; on arrays, Tensors and Symbols."""
    return expand(x, shape) if hasattr(x, "_array") or hasattr(x, "tex") else np.broadcast_to(x, shape)


@op(r"\operatorname{unsqueeze}({x})", name="unsqueeze", view=True, grad_tex=r"\bar{x} = \operatorname{squeeze}(\bar{y})")
def unsqueeze(x: Any, dim: int) -> Any:
    return np.expand_dims(x, dim)


@op(r"\operatorname{squeeze}({x})", name="squeeze", view=True, grad_tex=r"\bar{x} = \operatorname{unsqueeze}(\bar{y})")
def squeeze(x: Any, dims: Shape) -> Any:
    return x.reshape([s for i, s in enumerate(x.shape) if i not in dims]) if dims else x[...]


unsqueeze.vjp(lambda g, x_shape: reshape(g, x_shape))
squeeze.vjp(lambda g, x_shape: reshape(g, x_shape))


@op(r"{x}[{index}]", name="select", view=True, grad_tex=r"\bar{x}[i] = \bar{y},\quad 0 \text{ elsewhere}")
def select(x: Any, dim: int, index: int) -> Any:
    return x[(slice(None),) * dim + (index, ...)]


@op(r"{x}[{start}{:}{stop}]", name="slice", view=True, grad_tex=r"\bar{x}[\text{slice}] = \bar{y},\quad 0 \text{ elsewhere}")
def slice_dim(x: Any, dim: int, start: int, stop: int, step: int) -> Any:
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


@op(r"\operatorname{embed}({x})", name="slice_backward", grad_tex=r"\bar{x} = \bar{y}[\text{slice}]")
def embed(x: Any, shape: Shape, key: Any) -> Any:
    """Zeros with `x` at a basic index: what the gradient of a slice is."""
    out = np.zeros_like(x, shape=shape)
    out[key] = x
    return out


def take(x: Any, key: Any) -> Any:
    """A basic index in one op, for what the gradient of `embed` is."""
    for dim, k in enumerate(key):
        if isinstance(k, slice) and k != slice(None):
            x = slice_dim(x, dim, k.start, k.stop, k.step or 1)
    ints = [dim for dim, k in enumerate(key) if isinstance(k, int)]
    for dim in reversed(ints):
        x = select(x, dim, key[dim])
    return x


embed.vjp(lambda g, key: take(g, key))
select.vjp(lambda g, x_shape, dim, index: embed(g, x_shape, (slice(None),) * dim + (index,)))
slice_dim.vjp(lambda g, x_shape, dim, start, stop, step: embed(g, x_shape, (slice(None),) * dim + (slice(start, stop, step),)))


@op(r"\operatorname{cat}({x})", name="cat", variadic=True, grad_tex=r"\bar{x}_k = \bar{y}[\text{rows of } k]")
def cat(x: Any, dim: int) -> Any:
    from ..core.dtype import result_type

    if len({a.dtype for a in x}) > 1:
        d = result_type(*x).dtype
        x = [a.astype(d, copy=False) for a in x]
    return np.concatenate(x, dim)


def _cat_grad(g: Any, x_shape: Any, dim: int, needs: Any) -> Any:
    outs, start = [], 0
    for shape, needed in zip(x_shape, needs, strict=True):
        stop = start + shape[dim]
        outs.append(slice_dim(g, dim, start, stop, 1) if needed else None)
        start = stop
    return outs


cat.vjp_all(_cat_grad)


@op(r"\operatorname{stack}({x})", name="stack", variadic=True, grad_tex=r"\bar{x}_k = \bar{y}[k]")
def stack(x: Any, dim: int) -> Any:
    return np.stack(x, dim)


stack.vjp_all(lambda g, dim, needs: [select(g, dim, i) if n else None for i, n in enumerate(needs)])


@op(r"\operatorname{split}({x})", name="split", view=True, multi=True, grad_tex=r"\bar{x} = \operatorname{cat}(\bar{y}_1, \bar{y}_2, \ldots)")
def split(x: Any, sizes: Shape, dim: int) -> Any:
    outs, start = [], 0
    for size in sizes:
        outs.append(x[(slice(None),) * dim + (slice(start, start + size),)])
        start += size
    return tuple(outs)


def _some(g: Any) -> Any:
    return next(x for x in g if x is not None)


def _zeros(like: Any, shape: Shape) -> Any:
    from .creation import zeros_of

    return zeros_of(like, shape)


def _split_grad(g: Any, x_shape: Shape, sizes: Shape, dim: int) -> Any:
    like = _some(g)
    parts = [p if p is not None else _zeros(like, tuple(n if i == dim else s for i, s in enumerate(x_shape))) for p, n in zip(g, sizes, strict=True)]
    return cat(tuple(parts), dim)


split.vjp(_split_grad)


@op(r"\operatorname{unbind}({x})", name="unbind", view=True, multi=True, grad_tex=r"\bar{x} = \operatorname{stack}(\bar{y}_1, \bar{y}_2, \ldots)")
def unbind(x: Any, dim: int) -> Any:
    return tuple([x[(slice(None),) * dim + (i, ...)] for i in range(x.shape[dim])])       # views, also where a number is all that is left


def _unbind_grad(g: Any, x_shape: Shape, dim: int) -> Any:
    like = _some(g)
    return stack(tuple(p if p is not None else _zeros(like, tuple(s for i, s in enumerate(x_shape) if i != dim)) for p in g), dim)


unbind.vjp(_unbind_grad)


@op(r"\operatorname{repeat}({x})", name="repeat", grad_tex=r"\bar{x} = \textstyle\sum_{\text{copies}} \bar{y}")
def repeat(x: Any, repeats: Shape) -> Any:
    return np.tile(x, repeats)


def _repeat_grad(g: Any, x_shape: Shape, repeats: Shape) -> Any:
    from .reduce import sum_dim

    shape = (1,) * (len(repeats) - len(x_shape)) + tuple(x_shape)
    split_shape = tuple(n for pair in zip(repeats, shape, strict=True) for n in pair)
    return reshape(sum_dim(reshape(g, split_shape), tuple(range(0, len(split_shape), 2)), False), x_shape)


repeat.vjp(_repeat_grad)


@op(r"\operatorname{flip}({x})", name="flip")
def flip(x: Any, dims: Shape) -> Any:
    return np.ascontiguousarray(np.flip(x, dims)) if isinstance(x, np.ndarray) else np.flip(x, dims)


@op(r"\operatorname{roll}({x})", name="roll", grad_tex=r"\bar{x} = \operatorname{roll}^{-1}(\bar{y})")
def roll(x: Any, shifts: Shape, dims: Shape) -> Any:
    return np.roll(x, shifts, dims) if dims else np.roll(x, shifts)


flip.vjp(lambda g, dims: flip(g, dims))
roll.vjp(lambda g, shifts, dims: roll(g, tuple(-s for s in shifts) if isinstance(shifts, tuple) else -shifts, dims))


@op(r"\operatorname{tril}({x})", name="tril")
def tril(x: Any, diagonal: int) -> Any:
    return np.tril(x, diagonal)


@op(r"\operatorname{triu}({x})", name="triu")
def triu(x: Any, diagonal: int) -> Any:
    return np.triu(x, diagonal)


tril.vjp(lambda g, diagonal: tril(g, diagonal))
triu.vjp(lambda g, diagonal: triu(g, diagonal))


@op(r"\operatorname{diag}({x})", name="diagonal", view=True, grad_tex=r"\bar{x}_{ii} = \bar{y}_i")
def diagonal(x: Any, offset: int, dim0: int, dim1: int) -> Any:
    out = np.diagonal(x, offset, dim0, dim1)
    if isinstance(out, np.ndarray) and x.flags.writeable:
        out.flags.writeable = True
    return out


@op(r"\operatorname{diag\_embed}({x})", name="diagonal_backward", grad_tex=r"\bar{x}_i = \bar{y}_{ii}")
def diagonal_embed(x: Any, shape: Shape, offset: int, dim0: int, dim1: int) -> Any:
    out = np.zeros_like(x, shape=shape)
    place = np.diagonal(out, offset, dim0, dim1)
    if isinstance(place, np.ndarray):
        place.flags.writeable = True
    place[...] = x
    return out


@op(r"\operatorname{diag\_embed}({x})", name="diag_embed", grad_tex=r"\bar{x}_i = \bar{y}_{ii}")
def diag_embed(x: Any, shape: Shape, offset: int, dim0: int, dim1: int) -> Any:
    return diagonal_embed.op.forward(x, shape, offset, dim0, dim1)


@op(r"\operatorname{block\_diag}({x})", name="block_diag", variadic=True, grad_tex=r"\bar{x}_k = \bar{y}[\text{block } k]")
def block_diag(x: Any) -> Any:
    from ..core.dtype import result_type

    out = module_of(x[0]).zeros((sum(a.shape[0] for a in x), sum(a.shape[1] for a in x)), result_type(*x).dtype)
    i = j = 0
    for a in x:
        out[i:i + a.shape[0], j:j + a.shape[1]] = a
        i, j = i + a.shape[0], j + a.shape[1]
    return out


def _blocks(g: Any, x_shape: Any, needs: Any) -> Any:
    outs, i, j = [], 0, 0
    for (m, n), needed in zip(x_shape, needs, strict=True):
        outs.append(slice_dim(slice_dim(g, 0, i, i + m, 1), 1, j, j + n, 1) if needed else None)
        i, j = i + m, j + n
    return outs


block_diag.vjp_all(_blocks)
diag_embed.vjp(lambda g, offset, dim0, dim1: diagonal(g, offset, dim0, dim1))
diagonal.vjp(lambda g, x_shape, offset, dim0, dim1: diagonal_embed(g, x_shape, offset, dim0, dim1))
diagonal_embed.vjp(lambda g, offset, dim0, dim1: diagonal(g, offset, dim0, dim1))


@op(r"\operatorname{pad}({x})", name="pad", node="ConstantPadNd", grad_tex=r"\bar{x} = \bar{y}[\text{inside the padding}]")
def pad(x: Any, widths: Any, value: float) -> Any:
    """Constant padding by (before, after) per dimension; negative widths crop."""
    if any(w < 0 for pair in widths for w in pair):
        x = x[tuple(slice(max(-b, 0), s - max(-a, 0)) for (b, a), s in zip(widths, x.shape, strict=True))]
        widths = tuple((max(b, 0), max(a, 0)) for b, a in widths)
    return np.pad(x, widths, constant_values=value)


pad.vjp(lambda g, widths: pad(g, tuple((-b, -a) for b, a in widths), 0))
