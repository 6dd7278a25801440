"""Tables of rows, with PyTorch's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import errors
from ..core.device import module_of
from ..core.state import mode
from ..core.tensor import Tensor, wrap
from . import index as ix
from . import pointwise as pw
from .api_reduce import sum
from .api_scatter import index_add


def renorm_rows(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Scales the rows that are about to be read so that none is longer than `max_norm`, in place and outside the graph."""
    a = weight._array
    xp = module_of(a)
    rows = xp.unique(index)
    chosen = a[rows]
    length = xp.abs(chosen).max(1) if norm_type == np.inf else (xp.abs(chosen) ** norm_type).sum(1) ** (1 / norm_type)
    long = length > max_norm
    a[rows[long]] = chosen[long] * (max_norm / (length[long] + 1e-7))[:, None].astype(a.dtype)
    weight.bump()


def _checked(input: Tensor, weight: Tensor, name: str) -> Any:
    i, rows = input._array, weight._array.shape[0]
    if i.dtype.kind not in "iu":
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                           f"{input.dtype.tensor_name} instead (while checking arguments for {name})")
    if i.size and (i.min() < 0 or i.max() >= rows):
        bad = int(i.max()) if i.max() >= rows else int(i.min())
        raise IndexError(f"index out of range in self (index {bad}, the embedding has {rows} rows)")
    return i


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: Any = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """Rows of `weight` at integer indices. With `sparse` the gradient holds the rows that were read, for SparseAdam, SGD and Adagrad."""
    if weight._array.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    rows = weight._array.shape[0]
    if padding_idx is not None:
        if padding_idx >= rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        if padding_idx < -rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
    i = _checked(input, weight, "embedding")
    if max_norm is not None:
        renorm_rows(weight, i, max_norm, norm_type)
    if type(i) is not type(weight._array):
        raise errors.devices((weight._array, i), TypeError())
    pad = -1 if padding_idx is None else padding_idx % rows
    if sparse and scale_grad_by_freq and weight._req and mode.grad:
        raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    y = ix.embedding(weight, i, pad, sparse)
    if not scale_grad_by_freq:
        return y
    # the same rows, whose gradient is divided by how often each was read
    share = (1 / np.maximum(np.bincount(i.reshape(-1), minlength=rows), 1)).astype(weight._array.dtype)[i][..., None]
    made: Tensor = y * wrap(share) + (y * wrap(1 - share)).detach()
    return made


def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
                  scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Tensor | None = None,
                  include_last_offset: bool = False, padding_idx: int | None = None) -> Tensor:
    """The sum, mean or maximum of the rows of each bag: bags are rows of `input`, or begin at `offsets` in it."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape as the input "
                         f"({input.shape})")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). "
                                  "Please open a feature request on GitHub.")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found "
                             f"offsets of type {type(offsets)}")
        place = module_of(input._array).arange(input._array.size).reshape(input._array.shape)
    elif input.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        place = _bags(offsets._array, input._array.size, include_last_offset)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    rows = weight._array.shape[0]
    flat = _checked(input, weight, "embedding_bag").reshape(-1)
    if max_norm is not None:
        renorm_rows(weight, flat, max_norm, norm_type)
    pad = None if padding_idx is None else padding_idx % rows
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    kept = place >= 0
    chosen = np.where(kept, flat[np.maximum(place, 0)] if flat.size else 0, 0)
    if pad is not None:
        kept = kept & (chosen != pad)
    if sparse:
        total = _bags_of_rows(weight, chosen, kept, place, per_sample_weights, scale_grad_by_freq)
        return total if mode == "sum" else _over(total, kept)
    y = embedding(wrap(chosen), weight, padding_idx, scale_grad_by_freq=scale_grad_by_freq)
    mask = kept[..., None]
    if mode == "max":
        empty: Any = ~kept.any(1)
        least = pw.masked_fill(y, ~mask, -np.inf).amax(1) if place.shape[1] else sum(y, 1)
        return pw.masked_fill(least, np.broadcast_to(empty[:, None], least._array.shape), 0)
    if per_sample_weights is not None:
        w = per_sample_weights.reshape(-1)[wrap(np.maximum(place, 0))] if flat.size else wrap(module_of(weight._array).zeros(place.shape, weight._array.dtype))
        y = y * w.unsqueeze(-1)
    total = sum(y * wrap(mask.astype(weight._array.dtype)), 1)
    return total if mode == "sum" else _over(total, kept)


def _over(total: Tensor, kept: Any) -> Tensor:
    """Sums as means: each over how many it is the sum of."""
    made: Tensor = total / wrap(np.maximum(kept.sum(1), 1)[:, None].astype(total._array.dtype))
    return made


def _bags_of_rows(weight: Tensor, chosen: Any, kept: Any, place: Any, per_sample_weights: Tensor | None, scale_grad_by_freq: bool) -> Tensor:
    """The sum of each bag from the rows that are in one alone, so that a sparse gradient has no others."""
    y = embedding(wrap(chosen[kept]), weight, None, scale_grad_by_freq=scale_grad_by_freq, sparse=True)
    if per_sample_weights is not None:
        y = y * per_sample_weights.reshape(-1)[wrap(place[kept])].unsqueeze(-1)
    zeros = wrap(module_of(weight._array).zeros((len(kept), y._array.shape[1]), weight._array.dtype))
    made: Tensor = index_add(zeros, 0, wrap(np.nonzero(kept)[0]), y)
    return made


def _bags(offsets: Any, n: int, last_included: bool) -> Any:
    """[bags, longest]: where the elements of every bag stand, -1 behind its end."""
    if offsets.size and offsets[0] != 0:
        raise ValueError(f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {int(offsets[0])}")
    if offsets.size and offsets[-1] > n:
        raise ValueError(f"offsets[-1] can not be greater than input's length({n}). However, got {int(offsets[-1])}")
    start, stop = (offsets[:-1], offsets[1:]) if last_included else (offsets, np.append(offsets[1:], n))
    longest = int((stop - start).max()) if len(start) else 0
    place = start[:, None] + module_of(start).arange(longest)
    return np.where(place < stop[:, None], place, -1)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere, along a new last dimension."""
    a = tensor._array
    if a.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if a.size and a.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        if not a.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(a.max()) + 1
    elif a.size and a.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((a[..., None] == module_of(a).arange(num_classes)).astype(np.int64))
