"""Activations with PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.inplace import run_inplace
from ..core.layout import finfo
from ..core.random import default_generator
from ..core.tensor import Tensor, wrap
from . import activation as ac
from . import gelu as ge
from . import norm as nm
from . import pointwise as pw
from . import shape
from .api_shape import dim_of


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return run_inplace(pw.relu.op, input) if inplace else pw.relu(input)


def relu_(input: Tensor) -> Tensor:
    """relu, written into its input."""
    return run_inplace(pw.relu.op, input)


def _maybe_inplace(function: Any, input: Tensor, params: tuple[Any, ...], inplace: bool) -> Tensor:
    return run_inplace(function.op, input, (), params) if inplace else function(input, *params)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """max(x, 0) + slope · min(x, 0)."""
    return _maybe_inplace(pw.leaky_relu, input, (negative_slope,), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x for x > 0, else α (exp(x) - 1)."""
    return _maybe_inplace(pw.elu, input, (alpha,), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x for x > 0, else α (exp(x / α) - 1)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _maybe_inplace(ac.celu, input, (alpha,), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """λ x for x > 0, else λ α (exp(x) - 1). Klambauer et al., 2017."""
    return _maybe_inplace(ac.selu, input, (), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), or its approximation by tanh."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return ge.gelu(input, approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x)."""
    return run_inplace(pw.silu.op, input) if inplace else pw.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)). Misra, 2019."""
    return _maybe_inplace(ac.mish, input, (), inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(βx)) / β, and x itself where βx is above the threshold."""
    return pw.softplus(input, beta, threshold)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _maybe_inplace(pw.hardtanh, input, (min_val, max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]."""
    return _maybe_inplace(pw.hardtanh, input, (0.0, 6.0), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x min(max(x + 3, 0), 6) / 6. Howard et al., 2019."""
    return _maybe_inplace(ac.hardswish, input, (), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return _maybe_inplace(ac.hardsigmoid, input, (), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > λ, else 0."""
    return ac.hardshrink(input, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by λ towards 0."""
    most = finfo(input.dtype).max
    if not 0 <= lambd <= most:
        raise RuntimeError(f"lambda must be in range [0, {most:g}] for input dtype {input.dtype.tensor_name}, but found {lambd:g}")
    return ac.softshrink(input, lambd)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (pw.abs(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - pw.tanh(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else the value."""
    return _maybe_inplace(ac.threshold, input, (threshold, value), inplace)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """threshold, written into its input."""
    return run_inplace(ac.threshold.op, input, (), (threshold, value))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b) for the two halves of x along `dim`. Dauphin et al., 2017."""
    if input._array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = dim_of(dim, input._array.ndim)
    if input._array.shape[d] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {input._array.shape[d]}")
    return ac.glu(input, d)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """max(x, 0) + w · min(x, 0), with one w or one a channel."""
    w, x = weight._array, input._array
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if w.size != 1:
        if x.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.size:
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and channel size = {channels}.")
    if x.dtype != w.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype.tensor_name} and {weight.dtype.tensor_name}")
    if x.ndim != w.ndim:
        new = [1] * x.ndim
        if x.ndim > 1:
            new[1] = w.size
        weight = shape.reshape(weight, tuple(new))
    return ac.prelu(input, weight)


def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """leaky_relu with slopes drawn from U(lower, upper) in training, with their mean else. Xu et al., 2015."""
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, but got lower={lower}, upper={upper}")
    a = input._array
    if training:
        negative = a <= 0
        noise = np.ones_like(a)
        # one draw of 53 bits for every element that is negative, in their order
        drawn = default_generator.uniform(int(negative.sum()), np.float64) * (upper - lower) + lower
        noise[negative] = module_of(a).asarray(drawn).astype(a.dtype)
        return _maybe_inplace(ac.rrelu, input, (noise,), inplace)
    slope = (lower + upper) / 2
    noise = (a > 0).astype(a.dtype)                         # 1 or the slope, without a choice for every element
    noise *= a.dtype.type(1 - slope)
    noise += a.dtype.type(slope)
    return _maybe_inplace(ac.rrelu, input, (noise,), inplace)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """rrelu, written into its input."""
    return rrelu(input, lower, upper, training, True)


def _written(function: Any) -> Any:
    def inplace(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(input, *args, **kwargs, inplace=True)

    inplace.__name__ = inplace.__qualname__ = function.__name__ + "_"
    inplace.__doc__ = f"{function.__name__}, written into its input."
    return inplace


leaky_relu_, elu_, celu_, selu_, hardtanh_ = (_written(f) for f in (leaky_relu, elu, celu, selu, hardtanh))


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / sum exp(x) along `dim`."""
    input = input if dtype is None else input.to(dtype)
    return _along(nm.softmax, input, _soft_dim(input, dim, "softmax"))


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-x) along `dim`."""
    input = input if dtype is None else input.to(dtype)
    return _along(nm.softmax, pw.neg(input), _soft_dim(input, dim, "softmin"))


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """x - log sum exp(x) along `dim`."""
    input = input if dtype is None else input.to(dtype)
    return _along(nm.log_softmax, input, _soft_dim(input, dim, "log_softmax"))


def _along(function: Any, t: Tensor, dim: int) -> Tensor:
    made: Tensor = function(t, dim)
    return made


def _soft_dim(t: Tensor, dim: int | None, name: str) -> int:
    n = t._array.ndim
    if dim is None:
        warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.", stacklevel=3)
        dim = 0 if n in (0, 1, 3) else 1
    return dim_of(dim, max(n, 1))


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of a relaxed categorical distribution; `hard` makes it one-hot, with the gradient of the soft one. Jang et al., 2017."""
    a = logits._array
    drawn = -np.log1p(-default_generator.uniform(a.size, np.float64)).reshape(a.shape)      # exponential
    gumbels = wrap(module_of(a).asarray(-np.log(drawn)).astype(a.dtype))
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    s = soft._array
    one = np.zeros_like(s)
    module_of(s).put_along_axis(one, module_of(s).expand_dims(s.argmax(dim), dim), 1, dim)
    made: Tensor = wrap(one) - soft.detach() + soft
    return made
