"""`torch.backends.cuda`."""

from __future__ import annotations

import importlib.util
from typing import Any


class _Switches:
    """What is set is kept and changes nothing."""

    def __init__(self, **named: Any) -> None:
        self.__dict__.update(named)


matmul = _Switches(allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True)
_sdp = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def is_built() -> bool:
    """Whether CuPy is installed; `cuda.is_available()` says whether it finds a device."""
    return importlib.util.find_spec("cupy") is not None


def flash_sdp_enabled() -> bool:
    """A switch; attention is composed of its parts, whatever it says."""
    return _sdp["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Sets the switch."""
    _sdp["flash"] = enabled


def math_sdp_enabled() -> bool:
    """A switch; attention is composed of its parts, whatever it says."""
    return _sdp["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Sets the switch."""
    _sdp["math"] = enabled


def mem_efficient_sdp_enabled() -> bool:
    """A switch; attention is composed of its parts, whatever it says."""
    return _sdp["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Sets the switch."""
    _sdp["mem_efficient"] = enabled


def cudnn_sdp_enabled() -> bool:
    """A switch; attention is composed of its parts, whatever it says."""
    return _sdp["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Sets the switch."""
    _sdp["cudnn"] = enabled
