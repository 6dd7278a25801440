"""Losses of margins, and Huber's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from .index import raw
from .loss import reduced, spread
from .pointwise import hardtanh, sigmoid


@op(r"\operatorname{huber}_{\delta}({x} - {t})", operands=2, name="huber_loss", grad_tex=r"\bar{x} = \bar{y}\,\operatorname{clamp}(x - t, -\delta, \delta)")
def huber_loss(x: Any, t: Any, reduction: str, delta: float) -> Any:
    d = x - t
    near = np.clip(d, -delta, delta)                        # both cases are near (d - near / 2)
    d -= near * d.dtype.type(0.5)
    d *= near
    return reduced(d, reduction)


def _huber_grad(g: Any, x: Any, t: Any, reduction: str, delta: float) -> Any:
    return spread(g, x.shape, reduction) * hardtanh(x - t, -delta, delta)


huber_loss.vjp(_huber_grad, lambda g, x, t, reduction, delta: -_huber_grad(g, x, t, reduction, delta))


@op(r"\log\left(1 + e^{-{t} {x}}\right)", name="soft_margin_loss", grad_tex=r"\bar{x} = -\bar{y}\,t\,\sigma(-t x)")
def soft_margin_loss(x: Any, target: Any, reduction: str) -> Any:
    z = -x * raw(target)
    return reduced(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), reduction)


def _soft_margin_grad(g: Any, x: Any, target: Any, reduction: str) -> Any:
    t = raw(target)
    return spread(g, x.shape, reduction) * (sigmoid(x * -t) * -t)


soft_margin_loss.vjp(_soft_margin_grad)


def _over_margin(x: Any, target: Any, p: int, margin: float, weight: Any) -> tuple[Any, Any]:
    """margin - x_t + x_c for every class but the target, 0 where it is negative, and the weight of every row."""
    t = raw(target)
    xp = module_of(x)
    rows = xp.arange(x.shape[0])
    z = margin - x[rows, t][:, None] + x
    z[rows, t] = 0
    w = xp.ones(x.shape[0], x.dtype) if weight is None else raw(weight)[t]
    return xp.maximum(z, 0), w / x.shape[1]


@op(r"\tfrac{1}{C} \textstyle\sum_{c \ne t} \max(0, m - {x}_t + {x}_c)^p", name="multi_margin_loss", grad_tex=r"\bar{x}_c = \tfrac{p}{C}\,\bar{y}\,z_c^{p-1},\quad \bar{x}_t = -\textstyle\sum_{c} \bar{x}_c")
def multi_margin_loss(x: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    z, w = _over_margin(x, target, p, margin, weight)
    return reduced((z ** p).sum(1) * w, reduction)


def _multi_margin_grad(g: Any, x: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    from .shape import unsqueeze

    t = raw(target)
    z, w = _over_margin(raw(x), target, p, margin, weight)
    xp = module_of(z)
    over = (z > 0).astype(z.dtype)
    hot = xp.zeros_like(z)
    hot[xp.arange(len(t)), t] = 1
    # d z_c / d x = e_c - e_t where z_c > 0: a constant matrix a row
    g = spread(g, (x.shape[0],), reduction)
    g = (unsqueeze(g, 1) if hasattr(g, "_array") or not hasattr(g, "reshape") else g.reshape(-1, 1)) * w[:, None]
    if p == 1:
        return g * (over - hot * over.sum(1, keepdims=True))
    if not hasattr(x, "_array"):
        return g * 2 * (z - hot * z.sum(1, keepdims=True))
    live = (_target_column(x, hot) * -1 + x + margin) * over * (1 - hot)
    return g * 2 * (live - live.sum(1, keepdim=True) * hot)


def _target_column(x: Any, hot: Any) -> Any:
    return (x * hot).sum(1, keepdim=True)


multi_margin_loss.vjp(_multi_margin_grad)


def _pairs(x: Any, target: Any) -> tuple[Any, Any]:
    """Per row: which classes are targets (those before the first -1), and how often each."""
    t = raw(target)
    xp = module_of(x)
    ended = xp.cumsum(t < 0, 1) > 0
    counts = xp.zeros(x.shape, x.dtype)
    rows = xp.broadcast_to(xp.arange(x.shape[0])[:, None], t.shape)
    ar.at(np.add, counts, (rows[~ended], t[~ended]), 1)
    return counts, counts > 0


@op(r"\tfrac{1}{C} \textstyle\sum_{t, c} \max(0, 1 - {x}_t + {x}_c)", name="multilabel_margin_loss",
    grad_tex=r"\bar{x}_c = \tfrac{1}{C} \bar{y}\,\#\{t : z_{tc} > 0\},\quad \bar{x}_t = -\tfrac{1}{C} \bar{y}\,\#\{c : z_{tc} > 0\}")
def multilabel_margin_loss(x: Any, target: Any, reduction: str) -> Any:
    counts, is_target = _pairs(x, target)
    z = np.maximum(1 - x[:, :, None] + x[:, None, :], 0) * (~is_target)[:, None, :] * counts[:, :, None]
    return reduced(z.sum((1, 2)) / x.shape[1], reduction)


def _multilabel_margin_grad(g: Any, x: Any, target: Any, reduction: str) -> Any:
    from .shape import unsqueeze

    a = raw(x)
    counts, is_target = _pairs(a, target)
    over = ((1 - a[:, :, None] + a[:, None, :]) > 0) * (~is_target)[:, None, :] * counts[:, :, None]
    slope = (over.sum(1) - over.sum(2)) / a.shape[1]        # piecewise constant
    g = spread(g, (a.shape[0],), reduction)
    return (unsqueeze(g, 1) if hasattr(g, "_array") else g.reshape(-1, 1)) * slope.astype(a.dtype)


multilabel_margin_loss.vjp(_multilabel_margin_grad)
