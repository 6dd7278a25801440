"""GPT-2 written with Tapescope. Its parameters have the names and shapes of transformers' `GPT2LMHeadModel`, so that its weights can be loaded as they are:

    from tapescope import safetensors
    model = load(GPT2(n_layer=12), safetensors.load_file("model.safetensors"))
    logits = model(ids)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn


class Conv1D(nn.Module):
    """x W + b with the weight as [inputs, outputs], which is how GPT-2 was published."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * ts.randn(inputs, outputs))
        self.bias = nn.Parameter(ts.zeros(outputs))

    def forward(self, x: Any) -> Any:
        return ts.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).reshape(*x.shape[:-1], -1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)

    def forward(self, x: Any, mask: Any = None) -> Any:
        batch, time, width = x.shape
        q, k, v = (part.reshape(batch, time, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self.c_proj(y.transpose(1, 2).reshape(batch, time, width))


class MLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc, self.c_proj = Conv1D(4 * width, width), Conv1D(width, 4 * width)

    def forward(self, x: Any) -> Any:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width, eps=eps), Attention(width, heads)
        self.ln_2, self.mlp = nn.LayerNorm(width, eps=eps), MLP(width)

    def forward(self, x: Any, mask: Any = None) -> Any:
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, vocab: int, positions: int, width: int, layers: int, heads: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(positions, width)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList([Block(width, heads, eps) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width, eps=eps)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        time = ids.shape[1]
        x = self.drop(self.wte(ids) + self.wpe(ts.arange(time)[None]))
        mask = None
        if attention_mask is not None:                       # [batch, 1, time, time]: what is later and what is padding is not seen
            mask = ts.ones(time, time, dtype=ts.bool).tril() & (attention_mask != 0)[:, None, None, :]
        for block in self.h:
            x = block(x, mask)
        return self.ln_f(x)


class GPT2(nn.Module):
    """ids [batch, time] -> logits [batch, time, vocabulary]; the head is the token embedding once more."""

    def __init__(self, vocab_size: int = 50257, n_positions: int = 1024, n_embd: int = 768, n_layer: int = 12, n_head: int = 12,
                 layer_norm_epsilon: float = 1e-5, dropout: float = 0.1) -> None:
        super().__init__()
        self.transformer = Transformer(vocab_size, n_positions, n_embd, n_layer, n_head, layer_norm_epsilon, dropout)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        return self.lm_head(self.transformer(ids, attention_mask))

    def loss(self, ids: Any, attention_mask: Any = None) -> Any:
        """Mean cross entropy of every next token."""
        logits = self(ids, attention_mask)[:, :-1]
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def load(model: nn.Module, state: Mapping[str, Any]) -> Any:
    """Loads transformers' weights: a state dict of PyTorch or of a safetensors file. Files leave out what is tied, and older ones hold causal masks."""
    own = model.state_dict()
    given = {k: v for k, v in state.items() if k in own or not k.endswith((".attn.bias", ".attn.masked_bias"))}
    if "lm_head.weight" in own and "transformer.wte.weight" in given:
        given.setdefault("lm_head.weight", given["transformer.wte.weight"])
    model.load_state_dict(given)
    return model
