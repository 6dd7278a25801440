"""Models under torch.compile, each call of which stays what it was compiled to: one op on the tape, where that was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules import module as _modules

from .ops import TorchOp

if TYPE_CHECKING:
    from .listen import _Ears
    from .recorder import TorchRecorder

COMPILED = TorchOp("compiled")
_sequence = torch.autograd._get_sequence_nr
_TABLES = ("_global_forward_pre_hooks", "_global_forward_hooks", "_global_forward_hooks_always_called", "_global_forward_hooks_with_kwargs")


def opaque(r: TorchRecorder, ears: _Ears, module: Any, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a compiled module as if nobody listened, and tells the recorder of one op: of what was given and of its parameters."""
    with torch._C.DisableTorchFunction():
        r.module_enter(module, args, None, 0)
    if not r.listens:                          # a step that is not looked at
        with _aside(r, ears):
            return call(*args, **kwargs)
    out = None
    try:
        with _aside(r, ears):
            first, before, t0 = _sequence(), r.times.mark() if r.times.on else None, clock()
            out = call(*args, **kwargs)
            t1 = clock()
            if before is not None:
                r.times.called = before, r.times.mark()
        try:
            with torch._C.DisableTorchFunction():
                made = [t for t in _leaves(out) if isinstance(t, torch.Tensor)]
                r.heard(COMPILED, (list(_leaves((args, kwargs))), list(module.parameters())), None, made, first, -1, 3, t0, t1)
        except Exception as e:
            r.fail(e)
        return out
    finally:
        with torch._C.DisableTorchFunction():
            r.module_left(module, out)


@contextlib.contextmanager
def _aside(r: TorchRecorder, ears: _Ears) -> Iterator[None]:
    """While it lasts PyTorch is as it was before the recording: what was compiled then is good, and is not compiled anew."""
    ours = {h.id for h in ears.handles}
    tables = [(getattr(_modules, n), list(getattr(_modules, n).items())) for n in _TABLES]
    resting = r.listener is not None and r.listener.standing and r.listener.rest()
    r.quiet += 1
    torch.autograd.Function.apply = ears.apply
    for table, known in tables:
        table.clear()
        table.update({k: v for k, v in known if k not in ours})
    try:
        with torch.compiler.set_stance("default"):
            yield
    finally:
        for table, known in tables:
            table.clear()
            table.update(known)
        torch.autograd.Function.apply = ears.applied
        r.quiet -= 1
        if resting and r.listener is not None:
            r.listener.wake()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from _leaves(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from _leaves(v)
    else:
        yield value
