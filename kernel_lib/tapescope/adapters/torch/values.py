"""What a recording reads of PyTorch's values; arrays are NumPy's views, so that all of it is the tape's own arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...tape.reduce import SAMPLE, flat, host
from ...tape.values import Values
from ...tape.walk import NOTE, Step
from .mirror import Mirror

if TYPE_CHECKING:
    from .recorder import TorchRecorder

OFTEN, EVERY = 3, 10               # nodes are timed and measured in the first steps, and in every tenth


class TorchValues(Values):
    """Values of a TorchRecorder."""

    r: TorchRecorder

    def begin(self, step: int) -> None:
        super().begin(step)
        n = step // self.r.every
        self.nodes_due = n < OFTEN or n % EVERY == 0 or self.doubt == step - 1
        self.r.norms_due = self.due and self.nodes_due

    def looks(self) -> bool:
        """Whether this step is one that is listened to: every k-th, and each while a probe waits."""
        return self.r.step_no % self.r.every == 0 or bool(self.probes.keys)

    doubt = -2                                 # the newest step that held a value that is not finite: the next is looked at closely

    def op(self, step: Step, w: int, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any) -> None:
        if w & NOTE:                           # NumPy's view does not live as long as its tensor
            self.troubles.noted.append((step, op.name, Alive(outputs[0])))
            w &= ~NOTE
        super().op(step, w, op, inputs, outputs, node)

    def _histogram(self, key: int, array: Any) -> None:
        if array.size > 2 * SAMPLE:            # activations of real models are large, and there are many
            stride = -(-array.size // SAMPLE) | 1
            array = flat(array)[self.r.step_no % stride::stride]
        super()._histogram(key, array)

    def _targets(self, node: Any) -> None:
        if len(node.inputs) > 1:
            array = node.inputs[1]._array
            if array.ndim >= 1 and array.dtype.kind in "iu":
                self.note_labels(host(array).reshape(-1).copy())

    def update_end(self, optimizer: Any) -> None:
        if self.r.listens:
            super().update_end(optimizer)
        else:
            self.updated = True

    def end_step(self, ms: float | None) -> None:
        if any(t.last == self.r.step_no for t in self.troubles.found):
            self.doubt = self.r.step_no
        super().end_step(ms)


class Alive:
    """The array of a tensor that may be gone when somebody asks."""

    __slots__ = ("_mirror",)

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def __call__(self) -> Any:
        return None if self._mirror() is None else self._mirror._array
