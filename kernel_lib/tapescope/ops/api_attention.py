"""Attention with PyTorch's signature."""

from __future__ import annotations

import numpy as np

from ..core.device import module_of
from ..core.tensor import Tensor
from . import norm as nm
from . import pointwise as pw
from . import shape
from .api_drop import dropout
from .api_linalg import matmul


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, composed of its parts so that each is seen."""
    s = scale if scale is not None else 1 / float(np.sqrt(query._array.shape[-1]))
    scores = pw.mul(matmul(query, shape.transpose(key, key._array.ndim - 2, key._array.ndim - 1)), s)
    rows, cols = scores._array.shape[-2:]
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        scores = pw.masked_fill(scores, ~module_of(scores._array).tri(rows, cols, dtype=bool), float("-inf"))
    elif attn_mask is not None:
        if attn_mask._array.dtype == bool:
            scores = pw.masked_fill(scores, ~attn_mask._array, float("-inf"))
        else:
            scores = pw.add(scores, attn_mask)
    weights = nm.softmax(scores, scores._array.ndim - 1)
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)
