"""Dropout with PyTorch's signatures."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..core.arrays import beside
from ..core.device import module_of
from ..core.inplace import run_inplace
from ..core.tensor import Tensor, wrap
from . import creation as cr
from . import pointwise as pw


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeros elements with probability p and scales the rest by 1 / (1 - p)."""
    if p < 0 or p > 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    a = input._array
    mask = wrap(np.zeros_like(a) if p == 1 else beside(a, cr.keep_mask(a.shape, 1 - p, a.dtype)))
    return run_inplace(pw.mul.op, input, (mask,)) if inplace else pw.mul(input, mask)


def _checked(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(a: Any, p: float, whole: bool) -> Any:
    """1 / (1 - p) where an element, or a whole channel, is kept, else 0."""
    size = a.shape[:2] + (1,) * (a.ndim - 2) if whole else a.shape
    if p == 1:
        return module_of(a).zeros(size, a.dtype)
    return module_of(a).asarray(cr.keep_mask(size, 1 - p, a.dtype))


def _feature_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if not training or p == 0:
        return input
    mask = wrap(_kept(input._array, p, True))
    return run_inplace(pw.mul.op, input, (mask,)) if inplace else pw.mul(input, mask)


def _of_images(d: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """Channels dropped; without a batch dimension for a while."""
    if input.ndim != d + 1:
        return _feature_dropout(input, p, training, inplace)
    y = _feature_dropout(input.unsqueeze_(0) if inplace else input.unsqueeze(0), p, training, inplace)
    made: Tensor = y.squeeze_(0) if inplace else y.squeeze(0)
    return made


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of (N, C, L) or (C, L)."""
    _checked(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to provide "
                           "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension "
                           "(i.e. 2D or 3D inputs).")
    return _of_images(1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of (N, C, H, W)."""
    _checked(p)
    if input.ndim not in (3, 4):
        warnings.warn(f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result in an error in a future "
                      "release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout2d exists to "
                      "provide channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an optional batch dimension "
                      "(i.e. 3D or 4D inputs).", stacklevel=2)
    if input.ndim == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input is interpreted as "
                      "shape (N, C, L), where C is the channel dim. This behavior will change in a future release to interpret the input as one without a "
                      "batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
                      stacklevel=2)
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _checked(p)
    if input.ndim not in (4, 5):
        warnings.warn(f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated and will result in an error in a future "
                      "release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout3d exists to "
                      "provide channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and an optional batch dimension "
                      "(i.e. 4D or 5D inputs).", stacklevel=2)
    return _of_images(3, input, p, training, inplace)


def _alpha(input: Tensor, p: float, training: bool, inplace: bool, whole: bool) -> Tensor:
    """What is dropped becomes the lowest value of SELU, and all is moved so that mean and variance stay."""
    _checked(p)
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    alpha = 1.7580993408473766
    a = 1 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
    kept = _kept(input._array, p, whole) != 0
    offset = np.where(kept, alpha * a * p, alpha * a * (p - 1)).astype(input._array.dtype)
    slope = (kept * a).astype(input._array.dtype)
    return run_inplace(pw.add.op, run_inplace(pw.mul.op, input, (wrap(slope),)), (wrap(offset),)) if inplace else pw.add(pw.mul(input, wrap(slope)), wrap(offset))


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of what SELU gives. Klambauer et al., 2017."""
    return _alpha(input, p, training, inplace, False)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    return _alpha(input, p, training, inplace, True)
