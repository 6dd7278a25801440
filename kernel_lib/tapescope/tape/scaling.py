"""Gradients that are not what they look like for a while: multiplied by a GradScaler, which expects some to overflow; or clipped before they are used."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .course import Course
    from .troubles import Trouble

HALVINGS = 24                      # steps in a row that a scaler may skip while it looks for its scale


class Scaling:
    """What one recorder knows of the scaler whose loss is under way, and of clipping."""

    def __init__(self, recorder: Course) -> None:
        self.r = recorder
        self.on = False                        # from scale() to update()
        self.multiplying = False               # what is computed is the scaler's own product
        self.factor = 1.0                      # of what gradients now hold
        self.losses: list[tuple[Any, Any]] = []                # (multiplied, as it was), weakly
        self.stepped = False                   # the optimizer was called
        self.skipped = 0                       # steps in a row in which it was not
        self.tolerated: list[Trouble] = []

    def hear(self, what: str, *about: Any) -> None:
        """What is done to gradients, as `core.sink` names it."""
        if what == "clipped":
            self.r.values.clipped.add(self.r.step_no)
        else:
            getattr(self, what)(*about)

    def scale(self, scaler: Any) -> None:
        """A scaler is about to multiply a loss."""
        self.multiplying = True
        if not self.on:
            self.on, self.stepped, self.losses = True, False, []
            self.factor = float(scaler.get_scale()) if self.r.level else 1.0
            self.r.values.pending[self.r.strings.add("grad_scaler/scale")] = self.factor

    def scaled(self, given: Any, made: Any) -> None:
        """It has: `given` is the loss as it was, a tensor of ours or an adapter's stand-in for one."""
        self.multiplying = False
        self.losses.append((_weak(made), _weak(given)))

    def loss(self, root: Any) -> Any:
        """A loss as it was before it was multiplied."""
        for made, given in self.losses:
            if made is root:
                return given
            if made() is root and (before := given()) is not None:
                return before
        return root

    def unscaled(self, leaves: list[Any]) -> None:
        """The gradients of an optimizer are themselves again: measured once more."""
        self.r.values.touched = leaves
        self.r.values.backward_end()
        self.factor = 1.0

    def updated(self) -> None:
        """The scaler has seen to its scale."""
        if not self.on:
            return
        r = self.r
        r.values.settle()                      # what waits on a device was scaled
        self.on, self.factor, self.losses = False, 1.0, []
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

    def tolerates(self, t: Trouble) -> bool:
        """What a gradient holds that a scaler has multiplied is its affair: it skips the step and makes its scale smaller."""
        if not self.on or t.what not in ("node", "grad", "loss"):
            return False
        self.tolerated = [*self.tolerated[-15:], t]
        return True


def _weak(t: Any) -> Any:
    return t if isinstance(t, weakref.ref) else weakref.ref(t)
