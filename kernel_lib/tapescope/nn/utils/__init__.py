"""`torch.nn.utils`: clipping gradients, parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...ops import cat


def _with_grad(parameters: Any) -> list[Tensor]:
    many = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in many if p._grad is not None]


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None) -> Tensor:
    """Scales all gradients together so that their norm is at most `max_norm`; returns the norm before."""
    grads = [p._grad._array for p in _with_grad(parameters)]           # type: ignore[union-attr]
    if not grads:
        return wrap(np.zeros((), np.float32))
    if norm_type == math.inf:
        total = max(float(abs(g).max()) for g in grads)
    elif norm_type == 2:
        total = math.sqrt(sum(float(np.dot(g.ravel(), g.ravel())) for g in grads))
    else:
        total = sum(float((abs(g) ** norm_type).sum()) for g in grads) ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this "
                           "error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`")
    scale = min(1.0, max_norm / (total + 1e-6))
    for p in _with_grad(parameters):
        p._grad._array *= p._grad._array.dtype.type(scale)              # type: ignore[union-attr]
        p._grad.bump()                                                  # type: ignore[union-attr]
    return wrap(np.asarray(total, grads[0].dtype))


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Limits every gradient element to [-clip_value, clip_value]."""
    for p in _with_grad(parameters):
        np.clip(p._grad._array, -clip_value, clip_value, out=p._grad._array)      # type: ignore[union-attr]
        p._grad.bump()                                                  # type: ignore[union-attr]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after another."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the parts of a vector into parameters."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        n = p._array.size
        p.data = vec[start:start + n].reshape(p.shape).detach().clone()
        start += n


__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]
