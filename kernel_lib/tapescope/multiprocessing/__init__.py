"""`torch.multiprocessing`: Python's own, with tensors that go to another process as a handle on shared memory, and `spawn`."""

from __future__ import annotations

import multiprocessing as _python
from multiprocessing import *  # noqa: F403
from typing import Any

from .reductions import init_reductions
from .spawn import ProcessContext, ProcessException, ProcessExitedException, ProcessRaisedException, SpawnContext, spawn, start_processes

__all__ = [*_python.__all__, "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext",
           "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes"]

_strategies = {"file_descriptor"}


def get_all_sharing_strategies() -> set[str]:
    """How tensors can be shared here."""
    return set(_strategies)


def get_sharing_strategy() -> str:
    """How tensors are shared."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """There is one way, and it leaves no files behind; raises AssertionError for another."""
    if new_strategy not in _strategies:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_strategies}")


def __getattr__(name: str) -> Any:
    return getattr(_python, name)


init_reductions()
