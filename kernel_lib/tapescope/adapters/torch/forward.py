"""PyTorch's forward pass under breakpoints: it pauses after an op, or before a module is called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

import torch

from ...core.site import PACKAGES
from ...debugger import forward as native
from ...debugger.points import breakpoints
from ...tape.recordings import registry
from . import listen
from .arrays import quietly
from .mirror import Held
from .ops import TorchOp
from .recorder import TorchRecorder
from .where import Words


class TorchForwardAt(native.ForwardAt):
    """What stands at a stop of PyTorch's forward pass; `inputs` and `outputs` are its tensors."""

    def shown(self) -> tuple[Any, Any]:
        held = [tuple([Held(t) if isinstance(t, torch.Tensor) else t for t in ts]) for ts in (self.inputs, self.outputs)]
        return held[0], held[1]


@cache
def _words(op: TorchOp) -> Words:
    return Words(op.name, op.label, op.name)


@contextmanager
def _looking(r: TorchRecorder) -> Iterator[None]:
    """While it lasts, nothing that is computed is the model's."""
    r.quiet += 1
    try:
        with quietly():
            yield
    finally:
        r.quiet -= 1


def _at(r: TorchRecorder, name: str, site: Any, inputs: Any = (), outputs: Any = ()) -> TorchForwardAt:
    registry.show(r.tape)
    return TorchForwardAt(name, _path(r), site, inputs, outputs)


def _path(r: TorchRecorder) -> str:
    return str(r.open[-1].path) if r.open else ""


def on_op(r: TorchRecorder) -> None:
    """After a call of PyTorch; `r.newest` is the op, when it was one."""
    newest, r.newest = r.newest, None
    if newest is None:
        return
    op, inputs, outputs, site = newest
    with _looking(r):
        native.on_op(_words(op), site, _path(r), len(r.open), outputs, lambda: _at(r, op.label, site, [m() for m in inputs], [m() for m in outputs]))


def on_enter(r: TorchRecorder, module: Any, args: Any) -> None:
    """A module is about to be called."""
    if r.open and not r.quiet:
        with _looking(r):
            native.on_enter(_path(r), len(r.open) - 1, lambda: _at(r, type(module).__name__, None, args))


def on_exit(r: TorchRecorder, module: Any) -> None:
    """A module call has given nothing, or raised."""
    if r.open and not r.quiet:
        with _looking(r):
            native.on_error(len(r.open), lambda site: _at(r, type(module).__name__, site), _ours)


def _ours(frame: FrameType) -> bool:
    return frame.f_globals.get("__package__") in PACKAGES or str(frame.f_globals.get("__name__", "")).partition(".")[0] == "torch"


def sync() -> None:
    """Looks at ops and module calls only while a forward breakpoint, or a forward step, waits for them."""
    wanted = native.engaged or any((b.forward or b.exception) and b.enabled for b in breakpoints)
    listen.forward = sys.modules[__name__] if wanted else None
