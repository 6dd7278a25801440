"""`torch.cuda`: whether there is a device, and what can be asked of it; CuPy does the work. Without one it answers as PyTorch does on such a machine."""

from __future__ import annotations

from typing import Any

from ..core import device as _dev
from ..core.random import default_generator as _generator
from ..core.random import manual_seed as _seed
from . import amp
from .memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
)
from .streams import Event, Stream, current_stream, default_stream, set_stream, stream

device_count = _dev.device_count

__all__ = ["Event", "Stream", "amp", "can_device_access_peer", "current_device", "current_stream", "default_stream", "device", "device_count", "device_of", "empty_cache",
           "get_arch_list", "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state", "get_rng_state_all", "init", "initial_seed",
           "ipc_collect", "is_available", "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_cached",
           "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_stats", "memory_stats_as_nested_dict",
           "memory_summary", "reset_max_memory_allocated", "reset_max_memory_cached", "reset_peak_memory_stats", "seed", "seed_all", "set_device", "set_rng_state",
           "set_stream", "stream", "synchronize"]


def _cupy() -> Any:
    return _dev.module_for("cuda")


def _index(device: Any) -> int:
    return current_device() if device is None else _dev.device(device).index or 0


def is_available() -> bool:
    """Whether CuPy is installed and finds a device."""
    return device_count() > 0


def is_initialized() -> bool:
    """Whether there is a device that answers."""
    return is_available()


def init() -> None:
    """Nothing to be done; raises AssertionError without CuPy."""
    _cupy()


def current_device() -> int:
    """The number of the device in use. Raises AssertionError without CuPy."""
    return int(_cupy().cuda.Device().id)


def set_device(device: Any) -> None:
    """Makes a device the one in use; a negative number does nothing."""
    if isinstance(device, int) and device < 0:
        return
    _cupy().cuda.Device(_index(device)).use()


class device:
    """A region in which another device is in use."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else _index(device) if is_available() else _dev.device(device).index or 0

    def __enter__(self) -> None:
        self._held = _cupy().cuda.Device(self.idx) if self.idx >= 0 else None
        if self._held is not None:
            self._held.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._held is not None:
            self._held.__exit__(*error)


class device_of(device):
    """A region in which the device of a tensor is in use; of a tensor on the CPU it changes nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.device if obj.is_cuda else None)


def get_device_name(device: Any = None) -> str:
    """The device's name, such as "NVIDIA A100-SXM4-40GB"."""
    return str(_cupy().cuda.runtime.getDeviceProperties(_index(device))["name"].decode())


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability, such as (8, 0)."""
    found = _cupy().cuda.runtime.getDeviceProperties(_index(device))
    return int(found["major"]), int(found["minor"])


class _Properties:
    def __init__(self, found: dict[str, Any]) -> None:
        self.name = found["name"].decode()
        self.major, self.minor = int(found["major"]), int(found["minor"])
        self.total_memory, self.multi_processor_count = int(found["totalGlobalMem"]), int(found["multiProcessorCount"])

    def __repr__(self) -> str:
        return (f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, total_memory={self.total_memory >> 20}MB, "
                f"multi_processor_count={self.multi_processor_count})")


def get_device_properties(device: Any = None) -> _Properties:
    """Name, compute capability, memory and multiprocessors."""
    return _Properties(_cupy().cuda.runtime.getDeviceProperties(_index(device)))


def get_arch_list() -> list[str]:
    """CuPy compiles for the device that it finds: nothing is built in."""
    return []


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a device computes in bfloat16: CuPy does not."""
    return False


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device reads the other's memory."""
    return bool(_cupy().cuda.runtime.deviceCanAccessPeer(_index(device), _index(peer_device)))


def synchronize(device: Any = None) -> None:
    """Waits for all work on the device: time it only after this."""
    _cupy().cuda.Device(_dev.device(device).index if device is not None else None).synchronize()


def ipc_collect() -> None:
    """Nothing is shared between processes on a device; raises AssertionError without CuPy."""
    _cupy()


# -- random numbers: one generator serves the host and the devices -------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seeds the generator. Without a device it does nothing, as in PyTorch."""
    if is_available():
        _seed(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Seeds the generator with a random number; without a device it does nothing."""
    if is_available():
        _generator.seed()


seed_all = seed


def initial_seed() -> int:
    """What the generator was seeded with. Raises AssertionError without CuPy."""
    _cupy()
    return _generator.initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of the generator. Raises AssertionError without CuPy."""
    _cupy()
    return _generator.get_state()


def get_rng_state_all() -> list[Any]:
    """The state for every device."""
    return [_generator.get_state() for _ in range(device_count())]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Puts the generator back; without a device it does nothing."""
    if is_available():
        _generator.set_state(new_state)
