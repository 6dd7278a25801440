"""One batch: samples by index, or the next ones of a stream, put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.device import module_of
from ...core.state import mode, set_calls, set_sink
from ...core.tensor import wrap
from .collate import default_collate
from .dataset import Subset, TensorDataset


class Exhausted:
    """A stream has come to its end."""


def fetch(dataset: Any, stream: Any, indices: Any, collate: Any, drop_last: bool, batched: bool) -> Any:
    """A batch, made without being recorded: preparing data is not part of the model, and workers do not record it either."""
    sink, calls = set_sink(None) if mode.sink is not None else None, set_calls(None) if mode.calls is not None else None
    try:
        if stream is not None:
            return _next(stream, indices, collate, drop_last, batched)
        if not batched:
            return collate(dataset[indices])
        if collate is default_collate:
            rows = _rows(dataset, indices)
            if rows is not None:
                return rows
        many = getattr(dataset, "__getitems__", None)
        return collate(many(indices) if callable(many) else [dataset[i] for i in indices])
    finally:
        if calls is not None:
            set_calls(calls)
        if sink is not None:
            set_sink(sink)


def _next(stream: Any, size: Any, collate: Any, drop_last: bool, batched: bool) -> Any:
    if not batched:
        sample = next(stream, Exhausted)
        return Exhausted() if sample is Exhausted else collate(sample)
    batch = []
    for _ in range(size):
        sample = next(stream, Exhausted)
        if sample is Exhausted:
            break
        batch.append(sample)
    if not batch or (drop_last and len(batch) < size):
        return Exhausted()
    return collate(batch)


def _rows(dataset: Any, indices: Any) -> list[Any] | None:
    """Of tensors, all rows of a batch at once: what stacking them one by one would give. None where that is not sure."""
    while type(dataset) is Subset:
        try:
            indices = [dataset.indices[i] for i in indices]
        except (IndexError, TypeError):
            return None
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or any(t._req or t._array.ndim == 0 for t in dataset.tensors):
        return None
    where = np.asarray(indices)
    if where.ndim != 1 or where.dtype.kind != "i":
        return None
    try:
        return [wrap(t._array[module_of(t._array).asarray(where)]) for t in dataset.tensors]
    except IndexError:
        return None                                        # the slow way says which index it was
