"""How a tensor goes through a pipe or a queue: it is moved into shared memory, and its handle is sent."""

from __future__ import annotations

import os
import sys
import threading
from multiprocessing.reduction import ForkingPickler
from typing import Any

from ..core.random import default_generator
from ..core.shared import described, rebuilt, share
from ..core.tensor import Tensor, wrap
from ..nn.parameter import Buffer, Parameter


def _handed(fd: int) -> Any:
    from multiprocessing.reduction import DupFd

    return DupFd(fd)


def rebuild_tensor(cls: type[Tensor], handle: Any, place: tuple[Any, ...], requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    """The same memory as a tensor of this process."""
    t = wrap(rebuilt(handle if isinstance(handle, str) else handle.detach(), *place), req=requires_grad, cls=cls)
    t.__dict__.update(attributes)
    return t


def reduce_tensor(t: Tensor) -> tuple[Any, tuple[Any, ...]]:
    """Moves the tensor into shared memory, if it is not there, and describes it."""
    if t._req and t._node is not None:
        raise RuntimeError("Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process boundaries.  If you "
                           "just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it on the queue).")
    if t.is_cuda:
        raise RuntimeError("a tensor on the GPU cannot be handed to another process; send t.cpu() and move it there")
    t._array = share(t._array)
    handle, *place = described(t._array)
    return rebuild_tensor, (t.__class__, handle if sys.platform == "win32" else _handed(handle), tuple(place), t._req, dict(t.__dict__))


def _after_fork() -> None:
    default_generator._lock = threading.Lock()             # another thread may have held it at the moment of the fork


def init_reductions() -> None:
    """Tells Python's multiprocessing how to send tensors; happens when this package is imported."""
    for cls in (Tensor, Parameter, Buffer):
        ForkingPickler.register(cls, reduce_tensor)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
