"""DistilBERT for classification, written with Tapescope; parameters have the names and shapes of transformers' `DistilBertForSequenceClassification`:

    from tapescope import safetensors
    model = DistilBert(n_layers=6)
    model.load_state_dict(safetensors.load_file("model.safetensors"))
    logits = model(ids, attention_mask)
"""

from __future__ import annotations

from typing import Any

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn


class Embeddings(nn.Module):
    def __init__(self, vocab: int, positions: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings, self.position_embeddings = nn.Embedding(vocab, dim, padding_idx=0), nn.Embedding(positions, dim)
        self.LayerNorm, self.dropout = nn.LayerNorm(dim, eps=1e-12), nn.Dropout(dropout)

    def forward(self, ids: Any) -> Any:
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(ts.arange(ids.shape[1]))))


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_lin, self.k_lin, self.v_lin, self.out_lin = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Any, mask: Any) -> Any:
        batch, time, dim = x.shape
        q, k, v = (lin(x).reshape(batch, time, self.heads, -1).transpose(1, 2) for lin in (self.q_lin, self.k_lin, self.v_lin))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_lin(y.transpose(1, 2).reshape(batch, time, dim))


class FFN(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Any) -> Any:
        return self.lin2(F.gelu(self.lin1(x)))


class Layer(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention, self.sa_layer_norm = Attention(dim, heads), nn.LayerNorm(dim, eps=1e-12)
        self.ffn, self.output_layer_norm = FFN(dim, hidden), nn.LayerNorm(dim, eps=1e-12)

    def forward(self, x: Any, mask: Any) -> Any:
        x = self.sa_layer_norm(x + self.attention(x, mask))
        return self.output_layer_norm(x + self.ffn(x))


class Transformer(nn.Module):
    def __init__(self, layers: int, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Layer(dim, heads, hidden) for _ in range(layers)])

    def forward(self, x: Any, mask: Any) -> Any:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class Encoder(nn.Module):
    def __init__(self, vocab: int, positions: int, dim: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocab, positions, dim, dropout)
        self.transformer = Transformer(layers, dim, heads, hidden)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        mask = None if attention_mask is None else (attention_mask != 0)[:, None, None, :]
        return self.transformer(self.embeddings(ids), mask)


class DistilBert(nn.Module):
    """ids [batch, time] -> logits [batch, labels], from the first token."""

    def __init__(self, vocab_size: int = 30522, max_position_embeddings: int = 512, dim: int = 768, n_layers: int = 6, n_heads: int = 12, hidden_dim: int = 3072,
                 num_labels: int = 2, dropout: float = 0.1, seq_classif_dropout: float = 0.2) -> None:
        super().__init__()
        self.distilbert = Encoder(vocab_size, max_position_embeddings, dim, n_layers, n_heads, hidden_dim, dropout)
        self.pre_classifier, self.classifier = nn.Linear(dim, dim), nn.Linear(dim, num_labels)
        self.dropout = nn.Dropout(seq_classif_dropout)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        first = self.distilbert(ids, attention_mask)[:, 0]
        return self.classifier(self.dropout(F.relu(self.pre_classifier(first))))
