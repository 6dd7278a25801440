"""Devices: `cpu` is NumPy, `cuda` is CuPy; the array module is decided once, at creation."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


class device:
    """Where a tensor lives: `device("cpu")`, `device("cuda")`, `device("cuda:1")`, `device("cuda", 1)`."""

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: Any = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if ":" in type:
            if index is not None:
                raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")
            type, _, number = type.partition(":")
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{number}'")
            index = int(number)
        if type not in ("cpu", "cuda"):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {type}")
        self.type = type
        self.index = index

    def __repr__(self) -> str:
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")
default: device | None = None              # where new tensors go; None is the CPU, and costs no question


def get_default_device() -> device:
    """Where new tensors go that name no device."""
    return CPU if default is None else default


def set_default_device(where: device | str | None) -> None:
    """Makes a device the one where new tensors go; None is the CPU. Raises where there is no such device."""
    global default
    where = None if where is None else device(where)
    if where is None or where.type == "cpu":
        default = None
        return
    module_for(where)
    default = where


def cupy() -> Any:
    """The CuPy module, imported when a tensor first goes to the GPU."""
    try:
        import cupy as module
    except ImportError:
        raise AssertionError(
            "Tapescope is not running with CUDA: CuPy is not installed. "
            "Install it with `pip install tapescope[cuda12]` or `[cuda13]`.") from None
    try:
        module.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise RuntimeError(f"Found no NVIDIA driver or GPU on your system ({error}).") from None
    return module


def device_count() -> int:
    """How many devices CuPy finds; 0 without it, and with a driver that is missing or too old."""
    try:
        import cupy as module
    except ImportError:
        return 0
    try:
        return int(module.cuda.runtime.getDeviceCount())
    except Exception:
        return 0


def module_of(array: Any) -> Any:
    """The array module (numpy or cupy) of an array."""
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    return sys.modules.get("cupy", np)


def module_for(where: device | str | None) -> Any:
    """The array module that makes tensors on a device."""
    if where is None:
        if default is None:
            return np
        where = default
    where = device(where)
    return np if where.type == "cpu" else cupy()


def of(array: Any) -> device:
    """The device of an array."""
    if isinstance(array, np.ndarray):
        return CPU
    where = array.device                                       # sparse rows know it from their values
    return where if isinstance(where, device) else device("cuda", where.id)


def move(array: Any, where: device) -> Any:
    """The array on another device; the same object when it is already there."""
    on_cpu = isinstance(array, np.ndarray)
    if where.type == "cpu":
        return array if on_cpu else sys.modules["cupy"].asnumpy(array)
    module = cupy()
    index = where.index if where.index is not None else module.cuda.Device().id
    if not on_cpu and array.device.id == index:
        return array
    with module.cuda.Device(index):
        return module.asarray(array)
