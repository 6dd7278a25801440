"""Sequences of different lengths in one tensor: padded, or packed step by step."""
# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.tensor import Tensor, wrap
from ...ops.api_image import pad
from ...ops.api_shape import stack


class PackedSequenceBase(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one."""
    return None if permutation is None else wrap(np.argsort(permutation._array, kind="stable"))


class PackedSequence(PackedSequenceBase):
    """The rows of all steps one after another, and how many sequences are still going on at each step."""

    def __new__(cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("data should be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They should be instantiated by "
                             "functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                             "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence")
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, change: Callable[[Tensor], Tensor]) -> PackedSequence:
        data = change(self.data)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with data of another dtype or on another device."""
        return self._with(lambda t: t.to(*args, **kwargs))

    def double(self) -> PackedSequence:
        return self._with(lambda t: t.double())

    def float(self) -> PackedSequence:
        return self._with(lambda t: t.float())

    def half(self) -> PackedSequence:
        return self._with(lambda t: t.half())

    def cpu(self) -> PackedSequence:
        return self._with(lambda t: t.cpu())

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self._with(lambda t: t.cuda(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Packs padded sequences (L, N, *), or (N, L, *) with `batch_first`; without `enforce_sorted` they may come in any order."""
    many = np.asarray(lengths._array if isinstance(lengths, Tensor) else lengths, np.int64)
    if many.ndim != 1:
        raise RuntimeError(f"Expected `lengths` to be 1-dimensional, but got {many.ndim} dimensions")
    order = None
    if not enforce_sorted:
        order = np.argsort(-many, kind="stable")
        many = many[order]
        input = input.index_select(0 if batch_first else 1, wrap(order))
    if batch_first:
        input = input.transpose(0, 1)
    n = input.shape[1]
    if len(many) != n:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(many)} (batch_size={n})")
    if not len(many) or many[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if (many[1:] > many[:-1]).any():
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to "
                           "pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability.")
    if many[0] > input.shape[0]:
        raise RuntimeError(f"Expected `lengths` to be at most the length of the input, {input.shape[0]}, but got {int(many[0])}")
    sizes = (many[None, :] > np.arange(many[0])[:, None]).sum(1)
    rows = np.concatenate([t * n + np.arange(k) for t, k in enumerate(sizes)])
    data = input.reshape(input.shape[0] * n, *input.shape[2:]).index_select(0, wrap(rows))
    return PackedSequence(data, wrap(sizes.astype(np.int64)), None if order is None else wrap(order))


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None) -> tuple[Tensor, Tensor]:
    """The padded sequences of a packed one, and their lengths."""
    sizes = sequence.batch_sizes._array
    steps, n = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                             f"total_length={total_length} and max sequence length being {steps}")
        steps = total_length
    starts = np.concatenate([[0], np.cumsum(sizes)])
    place = np.full((steps, n), int(starts[-1]))           # one row behind the last holds the padding
    for t, k in enumerate(sizes):
        place[t, :k] = starts[t] + np.arange(k)
    data = pad(sequence.data, (*[0, 0] * (sequence.data.ndim - 1), 0, 1), value=padding_value)
    lengths = (sizes[:, None] > np.arange(n)[None, :]).sum(0)
    out = data.index_select(0, wrap(place.reshape(-1))).reshape(steps, n, *data.shape[1:])
    out = out.transpose(0, 1) if batch_first else out
    if sequence.unsorted_indices is not None:
        out = out.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices._array]
    return out, wrap(lengths.astype(np.int64))


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


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences (L_i, *)."""
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that `pack_sequence` put together."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
