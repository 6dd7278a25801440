"""Losses that PyTorch has as one node. `reduction` is "none", "mean" or "sum"."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.op import op
from .index import raw
from .pointwise import hardtanh, log, sigmoid
from .shape import broadcast_to


def reduced(y: Any, reduction: str) -> Any:
    if reduction == "none":
        return y
    total = np.add.reduce(y, None)
    return total if reduction == "sum" else total / y.dtype.type(y.size) if y.size else y.dtype.type(np.nan)


def spread(g: Any, shape: Any, reduction: str) -> Any:
    """The gradient of a reduced loss at every element."""
    if reduction == "none":
        return g
    n = 1
    for s in shape:
        n *= s
    return broadcast_to(g / n if reduction == "mean" else g, tuple(shape))


@op(r"\operatorname{mean}\left(({x} - {t})^2\right)", operands=2, name="mse_loss", grad_tex=r"\bar{x} = \frac{2}{n}\,\bar{y}\,(x - t)")
def mse_loss(x: Any, t: Any, reduction: str) -> Any:
    d = x - t
    if reduction == "mean" and d.size and isinstance(d, np.ndarray):
        flat = d.reshape(-1)
        return np.dot(flat, flat) / d.dtype.type(d.size)
    return reduced(d * d, reduction)


mse_loss.vjp(lambda g, x, t, reduction: spread(g * 2, x.shape, reduction) * (x - t),
             lambda g, x, t, reduction: spread(g * -2, x.shape, reduction) * (x - t))


@op(r"\operatorname{smooth}_{L1}({x} - {t})", operands=2, name="smooth_l1_loss",
    grad_tex=r"\bar{x} = \bar{y}\,\operatorname{clamp}\left(\tfrac{x - t}{\beta}, -1, 1\right)")
def smooth_l1_loss(x: Any, t: Any, reduction: str, beta: float) -> Any:
    d = x - t
    near = np.clip(d, -beta, beta)                          # both cases are near (d - near / 2)
    d -= near * d.dtype.type(0.5)
    d *= near
    d *= d.dtype.type(1 / beta)
    return reduced(d, reduction)


def _smooth_grad(g: Any, x: Any, t: Any, reduction: str, beta: float) -> Any:
    return spread(g, x.shape, reduction) * hardtanh((x - t) * (1 / beta), -1, 1)


smooth_l1_loss.vjp(_smooth_grad, lambda g, x, t, reduction, beta: -_smooth_grad(g, x, t, reduction, beta))


@op(r"-\textstyle\sum w_t\,{x}_t", operands=1, name="nll_loss", aux=("weight_sum",), grad_tex=r"\bar{x}_t = -\frac{w_t}{\sum w}\,\bar{y}")
def nll_loss(x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """Log-probabilities [N, C] or [N, C, d...] at integer targets."""
    safe, kept = _targets(target, ignore_index)
    y = -_at(x, safe)
    one = module_of(x).ones((), x.dtype)
    if weight is None and kept is None and y.size:
        if reduction == "none":
            return y, one
        total = np.add.reduce(y, None)
        return (total, one) if reduction == "sum" else (total / y.dtype.type(y.size), module_of(y).asarray(y.size, y.dtype))
    w = _row_weights(x, safe, kept, weight)
    y = y * w
    if reduction == "none":
        return y, one
    total = np.add.reduce(y, None)
    if reduction == "sum":
        return total, one
    n = np.asarray(np.add.reduce(w, None)) if isinstance(w, np.ndarray) else w.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / n, n


def _targets(target: Any, ignore_index: int) -> tuple[Any, Any]:
    """Classes that can be looked up, and which of them count; None for all, where that can be known without waiting for a device."""
    t = raw(target)
    kept = t != ignore_index
    if isinstance(t, np.ndarray) and kept.all():
        return t, None
    return np.where(kept, t, 0), kept


def _at(x: Any, index: Any) -> Any:
    """The elements [N, d...] of [N, C, d...] at the classes."""
    if x.ndim == 2:
        return x[module_of(x).arange(len(index)), index]
    return np.take_along_axis(x, np.expand_dims(index, 1), 1).squeeze(1)


def _row_weights(x: Any, safe: Any, kept: Any, weight: Any) -> Any:
    if weight is None:
        return np.ones_like(x, shape=safe.shape) if kept is None else kept.astype(x.dtype)
    return raw(weight)[safe] if kept is None else raw(weight)[safe] * kept


@op(r"\operatorname{at}_{t}({x})", name="nll_loss_backward", grad_tex=r"\bar{x} = -w_t\,\bar{y}_t")
def nll_grad(x: Any, shape: Any, target: Any, weight: Any, ignore_index: int) -> Any:
    """Zeros [N, C, ...] with -w * x at the targets."""
    safe, kept = _targets(target, ignore_index)
    out = np.zeros_like(x, shape=shape, order="C")
    values = -x if weight is None and kept is None else -x * _row_weights(x, safe, kept, weight)
    if kept is not None:
        values = np.where(kept, values, x.dtype.type(0))       # where nothing at all counts, x is infinite
    if len(shape) == 2:
        out[module_of(x).arange(shape[0]), safe] = values
    else:
        np.put_along_axis(out, np.expand_dims(safe, 1), np.expand_dims(values, 1), 1)
    return out


def _nll_vjp(g: Any, x_shape: Any, target: Any, weight: Any, ignore_index: int, reduction: str, weight_sum: Any) -> Any:
    rows = (x_shape[0], *x_shape[2:])
    if reduction != "none":
        g = broadcast_to(g / weight_sum if reduction == "mean" else g, rows)
    return nll_grad(g, tuple(x_shape), target, weight, ignore_index)


nll_loss.vjp(_nll_vjp)
nll_loss2d = op(nll_loss.op.tex, operands=1, name="nll_loss2d", aux=("weight_sum",), grad_tex=nll_loss.op.grad_tex)(nll_loss.op.forward).vjp(_nll_vjp)
nll_loss2d.op.node_name = "NllLoss2DBackward0"


def _nll_grad_vjp(g: Any, target: Any, weight: Any, ignore_index: int) -> Any:
    from .index import gather
    from .shape import reshape

    safe, kept = _targets(target, ignore_index)
    picked = reshape(gather(g, 1, np.expand_dims(safe, 1)), safe.shape)
    return picked * (-_row_weights(raw(g), safe, kept, weight))


nll_grad.vjp(_nll_grad_vjp)


@op(r"-\left({t} \log \sigma({x}) + (1 - {t}) \log(1 - \sigma({x}))\right)", operands=2, name="binary_cross_entropy_with_logits",
    grad_tex=r"\bar{x} = \tfrac{1}{n}\,\bar{y}\,w\left((1 + (p - 1)t)\,\sigma(x) - p\,t\right)")
def bce_with_logits(x: Any, t: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    soft = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)              # log(1 + exp(-x)), stable
    p = 1 if pos_weight is None else raw(pos_weight)
    y = (1 - t) * x + (1 + (p - 1) * t) * soft
    return reduced((y if weight is None else y * raw(weight)).astype(x.dtype, copy=False), reduction)


def _bce_logits_x(g: Any, x: Any, t: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    p = 1 if pos_weight is None else raw(pos_weight)
    d = (1 + (p - 1) * t) * (sigmoid(x) - 1) + (1 - t) if pos_weight is not None else sigmoid(x) - t
    d = spread(g, x.shape, reduction) * d
    return d if weight is None else d * raw(weight)


def _bce_logits_t(g: Any, x: Any, t: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    from .pointwise import logsigmoid

    p = 1 if pos_weight is None else raw(pos_weight)
    d = spread(g, x.shape, reduction) * (-x - logsigmoid(x) * (p - 1))
    return d if weight is None else d * raw(weight)


bce_with_logits.vjp(_bce_logits_x, _bce_logits_t)


@op(r"-\left({t} \log {x} + (1 - {t}) \log(1 - {x})\right)", operands=2, name="binary_cross_entropy",
    grad_tex=r"\bar{x} = \tfrac{1}{n}\,\bar{y}\,\frac{x - t}{x (1 - x)}")
def bce(x: Any, t: Any, weight: Any, reduction: str) -> Any:
    if x.size and (float(x.min()) < 0 or float(x.max()) > 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    with np.errstate(divide="ignore"):
        y = -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100))
    return reduced((y if weight is None else y * raw(weight)).astype(x.dtype, copy=False), reduction)


def _bce_x(g: Any, x: Any, t: Any, weight: Any, reduction: str) -> Any:
    from .pointwise import maximum

    d = spread(g, x.shape, reduction) * ((x - t) / maximum(x * (1 - x), x * 0 + 1e-12))
    return d if weight is None else d * raw(weight)


def _bce_t(g: Any, x: Any, weight: Any, reduction: str) -> Any:
    d = spread(g, x.shape, reduction) * (log(1 - x) - log(x))
    return d if weight is None else d * raw(weight)


bce.vjp(_bce_x, _bce_t)


