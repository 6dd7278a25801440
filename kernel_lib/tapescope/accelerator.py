"""`torch.accelerator`: the device that is not the CPU, where there is one; here that is CUDA, by CuPy."""

from __future__ import annotations

from typing import Any

from . import cuda
from .core.device import device

__all__ = ["current_accelerator", "current_device_index", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is an accelerator that can be used now."""
    return bool(cuda.is_available())


def device_count() -> int:
    """How many there are; 0 without one."""
    return int(cuda.device_count())


def current_accelerator(check_available: bool = False) -> device | None:
    """The device of the accelerator, without an index, or None where there is none."""
    return device("cuda") if is_available() else None


def current_device_index() -> int:
    """The index of the device in use."""
    return int(cuda.current_device())


def synchronize(device: Any = None) -> None:
    """Waits for what the accelerator has been given to do."""
    cuda.synchronize(device)
