"""Tapescope: a PyTorch-shaped tensor library that shows what it learns.

`import tapescope as torch` runs a PyTorch program; `with tapescope.record() as tape:` makes it visible.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from math import e, inf, nan, pi
from typing import Any

from . import ops
from .core import dtype as _dtype
from .core.device import device, get_default_device, set_default_device
from .core.dtype import (
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from .core.grad_mode import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .core.layout import (
    can_cast,
    channels_last,
    channels_last_3d,
    contiguous_format,
    finfo,
    iinfo,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .core.printing import set_printoptions
from .core.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .core.tensor import Size, Tensor
from .ops import *

# PyTorch says nothing when a log meets a zero; the tape does. Only warnings that our own modules would raise are muted.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tapescope\.")

__version__ = "0.1.0"

bool, float, double, half = _dtype.bool_, float32, float64, float16
int, long, short = int32, int64, int16
cfloat, cdouble = complex64, complex128
newaxis = None

# Rooms that load when they are used.
_ROOMS = ("autograd", "accelerator", "cuda", "linalg", "special", "fft", "signal", "masked", "func", "nn", "optim", "utils", "tape", "debugger", "diagnose", "project", "link", "views", "facade",
          "serialization", "safetensors", "distributions", "vision", "multiprocessing", "distributed", "amp", "backends", "random", "compiler", "jit")
_LATER = {"vmap": "func", "is_anomaly_enabled": "autograd.anomaly_mode", "is_anomaly_check_nan_enabled": "autograd.anomaly_mode",
          "compile": "compiler", "save": "serialization", "load": "serialization", "autocast": "amp", "GradScaler": "amp", "is_autocast_enabled": "amp", "is_autocast_available": "amp",
          "get_autocast_dtype": "amp", **dict.fromkeys(
    ("get_num_threads", "set_num_threads", "get_num_interop_threads", "set_num_interop_threads", "get_float32_matmul_precision", "set_float32_matmul_precision",
     "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "is_deterministic_algorithms_warn_only_enabled", "get_deterministic_debug_mode",
     "set_deterministic_debug_mode", "set_flush_denormal"), "backends.threads")}          # names that are used seldom, and the room that has them
_FACADE = ("record", "compare", "debug", "break_on", "breakpoints", "name_axes", "recordings", "runs", "load_tape", "load_ipython_extension", "_jupyter_labextension_paths")


def _bundle(self: Tensor, include: Any = None, exclude: Any = None) -> Any:
    from .facade import tensor_bundle

    return tensor_bundle(self, include, exclude)


setattr(Tensor, "_repr_mimebundle_", _bundle)


def is_tensor(obj: Any) -> Any:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module("." + name, __name__)
    if name in _LATER:
        return getattr(importlib.import_module("." + _LATER[name], __name__), name)
    if name in ops.lazy.WHERE:
        found = globals()[name] = ops.lazy.find(name)
        return found
    if (found := ops.lazy.in_place(name)) is not None:
        return found
    if name in _FACADE:
        return getattr(importlib.import_module(".facade", __name__), name)
    if name in ("bfloat16", "BFloat16Tensor"):
        kind = _dtype.bfloat16
        found = globals()[name] = kind if name == "bfloat16" else ops.api_create.new_type(kind)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_ROOMS, *_LATER, *_FACADE, *ops.lazy.WHERE]


if "ipykernel" in sys.modules:                              # an open panel is waiting to hear that we are here
    importlib.import_module(".link.door", __name__).install()
