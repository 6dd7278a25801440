"""Activations beyond the elementary ones; those made of others are composed in `api_activation`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import op
from . import large
from .pointwise import clamp, exp, let, masked_fill, sigmoid, softplus, tanh, where


@op(r"\operatorname{celu}({x})", name="celu", grad_tex=r"\bar{x} = \bar{y} \odot \begin{cases} 1 & x > 0 \\ e^{x / \alpha} & x \le 0 \end{cases}")
def celu(x: Any, alpha: float) -> Any:
    y = np.expm1(large.below(x) / x.dtype.type(alpha))
    y *= x.dtype.type(alpha)
    y += large.above(x)
    return y


celu.vjp(lambda g, x, alpha: where(x > 0, g, g * exp(clamp(x, None, 0) * (1 / alpha))))

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@op(r"\operatorname{selu}({x})", name="selu", node="Elu", grad_tex=r"\bar{x} = \bar{y}\,\lambda \odot \begin{cases} 1 & x > 0 \\ \alpha e^{x} & x \le 0 \end{cases}")
def selu(x: Any) -> Any:
    y = np.expm1(large.below(x))
    y *= x.dtype.type(SELU_ALPHA * SELU_SCALE)
    y += large.above(x) * x.dtype.type(SELU_SCALE)
    return y


selu.vjp(lambda g, x: where(x > 0, g, g * SELU_ALPHA * exp(clamp(x, None, 0))) * SELU_SCALE)


@op(r"{x}_{1} \odot \sigma({x}_{2})", name="glu", grad_tex=r"\bar{x}_1 = \bar{y} \odot \sigma(x_2) \\ \bar{x}_2 = \bar{y} \odot x_1 \odot \sigma(x_2)(1 - \sigma(x_2))")
def glu(x: Any, dim: int) -> Any:
    """The first half along `dim`, let through by the second."""
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


def _glu_grad(g: Any, x: Any, dim: int) -> Any:
    from .shape import cat, slice_dim

    n = x.shape[dim] // 2
    a, b = (x[:n], x[n:]) if dim == 0 and not hasattr(x, "_array") else (slice_dim(x, dim, 0, n, 1), slice_dim(x, dim, n, 2 * n, 1))
    s = sigmoid(b)
    return cat((g * s, g * a * s * (1 - s)), dim)


glu.vjp(_glu_grad)


@op(r"\operatorname{hardshrink}({x})", name="hardshrink", grad_tex=r"\bar{x} = \bar{y} \odot [|x| > \lambda]")
def hardshrink(x: Any, lambd: float) -> Any:
    return x * ~(np.abs(x) <= lambd) if lambd >= 0 else x.copy()


hardshrink.vjp(lambda g, x, lambd: let(g, (x < -lambd) | (x > lambd)))


@op(r"\operatorname{softshrink}({x})", name="softshrink", grad_tex=r"\bar{x} = \bar{y} \odot [|x| > \lambda]")
def softshrink(x: Any, lambd: float) -> Any:
    return x - np.clip(x, -lambd, lambd)


softshrink.vjp(lambda g, x, lambd: let(g, (x < -lambd) | (x > lambd)))


@op(r"{x} \odot \operatorname{clamp}\left(\tfrac{{x} + 3}{6}, 0, 1\right)", name="hardswish",
    grad_tex=r"\bar{x} = \bar{y} \odot \begin{cases} 0 & x \le -3 \\ \tfrac{x}{3} + \tfrac{1}{2} & |x| < 3 \\ 1 & x \ge 3 \end{cases}")
def hardswish(x: Any) -> Any:
    return (x * np.clip(x + 3, 0, 6) / 6).astype(x.dtype, copy=False)


hardswish.vjp(lambda g, x: where((x > -3) & (x < 3), g * (x * (1 / 3) + 0.5), masked_fill(g, x <= -3, 0)))


@op(r"\operatorname{clamp}\left(\tfrac{{x} + 3}{6}, 0, 1\right)", name="hardsigmoid", grad_tex=r"\bar{x} = \tfrac{1}{6}\,\bar{y} \odot [|x| < 3]")
def hardsigmoid(x: Any) -> Any:
    return (np.clip(x + 3, 0, 6) / 6).astype(x.dtype, copy=False)


hardsigmoid.vjp(lambda g, x: let(g * (1 / 6), (x > -3) & (x < 3)))


@op(r"{x} \odot \tanh(\operatorname{softplus}({x}))", name="mish",
    grad_tex=r"\bar{x} = \bar{y} \odot \left(t + x\,\sigma(x)\,(1 - t^2)\right),\quad t = \tanh(\operatorname{softplus}(x))")
def mish(x: Any) -> Any:
    return x * np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _mish_grad(g: Any, x: Any) -> Any:
    t = tanh(softplus(x, 1, 20))
    return g * (t + x * sigmoid(x) * (1 - t * t))


mish.vjp(_mish_grad)


@op(r"\operatorname{threshold}({x})", name="threshold", grad_tex=r"\bar{x} = \bar{y} \odot [x > t]")
def threshold(x: Any, at: float, value: float) -> Any:
    if value == 0 and isinstance(x, np.ndarray):
        return large.let(x, np.logical_not(x <= at))
    return large.choose(x <= at, np.asarray(value).astype(x.dtype), x) if isinstance(x, np.ndarray) else np.where(x <= at, x.dtype.type(value), x)


threshold.vjp(lambda g, x, at: masked_fill(g, x <= at, 0))


@op(r"\max({x}, 0) + {w} \odot \min({x}, 0)", operands=2, name="prelu", node="PreluKernel",
    grad_tex=r"\bar{x} = \bar{y} \odot \left([x > 0] + w\,[x \le 0]\right) \\ \bar{w} = \bar{y} \odot \min(x, 0)")
def prelu(x: Any, w: Any) -> Any:
    if np.all((w > 0) & (w <= 1)):
        return np.maximum(x, w * x)
    return large.choose(x > 0, x, w * x)


prelu.vjp(lambda g, x, w: where(x > 0, g, g * w), lambda g, x: masked_fill(g * x, x > 0, 0))


@op(r"{x} \odot {noise}", name="rrelu", node="RreluWithNoise", grad_tex=r"\bar{x} = \bar{y} \odot s")
def rrelu(x: Any, noise: Any) -> Any:
    """Negative elements times slopes that were drawn; `noise` is 1 elsewhere."""
    return x * noise


rrelu.vjp(lambda g, noise: g * noise)
