"""Gradients that are not what they look like for a while: multiplied by a GradScaler, which expects some to overflow; or clipped before they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad

from ...tape.troubles import Trouble, Troubles
from .arrays import quietly

if TYPE_CHECKING:
    from .recorder import TorchRecorder

HALVINGS = 24                      # steps in a row that a scaler may skip while it looks for its scale
Here = Callable[[], "TorchRecorder | None"]


class TorchTroubles(Troubles):
    """What a gradient holds that a GradScaler has multiplied is its affair: it skips the step and halves its scale."""

    r: TorchRecorder

    def add(self, t: Trouble) -> None:
        scaling = self.r.scaling
        if scaling.on and t.what in ("node", "grad", "loss"):
            scaling.tolerated = [*scaling.tolerated[-15:], t]
        else:
            super().add(t)


class Scaling:
    """What one recorder knows of the scaler whose loss is under way."""

    def __init__(self, recorder: TorchRecorder) -> None:
        self.r = recorder
        self.on = False                        # from scale() to update()
        self.factor = 1.0                      # of what gradients now hold
        self.losses: list[tuple[Any, Any]] = []                # (multiplied, as it was), weakly
        self.stepped = False                   # the optimizer was called
        self.skipped = 0                       # steps in a row in which it was not
        self.tolerated: list[Trouble] = []

    def scaled(self, scaler: Any, given: Any, made: Any) -> None:
        if not self.on:
            self.on, self.stepped, self.losses = True, False, []
            self.factor = float(scaler.get_scale()) if self.r.level else 1.0
            self.r.values.pending[self.r.strings.add("grad_scaler/scale")] = self.factor
        if isinstance(given, torch.Tensor):
            self.losses.append((self.r.mirrors.of(made), self.r.mirrors.of(given)))

    def loss(self, root: Any) -> Any:
        """A loss as it was before it was multiplied."""
        return next((before for made, before in self.losses if made is root), root)

    def unscaled(self, optimizer: Any) -> None:
        """The gradients of an optimizer are themselves again: measured once more."""
        r = self.r
        r.values.touched = [r.mirrors.of(p) for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        r.values.backward_end()
        self.factor = 1.0

    def updated(self) -> None:
        if not self.on:
            return
        self.on, self.factor, self.losses = False, 1.0, []
        r = self.r
        if self.stepped:
            self.skipped, self.tolerated = 0, []
            return
        self.skipped += 1
        r.values.clipped.add(r.step_no)
        r.tape.note("scaler", "the GradScaler has skipped steps whose gradients overflowed: that is how it finds its scale")
        if self.skipped > HALVINGS:            # no scale helps
            for t in self.tolerated:
                r.values.troubles.add(t)
        if r.pacer != "manual":
            r.armed = False
            r.end_step()


def patches(here: Here) -> list[tuple[Any, str, Any]]:
    """(owner, name, what stands there while anything is recorded)."""
    scale, unscale, update = GradScaler.scale, GradScaler._unscale_grads_, GradScaler.update

    def scaled(self: Any, outputs: Any) -> Any:
        made = scale(self, outputs)
        _tell(here, lambda r: r.scaling.scaled(self, outputs, made) if self.is_enabled() else None)
        return made

    def unscaled(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        found = unscale(self, optimizer, *args, **kwargs)
        _tell(here, lambda r: r.scaling.unscaled(optimizer))
        return found

    def updated(self: Any, *args: Any, **kwargs: Any) -> Any:
        update(self, *args, **kwargs)
        _tell(here, lambda r: r.scaling.updated())

    found = [(GradScaler, "scale", scaled), (GradScaler, "_unscale_grads_", unscaled), (GradScaler, "update", updated)]
    clip = getattr(clip_grad, "_clip_grads_with_norm_", None)
    if clip is not None:
        def clipped(*args: Any, **kwargs: Any) -> Any:
            _tell(here, lambda r: r.values.clipped.add(r.step_no))
            return clip(*args, **kwargs)

        found.append((clip_grad, "_clip_grads_with_norm_", clipped))
    return found


def _tell(here: Here, say: Callable[[TorchRecorder], Any]) -> None:
    r = here()
    if r is None:
        return
    try:
        with quietly():
            say(r)
    except Exception as e:
        r.fail(e)
