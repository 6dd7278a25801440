"""Batches from a worker process to its parent: large arrays through shared memory, the rest through the pipe."""

from __future__ import annotations

import io
import mmap
import os
import pickle
from multiprocessing import reduction
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap

# From here on, one copy into anonymous shared memory is cheaper than two through a pipe.
SHARED_FROM = 1 << 18
_ALIGN = 64


def _rebuilt(cls: type[Tensor], array: Any, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    t = wrap(array, req=requires_grad, cls=cls)
    t.__dict__.update(attributes)
    return t


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tensor):
            return NotImplemented
        if obj._req and obj._node is not None:
            raise RuntimeError("Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process "
                               "boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it "
                               "on the queue).")
        if obj.is_cuda:
            raise RuntimeError("a worker process cannot hand over a tensor that is on the GPU; return it on the CPU and move the batch")
        return _rebuilt, (obj.__class__, np.ascontiguousarray(obj._array).reshape(obj._array.shape), obj._req, dict(obj.__dict__))


def send(connection: Any, message: Any) -> None:
    """Sends a message; what cannot be pickled raises before anything is sent."""
    buffers: list[pickle.PickleBuffer] = []
    body = io.BytesIO()
    _Pickler(body, 5, buffer_callback=buffers.append).dump(message)
    views = [b.raw() for b in buffers]
    sizes = [v.nbytes for v in views]
    shared = sum(sizes) >= SHARED_FROM and hasattr(os, "memfd_create") and hasattr(reduction, "send_handle")
    connection.send((body.getvalue(), sizes, shared))
    if not shared:
        for v in views:
            connection.send_bytes(v)
        return
    starts, total = _places(sizes)
    fd = os.memfd_create("tapescope-batch")                # nameless: nothing is left behind, however a process ends
    try:
        os.ftruncate(fd, total)
        with mmap.mmap(fd, total) as memory:
            for start, v in zip(starts, views, strict=True):
                memory[start:start + v.nbytes] = v
        reduction.send_handle(connection, fd, None)
    finally:
        os.close(fd)


def receive(connection: Any) -> Any:
    """The next message; arrays that came through shared memory stay there, and are freed with the last of them."""
    body, sizes, shared = connection.recv()
    if not shared:
        return pickle.loads(body, buffers=[bytearray(connection.recv_bytes()) for _ in sizes])
    fd = reduction.recv_handle(connection)
    starts, total = _places(sizes)
    try:
        memory = memoryview(mmap.mmap(fd, total))
    finally:
        os.close(fd)
    return pickle.loads(body, buffers=[memory[start:start + n] for start, n in zip(starts, sizes, strict=True)])


def _places(sizes: list[int]) -> tuple[list[int], int]:
    starts, total = [], 0
    for n in sizes:
        starts.append(total)
        total += -(-n // _ALIGN) * _ALIGN
    return starts, max(total, 1)
