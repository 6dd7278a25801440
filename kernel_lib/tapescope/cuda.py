"""`tapescope.cuda`: whether there is a device, and what can be asked of it; CuPy does the work."""

from __future__ import annotations

from typing import Any

from .core import device as _dev
from .core.random import manual_seed as _seed


def _cupy() -> Any:
    return _dev.module_for("cuda")


def is_available() -> bool:
    """Whether CuPy is installed and finds a device."""
    try:
        return device_count() > 0
    except Exception:
        return False


def device_count() -> int:
    """How many devices there are; 0 without CuPy."""
    try:
        import cupy
    except ImportError:
        return 0
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except Exception:                                        # a driver that is missing or too old
        return 0


def current_device() -> int:
    """The number of the device in use. Raises AssertionError without CuPy."""
    return int(_cupy().cuda.Device().id)


def get_device_name(device: Any = None) -> str:
    """The device's name, such as "NVIDIA A100-SXM4-40GB"."""
    index = _dev.device(device).index if device is not None else current_device()
    return str(_cupy().cuda.runtime.getDeviceProperties(index or 0)["name"].decode())


def synchronize(device: Any = None) -> None:
    """Waits for all work on the device: time it only after this."""
    _cupy().cuda.Device(_dev.device(device).index if device is not None else None).synchronize()


def empty_cache() -> None:
    """Gives memory that CuPy keeps for later back to the device."""
    if is_available():
        _cupy().get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by arrays."""
    return int(_cupy().get_default_memory_pool().used_bytes()) if is_available() else 0


def manual_seed(seed: int) -> None:
    """Seeds the generator; one serves the host and the devices. Without a device it does nothing, as in PyTorch."""
    if is_available():
        _seed(seed)


manual_seed_all = manual_seed
