"""Gradients kept within bounds."""

from __future__ import annotations

import math
import warnings
from types import GeneratorType
from typing import Any

from ...core.device import module_of
from ...core.sparse import Rows, refusal
from ...core.state import mode
from ...core.tensor import Tensor, wrap
from ...ops.creation import tensor


def _many(parameters: Any) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [p._grad for p in parameters if p._grad is not None]


def _tell() -> None:
    if mode.sink is not None:
        mode.sink.treated("clipped")


def get_total_norm(tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """The norm of all tensors as if they were one vector; stays on their device."""
    arrays = [t._array for t in _many(tensors)]
    norm_type = float(norm_type)
    if not arrays:
        return tensor(0.0)
    if any(isinstance(a, Rows) for a in arrays):
        raise refusal("linalg_vector_norm")
    xp = module_of(arrays[0])
    if norm_type == math.inf:
        total = xp.stack([abs(a).max() if a.size else xp.zeros((), a.dtype) for a in arrays]).max()
    elif norm_type == 2.0:                                 # a dot product reads the gradient once and makes no temporary
        total = xp.sqrt(xp.stack([xp.dot(a.ravel(), a.ravel()) for a in arrays]).sum())
    elif norm_type == 0.0:
        total = xp.stack([(a != 0).sum() for a in arrays]).sum().astype(arrays[0].dtype)
    else:
        total = xp.stack([(abs(a) ** norm_type).sum() for a in arrays]).sum() ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this "
                           "error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`")
    return wrap(xp.asarray(total, dtype=arrays[0].dtype))


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scales gradients whose norm is known so that it is at most `max_norm`."""
    _tell()
    scale = float(max_norm) / (float(total_norm.item()) + 1e-6)
    if scale >= 1.0:
        return                                             # a NaN is not: it goes on into the gradients, as in PyTorch
    for g in _gradients(_many(parameters)):
        g._array *= scale
        g.bump()


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """Scales all gradients together so that their norm is at most `max_norm`; returns the norm before. Pascanu et al., 2013."""
    many = _many(parameters)
    if not many and isinstance(parameters, GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_gradients(many), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(many, max_norm, total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limits every gradient element to [-clip_value, clip_value]."""
    _tell()
    limit = float(clip_value)
    for g in _gradients(_many(parameters)):
        module_of(g._array).clip(g._array, -limit, limit, out=g._array)
        g.bump()
