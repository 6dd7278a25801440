"""Memory that several processes see: an array is moved into it, handed to another process as a handle, and freed with its last user."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Block(mmap.mmap):
    """A piece of shared memory; `handle` is what another process opens it by: a file descriptor, or a name on Windows."""

    handle: Any

    def __del__(self) -> None:
        if isinstance(self.__dict__.get("handle"), int):
            os.close(self.handle)


def _opened(handle: Any, n: int) -> Block:
    make: Any = Block
    block: Block = make(-1, n, tagname=handle) if sys.platform == "win32" else make(handle, n)
    block.handle = handle
    return block


def _made(n: int) -> Block:
    if sys.platform == "win32":
        return _opened(f"tapescope-{os.getpid()}-{os.urandom(8).hex()}", n)
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("tapescope-tensor")           # nameless: nothing is left behind, however a process ends
    else:
        fd, path = tempfile.mkstemp(prefix="tapescope-")
        os.unlink(path)
    os.ftruncate(fd, n)
    return _opened(fd, n)


def block_of(array: Any) -> Block | None:
    """The shared memory that an array lies in, if it lies in any."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, Block) else None


def share(array: Array) -> Array:
    """The array in shared memory: itself when it is there already, else a copy."""
    if block_of(array) is not None:
        return array
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    moved: Array = np.ndarray(array.shape, array.dtype, _made(max(array.nbytes, 1)), order="F" if fortran else "C")
    moved[...] = array
    return moved


def described(array: Array) -> tuple[Any, int, int, tuple[int, ...], tuple[int, ...], str]:
    """An array in shared memory as (handle, bytes of the block, offset, shape, strides, dtype)."""
    block = block_of(array)
    assert block is not None
    start = np.frombuffer(block, np.uint8).__array_interface__["data"][0]
    return block.handle, len(block), array.__array_interface__["data"][0] - start, array.shape, array.strides, array.dtype.str


def rebuilt(handle: Any, n: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> Array:
    """The same memory in this process; a file descriptor becomes the block's own."""
    return np.ndarray(shape, np.dtype(dtype), _opened(handle, n), offset, strides)
