"""How much memory of the device is in use: the figures of CuPy's pool. Without CuPy, PyTorch's zeros."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from ..core.device import device_count, module_for


def _pool() -> Any:
    return module_for("cuda").get_default_memory_pool()


def empty_cache() -> None:
    """Gives memory that CuPy keeps for later back to the device."""
    if device_count():
        _pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by arrays."""
    return int(_pool().used_bytes()) if device_count() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that CuPy holds, in use or kept for later."""
    return int(_pool().total_bytes()) if device_count() else 0


def max_memory_allocated(device: Any = None) -> int:
    """CuPy notes no peak: what its pool holds, which has not been less than any peak since `empty_cache`."""
    return memory_reserved(device)


max_memory_reserved = max_memory_allocated


def memory_cached(device: Any = None) -> int:
    """`memory_reserved`, under its older name."""
    warnings.warn("`torch.cuda.memory_cached` has been renamed to `torch.cuda.memory_reserved`", FutureWarning, stacklevel=2)
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """`max_memory_reserved`, under its older name."""
    warnings.warn("`torch.cuda.max_memory_cached` has been renamed to `torch.cuda.max_memory_reserved`", FutureWarning, stacklevel=2)
    return max_memory_reserved(device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Gives back what is not in use, so that the next peak is a new one."""
    empty_cache()


def reset_max_memory_allocated(device: Any = None) -> None:
    """`reset_peak_memory_stats`, under its older name."""
    warnings.warn("torch.cuda.reset_max_memory_allocated now calls torch.cuda.reset_peak_memory_stats, which resets /all/ peak memory stats.", FutureWarning, stacklevel=2)
    reset_peak_memory_stats(device)


def reset_max_memory_cached(device: Any = None) -> None:
    """`reset_peak_memory_stats`, under its older name."""
    warnings.warn("torch.cuda.reset_max_memory_cached now calls torch.cuda.reset_peak_memory_stats, which resets /all/ peak memory stats.", FutureWarning, stacklevel=2)
    reset_peak_memory_stats(device)


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """What is known, under PyTorch's keys; empty without CuPy."""
    if not device_count():
        return OrderedDict()
    return OrderedDict([("allocated_bytes.all.current", memory_allocated(device)), ("reserved_bytes.all.current", memory_reserved(device)),
                        ("reserved_bytes.all.peak", max_memory_reserved(device))])


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """`memory_stats`, the parts of a key as levels."""
    made: dict[str, Any] = {}
    for key, value in memory_stats(device).items():
        at = made
        *path, last = key.split(".")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return made


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The figures as text."""
    return "\n".join(f"{name:<30}{value >> 10:>14} KiB" for name, value in memory_stats(device).items())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the device. Raises AssertionError without CuPy."""
    free, total = module_for("cuda").cuda.runtime.memGetInfo()
    return int(free), int(total)
