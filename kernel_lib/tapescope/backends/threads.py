"""Threads of the products, and switches that PyTorch has at its top."""

from __future__ import annotations

import ctypes
import functools
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads64_", "openblas_{}_num_threads", "MKL_{}_Num_Threads")


@functools.cache
def _library() -> tuple[Any, Any] | None:
    """The functions that ask and set the number of threads of the library that NumPy multiplies with; None where it is not known."""
    package = Path(np.__file__).parent
    candidates = [*package.parent.glob("numpy.libs/*blas*"), *package.glob(".dylibs/*blas*")]
    for path in [*candidates, None]:                       # None: what is loaded already, under whatever name
        try:
            found = ctypes.CDLL(None if path is None else str(path))
        except (OSError, TypeError):
            continue
        for name in _NAMES:
            ask, change = (getattr(found, name.format(verb if name[0] != "M" else verb.capitalize()), None) for verb in ("get", "set"))
            if ask is None and name[0] == "M":
                ask = getattr(found, "MKL_Get_Max_Threads", None)
            if ask is not None and change is not None:
                ask.restype, change.argtypes = ctypes.c_int, [ctypes.c_int]
                return ask, change
    return None


_said = {"threads": 0, "interop": 0}


def get_num_threads() -> int:
    """With how many threads large products are computed."""
    found = _library()
    return int(found[0]()) if found is not None else _said["threads"] or os.cpu_count() or 1


def set_num_threads(num: int) -> None:
    """Computes large products with `num` threads: asks the library under NumPy (OpenBLAS or MKL), where it is known."""
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    found = _library()
    _said["threads"] = num
    if found is not None:
        found[1](num)


def get_num_interop_threads() -> int:
    """Ops run one after the other: a number that is kept."""
    return _said["interop"] or os.cpu_count() or 1


def set_num_interop_threads(num: int) -> None:
    """Keeps the number."""
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _said["interop"] = num


_settings: dict[str, Any] = {"precision": "highest", "deterministic": False, "warn_only": False}


def get_float32_matmul_precision() -> str:
    """"highest", unless another was set; products of float32 are always computed in float32."""
    return str(_settings["precision"])


def set_float32_matmul_precision(precision: str) -> None:
    """Keeps "highest", "high" or "medium"; warns of anything else."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has no effect.", stacklevel=2)
        return
    _settings["precision"] = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Keeps the switch: all algorithms give the same from run to run."""
    if not isinstance(mode, bool):
        raise TypeError(f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}")
    _settings["deterministic"], _settings["warn_only"] = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether they were asked for."""
    return bool(_settings["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether a warning was asked for instead of an error."""
    return bool(_settings["deterministic"] and _settings["warn_only"])


def get_deterministic_debug_mode() -> int:
    """0, 1 (warn) or 2 (error)."""
    return 0 if not _settings["deterministic"] else 1 if _settings["warn_only"] else 2


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 or "default", 1 or "warn", 2 or "error"."""
    level = {"default": 0, "warn": 1, "error": 2}.get(debug_mode, debug_mode) if isinstance(debug_mode, str) else debug_mode
    if level not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}" if not isinstance(debug_mode, str) else
                           f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}")
    use_deterministic_algorithms(level != 0, warn_only=level == 1)


def set_flush_denormal(mode: bool) -> bool:
    """NumPy does not offer it: False."""
    return False
