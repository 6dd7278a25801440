"""Hooks that a pass of PyTorch's engine calls: which have run, and which would where the pass runs once more.

A node does not tell its hooks. But the engine calls them, on the thread of the pass, with no Python in between: a profile function sees each before it begins.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch.autograd import graph

from ...core.say import say

_ENGINE = graph._engine_run_backward.__code__


class HookMet(RuntimeError):
    """A hook would have run that must not run again."""


def _code(callback: Any) -> Any:
    return getattr(getattr(callback, "__func__", callback), "__code__", None)


def hook_of(frame: FrameType) -> str | None:
    """What a hook is called and where it stands; None for whatever else runs."""
    back = frame.f_back
    if back is None or back.f_code is not _ENGINE:
        return None
    name, code = str(frame.f_globals.get("__name__", "")), frame.f_code
    root = name.partition(".")[0]
    if root == "torch":
        if name == "torch.utils.hooks":
            return "a full backward hook of a module"
        return "a hook on several gradients" if name == "torch.autograd.graph" and code.co_qualname.startswith("register_multi_grad_hook") else None
    if root in ("tapescope", "logging", "weakref", "_weakrefset") or code.co_name == "__del__" or any(_code(c) is code for c in gc.callbacks):
        return None                 # what Python itself calls, wherever a thread is, when it frees memory
    return f"{code.co_qualname.rpartition('<locals>.')[2]} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


@contextmanager
def watching(meet: Callable[[str], None]) -> Iterator[None]:
    """While it lasts, `meet` is told of every hook on this thread, before it begins. What it raises comes out of the engine, and the hook does not run."""
    others: Any = sys.getprofile()
    if others is not None and not callable(others):
        raise HookMet(say("a profiler listens to this thread, so that nobody can tell which hooks would run"))

    def see(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and (words := hook_of(frame)) is not None:
            meet(words)
        if others is not None:
            others(frame, event, argument)

    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(others)


def refuse(words: str) -> None:
    """For `watching`: lets no hook run."""
    raise HookMet(say("its hook {0} would run {1}", words, say(ALLOW)))


ALLOW = "again each time, and may do more than give a gradient; dbg.rerun_hooks = True lets it"
