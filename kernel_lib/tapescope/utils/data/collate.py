"""Samples into batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...ops import as_tensor, stack, tensor


def default_collate(batch: list[Any]) -> Any:
    """Tensors are stacked, numbers become tensors, tuples and mappings are collated part by part, strings stay."""
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if isinstance(first, (np.ndarray, np.generic)):
        return stack([as_tensor(b) for b in batch], 0)
    if isinstance(first, float):
        from ...core.dtype import float64

        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {k: default_collate([b[k] for b in batch]) for k in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(list(part)) for part in zip(*batch, strict=True)))
    if isinstance(first, (tuple, list)):
        if any(len(b) != len(first) for b in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(list(part)) for part in zip(*batch, strict=True)]
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}")
