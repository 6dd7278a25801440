"""`torch.nn.functional`: the layer ops under the names that PyTorch gives them, and what PyTorch composes of them."""
# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.tensor import Tensor, wrap
from ..ops.api_linalg import cdist, einsum, linear
from ..ops.api_nn import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
    dropout,
    elu,
    embedding,
    gelu,
    hardtanh,
    kl_div,
    l1_loss,
    layer_norm,
    leaky_relu,
    log_softmax,
    max_pool2d,
    mse_loss,
    nll_loss,
    normalize,
    one_hot,
    relu,
    scaled_dot_product_attention,
    silu,
    smooth_l1_loss,
    softmax,
    softplus,
)
from ..ops.api_nn import pad as _constant_pad
from ..ops.creation import keep_mask
from ..ops.pointwise import logsigmoid, sigmoid, tanh

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cdist", "conv2d",
           "cross_entropy", "dropout", "dropout1d", "dropout2d", "elu", "embedding", "gelu", "hardtanh", "kl_div", "l1_loss", "layer_norm", "leaky_relu",
           "linear", "log_softmax", "logsigmoid", "max_pool2d", "mse_loss", "nll_loss", "normalize", "one_hot", "pad", "relu", "relu_",
           "scaled_dot_product_attention", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus", "tanh"]


def relu_(input: Tensor) -> Tensor:
    """relu, written into its input."""
    return relu(input, inplace=True)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = x₁ᵀ W_k x₂ + b_k. Inputs (*, in1) and (*, in2), weight (out, in1, in2), output (*, out)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {list(input1.shape[:-1])} and {list(input2.shape[:-1])}")
    for i, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[i]:
            raise RuntimeError(f"bilinear(): input{i} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[i]}")
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


def _feature_dropout(input: Tensor, p: float, training: bool, inplace: bool, channel: int) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    a = input._array
    shape = a.shape[:channel + 1] + (1,) * (a.ndim - channel - 1)
    if p == 1:
        mask = wrap(module_of(a).zeros(shape, a.dtype))
    else:
        mask = wrap(module_of(a).asarray(keep_mask(shape, 1 - p, a.dtype)))
    return input.mul_(mask) if inplace else input * mask


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of (N, C, L) or (C, L)."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to provide "
                           "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension "
                           "(i.e. 2D or 3D inputs).")
    return _feature_dropout(input, p, training, inplace, input.ndim - 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of (N, C, H, W)."""
    if input.ndim not in (3, 4):
        import warnings

        warnings.warn(f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result in an error in a future "
                      "release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout2d exists to "
                      "provide channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an optional batch dimension "
                      "(i.e. 3D or 4D inputs).", stacklevel=2)
    return _feature_dropout(input, p, training, inplace, 1)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widens dimensions from the last one backwards, (left, right, top, bottom, ...): "constant", "reflect", "replicate" or "circular"."""
    if mode == "constant":
        return _constant_pad(input, pad, mode, value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise RuntimeError(f"Padding length should be even and at most twice the number of dimensions, got {len(pad)} for {input.ndim} dimensions")
    for i in range(len(pad) // 2):
        before, after = int(pad[2 * i]), int(pad[2 * i + 1])
        if before or after:
            d = input.ndim - 1 - i
            index = _border(input.shape[d], before, after, mode, d, input)
            input = input.index_select(d, wrap(module_of(input._array).asarray(index)))
    return input


def _border(n: int, before: int, after: int, mode: str, d: int, input: Tensor) -> Any:
    limit = n - 1 if mode == "reflect" else n
    if mode != "replicate" and max(before, after) > limit:
        if mode == "reflect":
            raise RuntimeError(f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) "
                               f"at dimension {d} of input {list(input.shape)}")
        raise RuntimeError("Padding value causes wrapping around more than once.")
    i = np.arange(-before, n + after)
    if mode == "circular":
        return i % n
    if mode == "replicate":
        return i.clip(0, n - 1)
    i = np.abs(i)
    return np.where(i > n - 1, 2 * (n - 1) - i, i)
