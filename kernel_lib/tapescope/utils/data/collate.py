"""Samples into batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...ops.api_shape import stack
from ...ops.creation import as_tensor, from_numpy, tensor

_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _arrays(batch: Any, *, collate_fn_map: Any = None) -> Any:
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise TypeError(_UNKNOWN.format(first.dtype))
    if all(type(b) is np.ndarray and b.shape == first.shape and b.dtype == first.dtype for b in batch):
        return from_numpy(np.stack(batch))
    return collate([as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def _tensors(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return stack(list(batch), 0)


def _scalars(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return as_tensor(np.asarray(batch))


def _floats(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return from_numpy(np.array(batch, np.float64))


def _ints(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return tensor(list(batch))


def _as_they_are(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _tensors, np.ndarray: _arrays, (np.bool_, np.number, np.object_): _scalars, float: _floats, int: _ints, str: _as_they_are, bytes: _as_they_are}


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """Puts samples together by the function that the map has for their type; mappings, tuples and sequences part by part."""
    first = batch[0]
    if collate_fn_map is not None:
        found = collate_fn_map.get(type(first)) or next((f for kind, f in collate_fn_map.items() if isinstance(first, kind)), None)
        if found is not None:
            return found(batch, collate_fn_map=collate_fn_map)

    def together(parts: Any) -> Any:
        return collate(parts, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {k: together([b[k] for b in batch]) for k in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(together(part) for part in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(b) != len(first) for b in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [together(part) for part in zip(*batch)]
        return parts if isinstance(first, tuple) else _like_sequence(first, parts)
    raise TypeError(_UNKNOWN.format(type(first)))


def _like_mapping(first: Any, parts: dict[Any, Any]) -> Any:
    try:
        if isinstance(first, MutableMapping):
            made = copy.copy(first)                        # it may have properties of its own
            made.update(parts)
            return made
        return type(first)(parts)
    except TypeError:
        return parts


def _like_sequence(first: Any, parts: list[Any]) -> Any:
    try:
        if isinstance(first, MutableSequence):
            made = copy.copy(first)
            for i, part in enumerate(parts):
                made[i] = part
            return made
        return type(first)(parts)
    except TypeError:
        return parts


def default_collate(batch: Any) -> Any:
    """Tensors are stacked, numbers become tensors, tuples and mappings are collated part by part, strings stay."""
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """Arrays inside a sample become tensors; everything else stays."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {k: default_convert(v) for k, v in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data
