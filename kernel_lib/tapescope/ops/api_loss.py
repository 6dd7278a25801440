"""Losses with PyTorch's signatures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import errors
from ..core.arrays import beside
from ..core.autocast import full_precision
from ..core.state import mode
from ..core.tensor import Tensor, wrap
from . import ctc as ct
from . import loss as ls
from . import margin as mg
from . import norm as nm
from . import pointwise as pw
from . import shape
from .api_reduce import mean, norm, sum
from .elementary import clamp_min
from .numbers import div_number
from .reduce import norm_old
from .strided import squeeze_dim
from .whole import one_node

_REDUCTIONS = ("none", "mean", "sum")


def reduction_of(reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The way to reduce, checked; the two arguments that it replaced are still understood."""
    if size_average is not None or reduce is not None:
        average, some = size_average is None or size_average, reduce is None or reduce
        reduction = "mean" if average and some else "sum" if some else "none"
        warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4)
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _reduced(y: Tensor, reduction: str) -> Tensor:
    return y if reduction == "none" else mean(y) if reduction == "mean" else sum(y)


def _raw(t: Tensor | None) -> Any:
    return None if t is None else t._array


def _same_size(input: Tensor, target: Tensor, name: str) -> tuple[Tensor, Tensor]:
    from .api_shape import broadcast_tensors

    if input._array.shape == target._array.shape:
        return input, target
    warnings.warn(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to incorrect "
                  "results due to broadcasting. Please ensure they have the same size.", stacklevel=4)
    a, b = broadcast_tensors(input, target)
    return a, b


@full_precision
def mse_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    a, b = _same_size(input, target, "mse_loss")
    return ls.mse_loss(a, b, reduction_of(reduction, size_average, reduce))


@full_precision
def l1_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    a, b = _same_size(input, target, "l1_loss")
    d = pw.abs(pw.sub(a, b))
    return _reduced(d, reduction_of(reduction, size_average, reduce))


@full_precision
def smooth_l1_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    a, b = _same_size(input, target, "smooth_l1_loss")
    if beta == 0:
        return _reduced(pw.abs(pw.sub(a, b)), reduction_of(reduction, size_average, reduce))
    return ls.smooth_l1_loss(a, b, reduction_of(reduction, size_average, reduce), beta)


@full_precision
def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
             reduction: str = "mean") -> Tensor:
    """The mean of -input[target]: input holds log-probabilities [N, C] or [N, C, d...]."""
    x, t = input, target._array
    if x._array.ndim == 1:
        x, t = shape.unsqueeze(x, 0), t[None]
    p = x._array.shape
    if x._array.ndim < 1 or p[:1] + p[2:] != t.shape:
        from ..core.shapes import Row, drawn

        error = ValueError(f"Expected input batch_size ({p[0]}) to match target batch_size ({t.shape[0] if t.ndim else 1}).")
        have = (*p[:1], *p[2:])
        raise drawn(error, [Row("input", p, 0, input), Row("target", t.shape, 0, target)], [i for i, s in enumerate(t.shape) if i >= len(have) or s != have[i]][:1],
                    f"a target of shape {list(have)}" + (f", or input.view(-1, {p[-1]}) with target.view(-1)" if len(p) == 3 and p[:2] == t.shape else ""))
    if type(t) is not type(x._array):
        raise errors.devices((x._array, t), TypeError())
    if t.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.tensor_name}")
    bad = (t != ignore_index) & ((t < 0) | (t >= p[1]))
    if bad.any():
        raise IndexError(f"Target {int(t[bad].flat[0])} is out of bounds. (There are {p[1]} classes, 0 to {p[1] - 1}.)")
    reduction, weights = reduction_of(reduction, size_average, reduce), None if weight is None else weight._array
    if reduction == "none" and input._array.ndim == 1:
        return _nll_of_one(input, t, weights, ignore_index)
    if len(p) < 3:
        loss = ls.nll_loss(x, t, weights, ignore_index, reduction)
    elif len(p) == 4:
        loss = ls.nll_loss2d(x, t, weights, ignore_index, reduction)
    else:                                                    # any other number of places is a row of an image
        row = shape.reshape(x, (*p[:2], 1, math.prod(p[2:])))
        loss = ls.nll_loss2d(row, t.reshape(p[0], 1, -1), weights, ignore_index, reduction)
        loss = shape.view(loss, t.shape) if reduction == "none" else loss
    if mode.sink is not None and loss._node is None:
        mode.sink.treated("asked", x._array, t)
    return loss


@one_node("nll_loss_one", "NllLossBackward0", r"-w_t\,{x0}_t", 1, r"\bar{x}_t = -w_t\,\bar{y}")
def _nll_of_one(x: Tensor, target: Any, weight: Any, ignore_index: int) -> Tensor:
    return squeeze_dim(ls.nll_loss(shape.unsqueeze(x, 0), target, weight, ignore_index, "none"), (0,))


@full_precision
def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """nll_loss(log_softmax(input)): logits [N, C] or [N, C, d...], targets as class indices or as probabilities."""
    reduction = reduction_of(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    d = 0 if input._array.ndim == 1 else 1
    logp = nm.log_softmax(input, d)
    if target._array.shape == input._array.shape and target._array.dtype.kind in "fV":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(logp, target, weight, d, reduction, label_smoothing)
    hard = nll_loss(logp, target, weight, None, ignore_index, None, reduction)
    if not label_smoothing:
        return hard
    n = logp._array.shape[d]
    even = pw.neg(sum(logp if weight is None else _weighted(logp, weight, d), d))
    kept = target._array != ignore_index
    even = pw.mul(even, wrap(kept.astype(logp._array.dtype)))
    if reduction != "none":
        even = sum(even)
        if reduction == "mean":
            w = kept.astype(logp._array.dtype) if weight is None else weight._array[np.where(kept, target._array, 0)] * kept
            even = pw.div(even, float(w.sum()))
    return pw.add(pw.mul(hard, 1 - label_smoothing), pw.mul(even, label_smoothing / n))


def _weighted(logp: Tensor, weight: Tensor, d: int) -> Tensor:
    one = [1] * logp._array.ndim
    one[d] = -1
    return pw.mul(logp, shape.reshape(weight, tuple(one)))


def _soft_cross_entropy(logp: Tensor, target: Tensor, weight: Tensor | None, d: int, reduction: str, smoothing: float) -> Tensor:
    if smoothing:
        target = pw.add(pw.mul(target, 1 - smoothing), smoothing / logp._array.shape[d])
    y = pw.mul(logp if weight is None else _weighted(logp, weight, d), target)
    if reduction == "none":
        return pw.neg(sum(y, d))
    total = pw.neg(sum(y))
    return total if reduction == "sum" else div_number(total, logp._array.size / logp._array.shape[d])


@full_precision
def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    if input._array.shape != target._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return ls.bce_with_logits(input, target, _raw(weight), _raw(pos_weight), reduction_of(reduction, size_average, reduce))


@full_precision
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                         reduction: str = "mean") -> Tensor:
    if input._array.shape != target._array.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                         "Please ensure they have the same size.")
    return ls.bce(input, target, _raw(weight), reduction_of(reduction, size_average, reduce))


@full_precision
def kl_div(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target * (log target - input): `input` holds log-probabilities."""
    batch = reduction == "batchmean" and size_average is None and reduce is None
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
                      "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                      "'mean' will be changed to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    from .special_erf import xlogy

    y = pw.exp(target) * (target - input) if log_target else xlogy(target, target) - target * input
    y = _reduced(y, "sum" if batch else reduction_of(reduction, size_average, reduce))
    return pw.div(y, input._array.shape[0]) if batch and input._array.ndim else y


@full_precision
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """Quadratic below delta, linear above. Huber, 1964."""
    a, b = _same_size(input, target, "huber_loss")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return mg.huber_loss(a, b, reduction_of(reduction), delta)
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    return _reduced(mg.huber_loss(a, b, "none", delta) * weight, reduction_of(reduction))


@full_precision
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
                     reduce: Any = None, reduction: str = "mean") -> Tensor:
    """exp(x) - t x, or x - t log(x + eps) where `log_input` is False; `full` adds Stirling's approximation of log t!."""
    reduction = reduction_of(reduction, size_average, reduce)
    y = pw.exp(input) - target * input if log_input else input - target * pw.log(input + eps)
    if full:
        stirling = target * pw.log(target) - target + 0.5 * pw.log(2 * math.pi * target)
        y = y + pw.masked_fill(stirling, target._array <= 1, 0)
    return _reduced(y, reduction)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Tensor:
    """(log var + (x - t)² / var) / 2, with the variance kept above eps. Nix & Weigend, 1994."""
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = wrap(np.full_like(input._array, var))
    elif (var._array < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = shape.unsqueeze(var, var._array.ndim)
        elif not (input.ndim == var.ndim and [b for a, b in zip(input.shape, var.shape, strict=True) if a != b] == [1]):
            raise ValueError("var is of incorrect size")
    if reduction not in _REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    var = pw.add(var, wrap(np.maximum(eps - var._array, 0).astype(var._array.dtype)))      # clamped below, with the gradient of what was
    d = input - target
    y = (pw.log(var) + d * d / var) * 0.5
    return _reduced(y + 0.5 * math.log(2 * math.pi) if full else y, reduction)


@full_precision
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""
    t = target._array
    y = pw.where(t != 1, clamp_min(pw.rsub(input, margin), 0), 0.0) + pw.where(t != -1, input, 0.0)
    return _reduced(y, reduction_of(reduction, size_average, reduce))


@full_precision
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
                        reduction: str = "mean") -> Tensor:
    """max(0, -t (x1 - x2) + margin)."""
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.shape}, "
                           f"input2: {input2.shape}, target: {target.shape} ")
    return _reduced(clamp_min(-target * (input1 - input2) + margin, 0), reduction)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`."""
    from .api_shape import broadcast_tensors

    a, b = broadcast_tensors(x1, x2)
    return sum(a / pw.clamp(norm(a, 2, dim, True), eps, None) * (b / pw.clamp(norm(b, 2, dim, True), eps, None)), dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """|x1 - x2 + eps|_p along the last dimension."""
    return norm_old(x1 - x2 + eps, float(p), (max(x1._array.ndim, x2._array.ndim) - 1,), keepdim)


@full_precision
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
                          reduction: str = "mean") -> Tensor:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.ndim == 1 and input1.ndim != 2 or target.ndim == 0 and input1.ndim != 1:
        raise RuntimeError(f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and "
                           f"{list(input2.shape)}.")
    d = target.ndim
    tiny = 1e-12
    dot, first, second = sum(input1 * input2, d), sum(input1 * input1, d) + tiny, sum(input2 * input2, d) + tiny
    cos = dot / pw.sqrt(first * second)
    t = target._array
    zero = cos * 0
    return _reduced(pw.where(t == 1, pw.rsub(cos, 1), zero) + pw.where(t == -1, clamp_min(cos - margin, 0), zero), reduction)


@full_precision
def soft_margin_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-t x))."""
    if input._array.shape != target._array.shape:
        try:
            np.broadcast_shapes(input._array.shape, target._array.shape)
        except ValueError:
            raise errors.broadcast(input._array.shape, target._array.shape, of=(input, target)) from None
    return mg.soft_margin_loss(input, target._array.astype(input._array.dtype), reduction_of(reduction, size_average, reduce))


def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                                reduction: str = "mean") -> Tensor:
    """The mean over classes of -(t log σ(x) + (1 - t) log σ(-x))."""
    y = -(target * pw.logsigmoid(input) + pw.rsub(target, 1) * pw.logsigmoid(-input))
    if weight is not None:
        y = y * weight
    return _reduced(mean(y, -1), reduction_of(reduction, size_average, reduce))


def _rows(input: Tensor, target: Tensor) -> tuple[Tensor, Any, bool]:
    """Input [N, C] and targets [N, ...] whether or not they came with a batch dimension."""
    if input._array.ndim < 2:
        x = shape.unsqueeze(input if input._array.ndim else shape.unsqueeze(input, 0), 0)
        t = target._array
        return x, t.reshape(1, -1) if t.ndim == input._array.ndim and t.ndim else t.reshape(1), True
    return input, target._array, False


def _line_or_rows(input: Tensor) -> None:
    size = input._array.shape
    if len(size) > 2 or 0 in size[-1:]:
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(size)}")


@full_precision
def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, size_average: Any = None,
                      reduce: Any = None, reduction: str = "mean") -> Tensor:
    """Σ max(0, margin - x_t + x_c)^p / C over all classes c but the target's."""
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    _line_or_rows(input)
    n, c = (1, 1, *input._array.shape)[-2:]
    if target._array.ndim > 1 or target._array.size != n:
        raise RuntimeError(f"multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size [{n}], but got "
                           f"{list(target.shape)}. Input has shape {list(input.shape)}.")
    if weight is not None and weight._array.size != c:
        raise RuntimeError(f"inconsistent weight size, expected {c} but got {list(weight.shape)}")
    if target._array.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.tensor_name}")
    x, t, single = _rows(input, target)
    t = t.reshape(-1)
    if t.size and (t.min() < 0 or t.max() >= c):
        raise RuntimeError("target out of range")
    y = mg.multi_margin_loss(x, t, p, margin, _raw(weight), reduction)
    return squeeze_dim(y, (0,)) if single and reduction == "none" else y


@full_precision
def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    """Σ max(0, 1 - x_t + x_c) / C over all targets t and other classes c; a row's targets end at its first -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    _line_or_rows(input)
    if target.shape != input.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    x, t, single = _rows(input, target)
    t = t.reshape(x._array.shape)
    if t.size and (t.min() < -1 or t.max() >= x._array.shape[1]):
        raise RuntimeError("target out of range")
    y = mg.multilabel_margin_loss(x, t, reduction)
    return squeeze_dim(y, (0,)) if single and reduction == "none" else y


@full_precision
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False,
                        size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin)."""
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return triplet_margin_with_distance_loss(anchor, positive, negative, distance_function=lambda a, b: pairwise_distance(a, b, p, eps), margin=margin,
                                             swap=swap, reduction=reduction)


def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
                                      margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Tensor:
    """triplet_margin_loss with a distance of one's own."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
                           f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs")
    distance = distance_function if distance_function is not None else pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = pw.minimum(far, distance(positive, negative))
    return _reduced(clamp_min(near - far + margin, 0), reduction)


@full_precision
def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
             zero_infinity: bool = False) -> Tensor:
    """-log p(targets) over all alignments. Log-probabilities (T, N, C) or (T, C); targets (N, S), (S) or all one after another. Graves et al., 2006."""
    reduction = reduction_of(reduction)
    single = log_probs._array.ndim == 2
    x = shape.unsqueeze(log_probs, 1) if single else log_probs
    steps, n, classes = x._array.shape
    many, wide = (np.asarray(v._array if isinstance(v, Tensor) else v, np.int64).reshape(-1) for v in (input_lengths, target_lengths))
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", many), ("target_lengths", wide)):
        if len(lengths) != n:
            raise RuntimeError(f"{name} must be of size batch_size")
    if (many > steps).any() or (many < 0).any():
        raise RuntimeError(f"Expected input_lengths to have value at most {steps}, but got value {int(many.max())} (while checking arguments for ctc_loss)")
    t = targets._array.astype(np.int64)
    if t.ndim == 1:
        parts = np.split(t, np.cumsum(wide)[:-1]) if not single else [t]
        t = np.zeros((n, int(wide.max()) if n else 0), np.int64)
        for row, part in zip(t, parts, strict=True):
            row[:len(part)] = part[:len(row)]
    elif t.shape[1] < (int(wide.max()) if n else 0):
        raise RuntimeError(f"Expected tensor to have size at least {int(wide.max())} at dimension 1, but got size {list(t.shape)} for argument #2 'targets' "
                           "(while checking arguments for ctc_loss)")
    y = ct.ctc_loss(x, t[:, :int(wide.max()) if n else 0], beside(x._array, np.stack([many, wide], 1)), blank, zero_infinity)
    if zero_infinity:
        y = pw.where(wrap(np.isinf(y._array)), 0.0, y)
    if reduction == "mean":
        return mean(y / wrap(beside(x._array, np.maximum(wide, 1).astype(x._array.dtype))))
    if reduction == "sum":
        return sum(y)
    return squeeze_dim(y, (0,)) if single else y


def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None, weight: Tensor | None = None,
                         reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target): weights [C, *out, in], inputs [*, in]."""
    from .api_linalg import linear

    x, w = input._array, linear_weight._array
    if x.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {w.ndim}")
    if w.ndim > 2 and x.ndim == 1:
        raise RuntimeError(f"K-dimensional loss defined by linear_weight shape {w.shape} requires batched input, (N, {w.shape[-1]}), got unbatched input with shape {x.shape}")
    if x.shape[-1] != w.shape[-1]:
        raise RuntimeError(f"expected equal input and linear_weight last dimensions (in_features), got {x.shape[-1]} and {w.shape[-1]}, respectively")
    if linear_bias is not None and linear_bias._array.shape != w.shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {w.shape[:-1]}, got {linear_bias._array.shape}")
    if ignore_index is not None and target._array.dtype.kind in "fV":
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    y = linear(input, linear_weight.reshape(-1, w.shape[-1]), bias)
    if w.ndim > 2:                                         # (N, C·out) -> (N, C, *out)
        y = y.reshape(*y.shape[:-1], *w.shape[:-1])
    return cross_entropy(y, target, weight, reduction=reduction, ignore_index=-100 if ignore_index is None else ignore_index, label_smoothing=label_smoothing)
