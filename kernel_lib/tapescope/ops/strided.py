"""Views by strides, windows, turns; splits whose outputs are copies; and views as copies (`permute_copy` and its like)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import Op, apply, op, run
from ..core.state import set_grad, set_sink
from ..core.tensor import Tensor
from . import shape
from .shape import Shape, reshape

# -- any strides ----------------------------------------------------------------------------------------------------------------------------


def memory_of(a: Any) -> Any:
    """The array that owns the memory, as one line of elements."""
    root = a
    while True:
        below = root.base
        if below is not None and not isinstance(below, np.ndarray):
            below = getattr(below, "base", None)            # what as_strided puts between a view and its array
        if not isinstance(below, np.ndarray) or below.dtype != a.dtype:
            break
        root = below
    if root.flags.c_contiguous or root.flags.f_contiguous:
        return root.reshape(-1, order="A")
    return ar.as_strided(root, (1 + sum((n - 1) * s for n, s in zip(root.shape, root.strides, strict=True)) // root.itemsize,),
                                           (root.itemsize,)) if root.size else root.reshape(-1)


def offset_of(a: Any) -> int:
    """Where the first element lies, counted in elements from the start of the memory."""
    start = memory_of(a)
    return (ar.place_of(a) - ar.place_of(start)) // a.itemsize if a.size else 0


def _strided(line: Any, size: Shape, stride: Shape, offset: int) -> Any:
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 in size:
        return module_of(line).empty(size, line.dtype)
    if last >= line.size:
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {line.itemsize} requiring a "
                           f"storage size of {(last + 1) * line.itemsize} are out of bounds for storage of size {line.size * line.itemsize}")
    return ar.as_strided(line[offset:], size, [s * line.itemsize for s in stride])


def _positions(size: Shape, stride: Shape, offset: int) -> Any:
    at = np.full(size, offset, np.int64)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        at += (np.arange(n) * s).reshape((-1,) + (1,) * (len(size) - d - 1))
    return at


@op(r"\operatorname{as\_strided}({x})", name="as_strided", view=True, grad_tex=r"\bar{x}[\text{strided}] \mathrel{+}= \bar{y}")
def as_strided(x: Any, size: Shape, stride: Shape, offset: int, own: Any) -> Any:
    """Elements of x's memory at offset + sum of index * stride; `own` is x's strides and offset, which its gradient needs."""
    return _strided(memory_of(x), size, stride, offset)


def _as_strided_grad(g: Any, x_shape: Shape, size: Shape, stride: Shape, offset: int, own: Any) -> Any:
    from .index import index, index_grad

    mine, theirs = _positions(x_shape, *own), _positions(size, stride, offset)
    n = 1 + max(int(mine.max(initial=0)), int(theirs.max(initial=0)))
    line = index_grad(reshape(g, (-1,)), (n,), (theirs.reshape(-1),))
    times = np.bincount(mine.reshape(-1), minlength=n)
    if times.max(initial=0) > 1:                            # several elements of x lie in one place
        line = line / ar.constant(line, np.maximum(times, 1))
    return reshape(index(line, (mine.reshape(-1),)), tuple(x_shape))


as_strided.vjp(_as_strided_grad)


@op(r"\operatorname{as\_strided}({x}) \leftarrow {source}", operands=2, name="as_strided_scatter",
    grad_tex=r"\bar{x} = \bar{y}\ \text{outside the view};\quad \bar{s} = \bar{y}\big[\text{view}\big]")
def as_strided_scatter(x: Any, source: Any, size: Shape, stride: Shape, offset: int, own: Any) -> Any:
    line = memory_of(x).copy()
    _strided(line, size, stride, offset)[...] = source
    return _strided(line, x.shape, *own).copy()


def _scatter_grad(g: Any, source_shape: Shape, size: Shape, stride: Shape, offset: int, own: Any, needs: Any) -> Any:
    from .index import index, index_grad

    mine, theirs = _positions(g.shape, *own).reshape(-1), _positions(size, stride, offset).reshape(-1)
    n = 1 + max(int(mine.max(initial=0)), int(theirs.max(initial=0)))
    line = index_grad(reshape(g, (-1,)), (n,), (mine,))
    outside = np.ones(n, bool)
    outside[theirs] = False
    gx = reshape(index(line * ar.constant(line, outside), (mine,)), tuple(g.shape)) if needs[0] else None
    return [gx, reshape(index(line, (theirs,)), source_shape) if needs[1] else None]


as_strided_scatter.vjp_all(_scatter_grad)

# -- windows and turns -----------------------------------------------------------------------------------------------------------------------


@op(r"\operatorname{unfold}({x})", name="unfold", view=True, grad_tex=r"\bar{x}_j = \textstyle\sum_{\text{windows that hold } j} \bar{y}")
def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    """Windows of `size` every `step` elements along `dim`; the elements of a window are a new last dimension."""
    if x.ndim == 0:
        return ar.as_strided(x, (size,), (x.itemsize,))
    n = (x.shape[dim] - size) // step + 1
    strides = (*x.strides[:dim], x.strides[dim] * step, *x.strides[dim + 1:], x.strides[dim])
    return ar.as_strided(x, (*x.shape[:dim], n, *x.shape[dim + 1:], size), strides)


@op(r"\operatorname{unfold}^{\top}({x})", name="unfold_backward", grad_tex=r"\bar{x} = \operatorname{unfold}(\bar{y})")
def fold(x: Any, shape: Shape, dim: int, size: int, step: int) -> Any:
    out = np.zeros_like(x, shape=shape)
    if not shape:
        return out + x.sum(dtype=x.dtype)
    n = x.shape[dim]
    for j in range(size):
        out[(slice(None),) * dim + (slice(j, j + (n - 1) * step + 1, step),)] += x[..., j]
    return out


unfold.vjp(lambda g, x_shape, dim, size, step: fold(g, x_shape, dim, size, step))
fold.vjp(lambda g, dim, size, step: unfold(g, dim, size, step))


@op(r"\operatorname{rot90}({x})", name="rot90", grad_tex=r"\bar{x} = \operatorname{rot90}^{-1}(\bar{y})")
def rot90(x: Any, k: int, dims: Shape) -> Any:
    return ar.contiguous(np.rot90(x, k, (dims[0], dims[1])))


rot90.vjp(lambda g, k, dims: rot90(g, -k, dims))

# -- splits by a list of sizes, and splits whose outputs may be written -----------------------------------------------------------------------


def _like(v: Any, name: str, node: str, *, view: bool, multi: bool, copy: bool) -> Any:
    @functools.wraps(v.op.forward)
    def forward(*args: Any) -> Any:
        out = v.op.forward(*args)
        return out if not copy else tuple(a.copy() for a in out) if multi else out.copy()

    made = op(v.op.tex, name=name, view=view, multi=multi, grad_tex=v.op.grad_tex)(forward)
    made.op.node_name, made.op.label = node, v.op.label + ("_copy" if copy and name.endswith("_copy") else "")
    return made.vjp(*v.op.vjps)


split_with_sizes = _like(shape.split, "split_with_sizes", "SplitWithSizesBackward0", view=True, multi=True, copy=False)
unsafe_split = _like(shape.split, "unsafe_split", "UnsafeSplitBackward0", view=False, multi=True, copy=True)
squeeze_dim = _like(shape.squeeze, "squeeze_all", "SqueezeBackward1", view=True, multi=False, copy=False)
squeeze_dims = _like(shape.squeeze, "squeeze_base", "SqueezeBackward2", view=True, multi=False, copy=False)
squeeze_written = _like(shape.squeeze, "squeeze_scalar", "SqueezeBackward4", view=True, multi=False, copy=False)
narrow_copy = _like(shape.slice_dim, "narrow_copy", "NarrowCopyBackward0", view=False, multi=False, copy=True)

# -- views as copies -------------------------------------------------------------------------------------------------------------------------


@op(r"{x}", name="alias", view=True)
def alias(x: Any) -> Any:
    """The tensor itself, as a view."""
    return x.view()


alias.vjp(lambda g: g)
_copies: dict[Op, Any] = {}
for _view in (alias, as_strided, unfold, split_with_sizes, squeeze_dim, squeeze_dims, shape.view, shape.t, shape.transpose, shape.permute, shape.expand,
              shape.unsqueeze, shape.squeeze, shape.select, shape.slice_dim, shape.split, shape.unbind, shape.diagonal):
    _copies[_view.op] = _like(_view, _view.op.name + "_copy", _view.op.node_name + "_copy", view=False, multi=_view.op.multi, copy=True)


def copied(name: str, f: Any) -> Any:
    """The function that copies what the view function `f` shows."""

    def call(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        sink, grad = set_sink(None), set_grad(True)        # views remember how they were made only while gradients are recorded
        try:
            view = f(input.detach(), *args, **kwargs)
        finally:
            set_grad(grad)
            set_sink(sink)
        first = view[0] if isinstance(view, tuple) else view
        o, params = first._extra.chain[-1]
        return run(_copies[o].op, (input,), params[:-1] if o.multi else params)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name.removesuffix('_copy')}` as a copy instead of a view."
    return call


def all_of(t: Tensor) -> Tensor:
    return apply(alias.op, t)
