"""Regions in which products are computed in bfloat16 or float16."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.autocast import cast, enter, leave, region
from ..core.device import device_count
from ..core.tensor import Tensor

_DEVICES = ("cpu", "cuda")


def is_autocast_available(device_type: str) -> bool:
    """Whether there are regions for this kind of device."""
    return device_type in _DEVICES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is in a region of this kind of device."""
    return region.enabled and device_type == region.device


def is_autocast_cache_enabled() -> bool:
    """Accepted for PyTorch's sake: a cast costs little here, and is done each time."""
    return region.cache


def get_autocast_dtype(device_type: str) -> dt.dtype:
    """The dtype of a region where none is named: bfloat16 on the CPU where ml_dtypes is installed, else float16."""
    if is_autocast_enabled(device_type) and region.dtype is not None:
        return region.dtype
    return dt.bfloat16 if device_type == "cpu" and dt.has_bfloat16() else dt.float16



class autocast:
    """A region in which linear layers, convolutions and matrix products take and give bfloat16 or float16, and losses float32; float64 stays.

    PyTorch's default on the CPU is bfloat16, which takes ml_dtypes: without it and without `dtype` a region says so and changes nothing. Also a decorator.
    """

    def __init__(self, device_type: str, dtype: dt.dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.fast_dtype = dtype if dtype is not None else dt.float16 if device_type == "cuda" else dt.bfloat16 if dt.has_bfloat16() else None
        self._cache_enabled = region.cache if cache_enabled is None else cache_enabled
        if enabled and device_type == "cuda" and not device_count():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype is None:
            warnings.warn("In CPU autocast, but the target dtype is not supported. Disabling autocast.\nPyTorch's default is torch.bfloat16, for which ml_dtypes is not installed: "
                          "give dtype=torch.float16, or go on in float32.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype is not None and self.fast_dtype.name not in (("bfloat16", "float16") if device_type == "cpu" else ("float16",)):
            warnings.warn(f"In {device_type.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n{device_type.upper()} Autocast only supports "
                          f"dtypes of {'torch.bfloat16, ' if device_type == 'cpu' else ''}torch.float16 currently.", stacklevel=2)
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        self._before = (enter(self._enabled, self.fast_dtype), region.cache, region.device)
        region.cache, region.device = self._cache_enabled, self.device
        return self

    def __exit__(self, *_: Any) -> None:
        before, region.cache, region.device = self._before
        leave(before)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(func):
            raise TypeError(f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a context manager? For example:\n"
                            "    with torch.autocast(device_type=...):\n        output = model(input)")

        @functools.wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return inside


def _cast_all(value: Any, kind: dt.dtype) -> Any:
    if isinstance(value, Tensor):
        return cast(value, kind)
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast_all(k, kind): _cast_all(v, kind) for k, v in value.items()}
    if isinstance(value, Iterable):
        parts = (_cast_all(v, kind) for v in value)
        return type(value)(parts) if isinstance(value, (list, tuple)) else parts
    return value


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: dt.dtype | None = None) -> Any:
    """For `forward` of an autograd.Function: with `cast_inputs` it gets its tensors in that dtype, and computes outside any region."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def call(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        inside = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = inside and cast_inputs is None
        if cast_inputs is None or not inside:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(ctx, *_cast_all(args, cast_inputs), **_cast_all(kwargs, cast_inputs))

    return call


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """For `backward` of an autograd.Function: it computes in the region that `forward` was in."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def call(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return call
