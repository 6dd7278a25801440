"""Attention with several heads: from projected queries, keys and values, and as one function of unprojected ones."""
# mypy: no-warn-return-any

from __future__ import annotations

import math
from typing import Any

from ..core import dtype as dt
from ..core.tensor import Tensor
from .api_activation import softmax
from .api_attention import scaled_dot_product_attention
from .api_drop import dropout
from .api_image import pad
from .api_linalg import linear, matmul
from .api_shape import cat
from .creation import zeros


def check_ranks(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether the three have no batch."""
    if query.ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor")
    for name, t in (("key", key), ("value", value)):
        if t.ndim != query.ndim:
            raise AssertionError(f"For {'unbatched (2-D)' if query.ndim == 2 else 'batched (3-D)'} `query`, expected `key` and `value` to be "
                                 f"{query.ndim}-D but found {name} of {t.ndim}-D")
    return query.ndim == 2


def masked(attn: Tensor | None, padding: Tensor | None, n: int, heads: int, length: int, source: int, dtype: Any) -> Tensor | None:
    """Both masks as one that is added to the scores (n, heads, length, source)."""
    whole = None
    if attn is not None:
        shapes = {2: (length, source), 3: (n * heads, length, source)}
        if attn.ndim not in shapes:
            raise RuntimeError(f"attn_mask's dimension {attn.ndim} is not supported")
        if tuple(attn.shape) != shapes[attn.ndim]:
            raise RuntimeError(f"The shape of the {attn.ndim}D attn_mask is {attn.shape}, but should be {shapes[attn.ndim]}.")
        attn = _additive(attn, "attn_mask", dtype)
        whole = attn if attn.ndim == 2 else attn.view(n, heads, length, source)
    if padding is not None:
        if tuple(padding.shape) != (n, source):
            raise AssertionError(f"Expected key_padded_mask.shape to be {(n, source)}, but got {tuple(padding.shape)}")
        padding = _additive(padding, "key_padding_mask", dtype).view(n, 1, 1, source)
        whole = padding if whole is None else whole + padding
    return whole


def _additive(mask: Tensor, name: str, dtype: Any) -> Tensor:
    if mask.dtype is dt.bool_:
        return zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, float("-inf"))
    if not mask.dtype.is_floating_point:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, p: float,
           need_weights: bool, average: bool, statics: tuple[Tensor | None, Tensor | None] = (None, None)) -> tuple[Tensor, Tensor | None]:
    """Rows (L N, E) of what the heads of projected (N, L, E) gather, and the weights (N, L, S) or (N, heads, L, S). `statics` stand for keys and values,
    as (N heads, S, E / heads)."""
    n, length, e = q.shape
    if bias_k is not None:
        k, v = (cat([t, b.expand(n, 1, e)], 1) for t, b in ((k, bias_k), (v, bias_v)) if b is not None)
    q, k, v = (t.reshape(n, -1, heads, e // heads).transpose(1, 2) for t in (q, k, v))
    k, v = (t if s is None else s.view(n, heads, -1, e // heads) for t, s in zip((k, v), statics, strict=True))
    if add_zero_attn:
        k, v = (cat([t, zeros((n, heads, 1, e // heads), dtype=t.dtype, device=t.device)], 2) for t in (k, v))
    if mask is not None and k.shape[2] != mask.shape[-1]:
        mask = pad(mask, (0, k.shape[2] - mask.shape[-1]))
    weights = None
    if need_weights:
        scores = matmul(q * (1 / math.sqrt(e // heads)), k.transpose(-2, -1))
        weights = dropout(softmax(scores if mask is None else scores + mask, -1), p)
        y = matmul(weights, v)
        weights = weights.mean(1) if average else weights
    else:
        y = scaled_dot_product_attention(q, k, v, mask, p)
    return y.permute(2, 0, 1, 3).reshape(length * n, e), weights


def multi_head_attention_forward(query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
                                 in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
                                 out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
                                 need_weights: bool = True, attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False,
                                 q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
                                 static_k: Tensor | None = None, static_v: Tensor | None = None, average_attn_weights: bool = True,
                                 is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes, of (L, N, E) or (L, E) and given weights: the output, and the attention (N, L, S) where it is asked for."""
    single = check_ranks(query, key, value)
    if single:
        query, key, value = (t.unsqueeze(1) for t in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    length, n, e = query.shape
    if e != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {e}")
    if e % num_heads:
        raise AssertionError(f"embed_dim {e} not divisible by num_heads {num_heads}")
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k is set but bias_v is None" if bias_v is None else "bias_v is set but bias_k is None")
    for name, s in (("key", static_k), ("value", static_v)):
        if s is None:
            continue
        if bias_k is not None:
            raise AssertionError(f"bias cannot be added to static {name}.")
        for d, size in ((0, n * num_heads), (2, e // num_heads)):
            if s.shape[d] != size:
                raise AssertionError(f"expecting static_{name[0]}.size({d}) of {size}, but got {s.shape[d]}")
    if use_separate_proj_weight:
        given = (q_proj_weight, k_proj_weight, v_proj_weight)
        for name, w in zip("qkv", given, strict=True):
            if w is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    elif in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    else:
        given = tuple(in_proj_weight.chunk(3))
    biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
    q, k, v = (linear(t.transpose(0, 1), w, b) for t, w, b in zip((query, key, value), given, biases, strict=True))  # type: ignore[arg-type]
    source = k.shape[1] if static_k is None else static_k.shape[1]
    mask = masked(attn_mask, key_padding_mask, n, num_heads, length, source, query.dtype)
    y, weights = attend(q, k, v, num_heads, mask, bias_k, bias_v, add_zero_attn, dropout_p if training else 0.0, need_weights, average_attn_weights, (static_k, static_v))
    y = linear(y, out_proj_weight, out_proj_bias).view(length, n, out_proj_weight.shape[0])
    if single:
        return y.squeeze(1), None if weights is None else weights.squeeze(0)
    return y, weights
