"""What PyTorch keeps for each thread, carried from the one that calls a pass to the one that runs it; and what a graph has saved let go."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils import _python_dispatch as _dispatch

from ...core.state import mode, set_sink
from .listen import local
from .saved import FREED, let_go

_stack = torch.overrides._get_current_function_mode_stack


class Carried:
    """Grad mode, autocast, modes, context variables and the recorder of the thread on which it is made."""

    def __init__(self, hearing: Callable[[], contextlib.AbstractContextManager[None]] | None = None) -> None:
        self.context = contextvars.copy_context()
        self.sink, self.quiet, self.hearing = mode.sink, local.quiet, hearing
        self.grad, self.inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        self.modes, self.dispatch = list(_stack()), list(_dispatch._get_current_dispatch_mode_stack())
        self.casts = [(d, torch.get_autocast_dtype(d)) for d in ("cpu", "cuda") if torch.is_autocast_enabled(d)]
        self.caches = torch.is_autocast_cache_enabled()

    def run(self, call: Callable[[], Any]) -> Any:
        """Calls it, on another thread, as if on the thread on which this was made."""
        return self.context.copy().run(self._run, call)

    def _run(self, call: Callable[[], Any]) -> Any:
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode(self.inference))
            stack.enter_context(torch.set_grad_enabled(self.grad))
            for device, dtype in self.casts:
                stack.enter_context(torch.autocast(device, dtype, cache_enabled=self.caches))
            stack.enter_context(_standing(self.modes, torch.overrides._push_mode, torch.overrides._pop_mode))
            stack.enter_context(_standing(self.dispatch, _dispatch._push_mode, _dispatch._pop_mode))
            if self.hearing is not None:
                stack.enter_context(self.hearing())
            set_sink(self.sink)                                 # the thread is the pass's own: it ends with it
            local.quiet = self.quiet
            return call()


@contextlib.contextmanager
def _standing(modes: list[Any], push: Callable[[Any], None], pop: Callable[[], Any]) -> Iterator[None]:
    for m in modes:
        push(m)
    try:
        yield
    finally:
        for _ in modes:
            pop()


def _refuse(_: Any) -> Any:
    raise RuntimeError(FREED)


def release(nodes: Iterable[Any]) -> None:
    """Lets go of what nodes have saved, as the engine does without `retain_graph`: asking for it then raises what PyTorch raises."""
    for n in nodes:
        let_go(n)
        for name in dir(n):
            if name.startswith("_raw_saved_"):
                saved = getattr(n, name)
                for s in saved if isinstance(saved, (tuple, list)) else (saved,):
                    with contextlib.suppress(RuntimeError, AttributeError):      # nothing there, or somebody's own hooks hold it
                        s.register_hooks(lambda t: None, _refuse)
