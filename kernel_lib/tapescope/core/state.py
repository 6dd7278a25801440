"""What is decided per thread: whether gradients are recorded, and who listens."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sink import Sink


class Mode(threading.local):
    """Grad mode and sink of the current thread; a new thread starts with gradients on and no sink. Written by the functions below only."""

    grad: bool = True
    inference: bool = False
    sink: Sink | None = None
    calls: Sink | None = None           # who hears module calls alone; asked where there is no sink
    fast: Any = True                    # what the short dispatch path asks: False without gradients, else the sink, or True without one


mode = Mode()


class Numbers:
    """What few programs need, so that the engine and the products of all others are not slowed by asking."""

    wide: bool = False                  # whether a complex or bfloat16 number has ever needed a gradient here: only then does a pass look for nodes that have some
    bfloat16: Any = None                # NumPy's dtype of these numbers, once somebody has asked for them
    autocast: int = 0                   # regions of `amp.autocast` that some thread is in: only then do products ask for theirs


numbers = Numbers()


class Rest:
    """What somebody wants carried out on the thread that trains, where it next stands still: after a backward pass, after an optimizer's step."""

    call: Callable[[], None] | None = None


rest = Rest()


class Process:
    """Which of several processes this is that train together; `distributed` writes it."""

    rank: int | None = None
    world: int = 1


process = Process()


def set_sink(sink: Sink | None) -> Sink | None:
    """Makes `sink` the one that hears of this thread's ops; returns the previous one."""
    previous, mode.sink = mode.sink, sink
    mode.fast = mode.grad and (True if sink is None else sink)
    return previous


def set_calls(sink: Sink | None) -> Sink | None:
    """Makes `sink` the one that hears of this thread's module calls, and of nothing else, while it has no sink; returns the previous one."""
    previous, mode.calls = mode.calls, sink
    return previous


def set_grad(enabled: bool) -> bool:
    """Turns the recording of gradients on or off in this thread; returns what it was."""
    previous, mode.grad = mode.grad, enabled
    mode.fast = enabled and (True if mode.sink is None else mode.sink)
    return previous


def _forked() -> None:
    mode.calls = None
    set_sink(None)                      # a DataLoader worker must not write to its parent's tape


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
