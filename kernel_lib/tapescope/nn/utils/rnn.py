"""Sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.tensor import Tensor
from ...ops.api_nn import pad
from ...ops.api_shape import stack


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Sequences (L_i, *) as one tensor (max L, N, *), or (N, max L, *) with `batch_first`."""
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.shape[0] for s in sequences)
    same = [0, 0] * (sequences[0].ndim - 1)
    widened = []
    for s in sequences:
        missing = longest - s.shape[0]
        widened.append(pad(s, (*same, *((missing, 0) if padding_side == "left" else (0, missing))), value=padding_value) if missing else s)
    return stack(widened, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences that `pad_sequence` put together."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [rows[i, :int(n)] for i, n in enumerate(lengths.tolist())]
