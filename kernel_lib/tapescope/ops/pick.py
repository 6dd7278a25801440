"""Pooling that picks elements at places worked out beforehand: adaptive and fractional maximum, and its inverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from .conv import Sizes

Lines = tuple[Any, ...]


def adaptive_lines(size: Sizes, out: Sizes) -> Lines:
    """For every spatial dimension [out, widest]: the rows of each window, its last one repeated to make all equally wide."""
    return tuple(_lines(*_bounds(n, o)) for n, o in zip(size, out, strict=True))


def _bounds(n: int, out: int) -> tuple[Any, Any]:
    i = np.arange(out)
    return i * n // max(out, 1), -(-(i + 1) * n // max(out, 1))


def _lines(start: Any, stop: Any) -> Any:
    widest = int((stop - start).max()) if len(start) else 0
    return np.minimum(start[..., None] + np.arange(widest), stop[..., None] - 1)


def fractional_lines(size: Sizes, out: Sizes, kernel: Sizes, samples: Any) -> Lines:
    """As `adaptive_lines`, [N, C, out, kernel], with starts at pseudo-random intervals. Graham, 2015."""
    lines = []
    for d, (n, o, k) in enumerate(zip(size, out, kernel, strict=True)):
        u = samples[..., d:d + 1]
        last = np.full((*u.shape[:-1], 1), n - k)
        if o > 1:
            alpha = u.dtype.type(n - k) / u.dtype.type(o - 1)
            i = np.arange(o - 1).astype(u.dtype)
            start = np.concatenate([((i + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64), last], -1)
        else:
            start = last
        lines.append(start[..., None] + np.arange(k))
    return tuple(lines)


def _flat(size: Sizes, lines: Lines) -> Any:
    """[(N, C,) *out, *kernel]: the place in the flattened image of every element of every window."""
    d = len(size)
    out: Any = 0
    for i, line in enumerate(lines):
        lead, (o, k) = line.shape[:-2], line.shape[-2:]
        shape = (*lead, *(o if j == i else 1 for j in range(d)), *(k if j == i else 1 for j in range(d)))
        out = out * size[i] + line.reshape(shape)
    return out


def _picked(x: Any, lines: Lines) -> Any:
    """The largest of every window, and where in the flattened image it is."""
    n, c, *size = x.shape
    d = len(size)
    module = module_of(x)
    place = module.asarray(_flat(tuple(size), lines))
    out = tuple(place.shape[-2 * d:-d])
    many = math.prod(place.shape[-d:])
    flat = x.reshape(n, c, math.prod(size))
    if place.ndim == 2 * d:
        place = place.reshape(*out, many)
        won = flat[:, :, place].argmax(-1)
        indices = module.take_along_axis(module.broadcast_to(place, (n, c, *place.shape)), won[..., None], -1)[..., 0]
    else:
        place = module.broadcast_to(place.reshape(*place.shape[:2], *out, many), (n, c, *out, many))
        values = module.take_along_axis(flat, place.reshape(n, c, math.prod(place.shape[2:])), 2).reshape(place.shape)
        indices = module.take_along_axis(place, values.argmax(-1)[..., None], -1)[..., 0]
    return module.take_along_axis(flat, indices.reshape(n, c, math.prod(out)), 2).reshape(n, c, *out), indices


def _put(x: Any, indices: Any, shape: Any) -> Any:
    """Zeros with `x` added at places of the flattened image."""
    n, c = shape[:2]
    out = np.zeros_like(x, shape=(n * c, math.prod(shape[2:])), order="C")
    rows = module_of(x).arange(n * c)[:, None]
    many = math.prod(indices.shape[2:])
    ar.at(np.add, out, (rows, indices.reshape(n * c, many)), x.reshape(n * c, many))
    return out.reshape(shape)


def _taken(x: Any, indices: Any) -> Any:
    n, c = x.shape[:2]
    return module_of(x).take_along_axis(x.reshape(n, c, math.prod(x.shape[2:])), indices.reshape(n, c, math.prod(indices.shape[2:])), 2).reshape(indices.shape)


put = op(r"\operatorname{max\_unpool}({x})", name="pick_backward", node="PickBackward", grad_tex=r"\bar{x} = \bar{y}[\operatorname{argmax}]")(_put)
taken = op(r"{x}[\operatorname{argmax}]", name="pick", node="Gather", grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")(_taken)
put.vjp(lambda g, indices: taken(g, indices))
taken.vjp(lambda g, x_shape, indices: put(g, indices, tuple(x_shape)))


def _pool(name: str, node: str) -> Any:
    pool = op(r"\operatorname{max\_pool}({x})", name=name, node=node, aux=("indices",), grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")(_picked)
    return pool.vjp(lambda g, x_shape, indices: put(g, indices, tuple(x_shape)))


adaptive_max_pool = {d: _pool(f"adaptive_max_pool{d}d", f"AdaptiveMaxPool{d}D") for d in (2, 3)}
fractional_max_pool = {d: _pool(f"fractional_max_pool{d}d", f"FractionalMaxPool{d}D") for d in (2, 3)}


def _unpooled(x: Any, indices: Any, shape: Any) -> Any:
    """Zeros with `x` at places of the flattened image; of several at one place, the last."""
    n, c = shape[:2]
    out = np.zeros_like(x, shape=(n * c, math.prod(shape[2:])), order="C")
    out[module_of(x).arange(n * c)[:, None], indices.reshape(n * c, -1)] = x.reshape(n * c, -1)
    return out.reshape(shape)


def _unpool(d: int) -> Any:
    made = op(r"\operatorname{max\_unpool}({x})", name=f"max_unpool{d}d", node=f"MaxUnpool{d}D", grad_tex=r"\bar{x} = \bar{y}[\text{indices}]")(_unpooled)
    return made.vjp(lambda g, indices: taken(g, indices))


max_unpool = {d: _unpool(d) for d in (2, 3)}
