"""The functional layer ops, with PyTorch's signatures; `nn.functional` is their door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.inplace import run_inplace
from ..core.tensor import Tensor, wrap
from . import conv as cv
from . import creation as cr
from . import gelu as ge
from . import index as ix
from . import loss as ls
from . import norm as nm
from . import pointwise as pw
from . import shape
from .api_linalg import matmul
from .api_reduce import mean, norm, sum
from .api_shape import dim_of

_REDUCTIONS = ("none", "mean", "sum")


def _pair(v: Any) -> tuple[int, int]:
    return (int(v), int(v)) if isinstance(v, (int, np.integer)) else (int(v[0]), int(v[-1]))


def _reduction(r: str) -> str:
    if r not in _REDUCTIONS:
        raise ValueError(f"{r} is not a valid value for reduction")
    return r


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    return run_inplace(pw.relu.op, input) if inplace else pw.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    return run_inplace(pw.leaky_relu.op, input, (), (negative_slope,)) if inplace else pw.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return run_inplace(pw.elu.op, input, (), (alpha,)) if inplace else pw.elu(input, alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}.")
    return ge.gelu(input, approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    return run_inplace(pw.silu.op, input) if inplace else pw.silu(input)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    return pw.softplus(input, beta, threshold)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    return run_inplace(pw.hardtanh.op, input, (), (min_val, max_val)) if inplace else pw.hardtanh(input, min_val, max_val)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / sum exp(x) along `dim`."""
    input = input if dtype is None else input.to(dtype)
    return nm.softmax(input, _soft_dim(input, dim))


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """x - log sum exp(x) along `dim`."""
    input = input if dtype is None else input.to(dtype)
    return nm.log_softmax(input, _soft_dim(input, dim))


def _soft_dim(t: Tensor, dim: int | None) -> int:
    n = t._array.ndim
    if dim is None:
        import warnings

        warnings.warn("Implicit dimension choice for softmax has been deprecated. Change the call to include dim=X as an argument.", stacklevel=3)
        dim = 0 if n in (0, 1, 3) else 1
    return dim_of(dim, n)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """Cross-correlation of [N, C, H, W] (or [C, H, W]) with [O, C/groups, kh, kw]."""
    x, single = _batched(input, 4, "conv2d")
    w = weight._array
    if w.ndim != 4:
        raise RuntimeError(f"weight should have 4 dimensions [out, in / groups, kh, kw], but has shape {list(w.shape)}")
    s, d = _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: {padding!r}")
        if padding == "same":
            if s != (1, 1):
                raise RuntimeError("padding='same' is not supported for strided convolutions")
            totals = [d[i] * (w.shape[2 + i] - 1) for i in (0, 1)]
            x = shape.pad(x, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in totals)), 0)
        padding = 0
    p = _pair(padding)
    n_in = x._array.shape[1]
    if groups <= 0 or n_in != w.shape[1] * groups:
        raise RuntimeError(f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(input._array.shape)} to have "
                           f"{w.shape[1] * groups} channels, but got {n_in} channels instead")
    if w.shape[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size {list(w.shape)} instead")
    if bias is not None and bias._array.shape != (w.shape[0],):
        raise RuntimeError(f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with {w.shape[0]} elements, but got bias of size "
                           f"{list(bias._array.shape)} instead")
    size = [x._array.shape[2 + i] + 2 * p[i] for i in (0, 1)]
    reach = [d[i] * (w.shape[2 + i] - 1) + 1 for i in (0, 1)]
    if size[0] < reach[0] or size[1] < reach[1]:
        raise RuntimeError(f"Calculated padded input size per channel: ({size[0]} x {size[1]}). Kernel size: ({reach[0]} x {reach[1]}). "
                           "Kernel size can't be greater than actual input size")
    if x._array.dtype != w.dtype:
        raise RuntimeError(f"Input type ({input.dtype.tensor_name}) and weight type ({weight.dtype.tensor_name}) should be the same")
    y = cv.convolution(x, weight, bias, s, p, d, groups)
    return shape.squeeze(y, (0,)) if single else y


def _batched(t: Tensor, ndim: int, name: str) -> tuple[Tensor, bool]:
    if t._array.ndim == ndim - 1:
        return shape.unsqueeze(t, 0), True
    if t._array.ndim != ndim:
        raise RuntimeError(f"Expected {ndim - 1}D (unbatched) or {ndim}D (batched) input to {name}, but got input of size: {list(t._array.shape)}")
    return t, False


def _pooled(t: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, fill: float) -> tuple[Tensor, Any, Any, Any]:
    k = _pair(kernel)
    s, p, d = _pair(k if stride is None or stride == [] else stride), _pair(padding), _pair(dilation)
    if p[0] > k[0] // 2 or p[1] > k[1] // 2:
        raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={max(p)}, kernel_size={max(k)} and dilation={max(d)}")
    extra = [0, 0]
    for i in (0, 1):
        room = t._array.shape[2 + i] + 2 * p[i] - d[i] * (k[i] - 1) - 1
        if room < 0:
            raise RuntimeError(f"Given input size: ({'x'.join(map(str, t._array.shape[1:]))}). Calculated output size is too small for kernel {k}")
        if ceil_mode and room % s[i] and (room // s[i] + 1) * s[i] < t._array.shape[2 + i] + p[i]:
            extra[i] = s[i] - room % s[i]
    if extra != [0, 0]:
        t = shape.pad(t, ((0, 0), (0, 0), (p[0], p[0] + extra[0]), (p[1], p[1] + extra[1])), fill)
        p = (0, 0)
    return t, k, s, (p, d)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of every window."""
    x, single = _batched(input, 4, "max_pool2d")
    x, k, s, (p, d) = _pooled(x, kernel_size, stride, padding, dilation, ceil_mode, -np.inf)
    y = cv.max_pool2d(x, k, s, p, d)
    y = shape.squeeze(y, (0,)) if single else y
    if not return_indices:
        return y
    indices = cv.max_pool_indices(x._array, k, s, p, d)
    return y, wrap(indices[0] if single else indices)


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:
    """The mean of every window."""
    x, single = _batched(input, 4, "avg_pool2d")
    if ceil_mode:
        raise NotImplementedError("avg_pool2d with ceil_mode=True is not supported yet; pad the input instead")
    x, k, s, (p, _) = _pooled(x, kernel_size, stride, padding, 1, False, 0)
    y = cv.avg_pool2d(x, k, s, p, count_include_pad)
    if divisor_override:
        y = y * (k[0] * k[1] / divisor_override)
    return shape.squeeze(y, (0,)) if single else y


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over windows chosen so that the output has the asked size."""
    x, single = _batched(input, 4, "adaptive_avg_pool2d")
    h, w = x._array.shape[2:]
    size = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    oh, ow = (h if size[0] is None else size[0]), (w if size[1] is None else size[1])
    if (oh, ow) == (1, 1):
        y = mean(x, (2, 3), True)
    else:
        y = cv.adaptive_avg_pool2d(x, (int(oh), int(ow)))
    return shape.squeeze(y, (0,)) if single else y


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias per channel; in training the batch's moments, which also move the running ones."""
    a = input._array
    if a.ndim < 2:
        raise ValueError(f"expected at least 2D input (got {a.ndim}D input)")
    n = a.size // max(a.shape[1], 1)
    if training and n <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if running_mean is not None and running_mean._array.shape != (a.shape[1],):
        raise RuntimeError(f"running_mean should contain {a.shape[1]} elements not {running_mean._array.size}")
    use_batch = training or running_mean is None
    moves = training and running_mean is not None and running_var is not None
    y = nm.batch_norm(input, weight, bias, use_batch, None if running_mean is None else running_mean._array,
                      None if running_var is None else running_var._array, eps, momentum if moves else 0.0)
    if moves:
        assert running_mean is not None and running_var is not None
        running_mean.bump()
        running_var.bump()
    return y


def layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions."""
    dims = tuple(normalized_shape)
    if tuple(input._array.shape[-len(dims):]) != dims:
        raise RuntimeError(f"Given normalized_shape={list(dims)}, expected input with shape [*, {', '.join(map(str, dims))}], but got input of size"
                           f"{list(input._array.shape)}")
    return nm.layer_norm(input, weight, bias, len(dims), eps)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: Any = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """Rows of `weight` at integer indices."""
    i, rows = input._array, weight._array.shape[0]
    if i.dtype.kind not in "iu":
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                           f"{input.dtype.tensor_name} instead (while checking arguments for embedding)")
    if i.size and (i.min() < 0 or i.max() >= rows):
        bad = int(i.max()) if i.max() >= rows else int(i.min())
        raise IndexError(f"index out of range in self (index {bad}, the embedding has {rows} rows)")
    pad = -1 if padding_idx is None else padding_idx % rows
    return ix.embedding(weight, i, pad)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeros elements with probability p and scales the rest by 1 / (1 - p)."""
    if p < 0 or p > 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    a = input._array
    mask = wrap(np.zeros_like(a) if p == 1 else cr.keep_mask(a.shape, 1 - p, a.dtype))
    return run_inplace(pw.mul.op, input, (mask,)) if inplace else pw.mul(input, mask)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere, along a new last dimension."""
    a = tensor._array
    if a.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if a.size and a.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        if not a.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(a.max()) + 1
    elif a.size and a.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((a[..., None] == np.arange(num_classes)).astype(np.int64))


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widths from the last dimension backwards: (left, right, top, bottom, ...)."""
    if len(pad) % 2 or len(pad) // 2 > input._array.ndim:
        raise RuntimeError(f"Padding length should be even and at most twice the number of dimensions, got {len(pad)} for {input._array.ndim} dimensions")
    if mode != "constant":
        raise NotImplementedError(f"padding mode {mode!r} is not supported yet; only 'constant'")
    widths = [(0, 0)] * input._array.ndim
    for i in range(len(pad) // 2):
        widths[-1 - i] = (int(pad[2 * i]), int(pad[2 * i + 1]))
    return shape.pad(input, tuple(widths), 0 if value is None else value)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(norm(x), eps) along `dim`."""
    return pw.div(input, pw.clamp(norm(input, p, dim, True), eps, None))


# -- losses -----------------------------------------------------------------------------------------------------------------------------


def _same_size(input: Tensor, target: Tensor, name: str) -> tuple[Tensor, Tensor]:
    from .api_shape import broadcast_tensors

    if input._array.shape == target._array.shape:
        return input, target
    import warnings

    warnings.warn(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to incorrect "
                  "results due to broadcasting. Please ensure they have the same size.", stacklevel=4)
    a, b = broadcast_tensors(input, target)
    return a, b


def mse_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    a, b = _same_size(input, target, "mse_loss")
    return ls.mse_loss(a, b, _reduction(reduction))


def l1_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Tensor:
    a, b = _same_size(input, target, "l1_loss")
    d = pw.abs(pw.sub(a, b))
    r = _reduction(reduction)
    return d if r == "none" else mean(d) if r == "mean" else sum(d)


def smooth_l1_loss(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    a, b = _same_size(input, target, "smooth_l1_loss")
    return ls.smooth_l1_loss(a, b, _reduction(reduction), beta)


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
             reduction: str = "mean") -> Tensor:
    """The mean of -input[target]: input holds log-probabilities [N, C] or [N, C, d...]."""
    x, t = input, target._array
    if x._array.ndim == 1:
        x, t = shape.unsqueeze(x, 0), t[None]
    p = x._array.shape
    if x._array.ndim < 1 or p[:1] + p[2:] != t.shape:
        raise ValueError(f"Expected input batch_size ({p[0]}) to match target batch_size ({t.shape[0] if t.ndim else 1})."
                         f" (input has shape {list(input._array.shape)}, target {list(target._array.shape)})")
    if t.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.tensor_name}")
    bad = (t != ignore_index) & ((t < 0) | (t >= p[1]))
    if bad.any():
        raise IndexError(f"Target {int(t[bad].flat[0])} is out of bounds. (There are {p[1]} classes, 0 to {p[1] - 1}.)")
    y = ls.nll_loss(x, t, None if weight is None else weight._array, ignore_index, _reduction(reduction))
    return shape.squeeze(y, (0,)) if reduction == "none" and input._array.ndim == 1 else y


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """nll_loss(log_softmax(input)): logits [N, C] or [N, C, d...], targets as class indices or as probabilities."""
    d = 0 if input._array.ndim == 1 else 1
    logp = nm.log_softmax(input, d)
    if target._array.dtype.kind == "f":
        return _soft_cross_entropy(logp, target, weight, d, _reduction(reduction), label_smoothing)
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
    if target._array.shape != logp._array.shape:
        raise RuntimeError(f"Expected floating point type for target with class probabilities, of shape {list(logp._array.shape)}, got {list(target._array.shape)}")
    if smoothing:
        target = pw.add(pw.mul(target, 1 - smoothing), smoothing / logp._array.shape[d])
    y = pw.neg(sum(pw.mul(logp if weight is None else _weighted(logp, weight, d), target), d))
    if reduction == "none":
        return y
    total = sum(y)
    return total if reduction == "sum" else pw.div(total, logp._array.size / logp._array.shape[d])


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    if input._array.shape != target._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return ls.bce_with_logits(input, target, _raw(weight), _raw(pos_weight), _reduction(reduction))


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                         reduction: str = "mean") -> Tensor:
    if input._array.shape != target._array.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                         "Please ensure they have the same size.")
    return ls.bce(input, target, _raw(weight), _reduction(reduction))


def _raw(t: Tensor | None) -> Any:
    return None if t is None else t._array


def kl_div(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target * (log target - input): `input` holds log-probabilities."""
    y = ls.kl_div(input, target, log_target)
    if reduction == "batchmean":
        return pw.div(sum(y), input._array.shape[0])
    return y if reduction == "none" else mean(y) if reduction == "mean" else sum(y)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, composed of its parts so that each is seen."""
    s = scale if scale is not None else 1 / float(np.sqrt(query._array.shape[-1]))
    scores = pw.mul(matmul(query, shape.transpose(key, key._array.ndim - 2, key._array.ndim - 1)), s)
    rows, cols = scores._array.shape[-2:]
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        scores = pw.masked_fill(scores, ~np.tri(rows, cols, dtype=bool), float("-inf"))
    elif attn_mask is not None:
        if attn_mask._array.dtype == bool:
            scores = pw.masked_fill(scores, ~attn_mask._array, float("-inf"))
        else:
            scores = pw.add(scores, attn_mask)
    weights = nm.softmax(scores, scores._array.ndim - 1)
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)
