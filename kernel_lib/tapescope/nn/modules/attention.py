"""Multi-head attention."""
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from ...ops.api_heads import attend, check_ranks, masked
from ...ops.creation import empty
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


class MultiheadAttention(Module):
    """concat_h softmax(Q_h K_hᵀ / √d) V_h · W_o with projected queries, keys and values. Vaswani et al., 2017.

    Inputs (L, N, E), with `batch_first` (N, L, E), or (L, E); returns the output and, with `need_weights`, the attention (N, L, S).
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False, add_zero_attn: bool = False,
                 kdim: int | None = None, vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead")
        super().__init__()
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        where = {"device": device, "dtype": dtype}
        sizes = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        packed = self.kdim == self.vdim == embed_dim
        for name, size in sizes.items():
            self.register_parameter(name, None if packed else Parameter(empty((embed_dim, size), **where)))
        self.register_parameter("in_proj_weight", Parameter(empty((3 * embed_dim, embed_dim), **where)) if packed else None)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed_dim, **where)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **where)
        self.bias_k: Tensor | None = None
        self.bias_v: Tensor | None = None
        if add_bias_kv:
            self.bias_k, self.bias_v = (Parameter(empty((1, 1, embed_dim), **where)) for _ in range(2))
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True,
                attn_mask: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
        """`key_padding_mask` (N, S) and `attn_mask` (L, S) or (N heads, L, S): True, or -inf, where nothing may be attended to."""
        single = check_ranks(query, key, value)
        if query.shape[-1] != self.embed_dim:
            raise AssertionError(f"was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]}")
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                               "`generate_square_subsequent_mask` to create this mask.")
        if single:
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        same = query is key and key is value
        q, k, v = self._project(*[self._batch_first(t, single) for t in (query, key, value)], same)  # type: ignore[call-arg, arg-type]
        n, length = q.shape[0], q.shape[1]
        mask = masked(attn_mask, key_padding_mask, n, self.num_heads, length, k.shape[1], q.dtype)
        y, weights = attend(q, k, v, self.num_heads, mask, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout if self.training else 0.0,
                            need_weights, average_attn_weights)
        y = self.out_proj(y).view(length, n, self.embed_dim)
        if single:
            return y.squeeze(1), None if weights is None else weights.squeeze(0)
        return (y.transpose(1, 0) if self.batch_first else y), weights

    def _batch_first(self, t: Tensor, single: bool) -> Tensor:
        if single:
            return t.unsqueeze(0)
        return t if self.batch_first else t.transpose(0, 1)

    def _project(self, query: Tensor, key: Tensor, value: Tensor, same: bool) -> tuple[Tensor, ...]:
        b = self.in_proj_bias
        if self.in_proj_weight is None:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        elif same:
            return tuple(F.linear(query, self.in_proj_weight, b).chunk(3, -1))
        else:
            weights = self.in_proj_weight.chunk(3)
        biases = (None, None, None) if b is None else b.chunk(3)
        return tuple(F.linear(t, w, c) for t, w, c in zip((query, key, value), weights, biases, strict=True))
