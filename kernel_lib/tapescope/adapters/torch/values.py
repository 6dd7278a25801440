"""What a recording reads of PyTorch's values: on the host through NumPy's views, so that all of it is the tape's own arithmetic; `asked` has what lies on a device."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...tape.frame import HISTOGRAM
from ...tape.reduce import SAMPLE, Scratch, finish, flat, histograms, host, tally
from ...tape.walk import NOTE, Step
from .arrays import Away, array_of
from .asked import DeviceValues, far
from .mirror import Mirror

if TYPE_CHECKING:
    from .recorder import TorchRecorder

OFTEN, EVERY = 3, 10               # nodes are timed and measured in the first steps, and in every tenth


class TorchValues(DeviceValues):
    """Values of a TorchRecorder."""

    def __init__(self, recorder: TorchRecorder) -> None:
        super().__init__(recorder)
        self.samples: list[tuple[int, int, Any]] = []          # of activations: key, size of the whole, values
        self._maps: Any = lambda: None
        self.attentions: set[str] = set()                      # modules that return attention maps
        self.scratch: Scratch | None = None

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
        if self.away:
            w = self.op_away(step, w, inputs, outputs)
        if w & NOTE:                           # NumPy's view does not live as long as its tensor
            self.troubles.noted.append((step, op.name, Alive(outputs[0])))
            w &= ~NOTE
        super().op(step, w, op, inputs, outputs, node)

    def module(self, path: str, output: Any) -> None:
        """Activations of real models are large, and there are many: a sample of each is put by, and all of a step's are reduced together."""
        array = getattr(output, "_array", None)
        if array is None or array.dtype.kind != "f" or (array.dtype.itemsize > 4 and not far(array)):
            super().module(path, output)
            return
        r = self.r
        if path in self.probes.activations:
            self.probes.take("activation/" + path, array, r.step_no)
            if self.given is not None and array.ndim:
                self._picture(len(array))
        if self.level >= HISTOGRAM and self.due and array.size and r.wanted("*", path):
            stride = -(-array.size // SAMPLE) | 1 if array.size > 2 * SAMPLE else 1
            first, key = r.step_no % stride, r.strings.add("activation/" + path)
            if far(array):
                self.sample_away(key, array, first, stride)
            else:
                part = array.sample(first, stride) if type(array) is Away else flat(array)[first::stride]
                self.samples.append((key, array.size, np.array(part, np.float32)))

    def attention(self, path: str, output: tuple[Any, ...]) -> None:
        """A module that returns attention maps beside its output: they can be probed, the whole batch with all heads."""
        maps = next((t for t in output[1:] if isinstance(t, torch.Tensor) and t.dim() == 4 and t.is_floating_point() and t.shape[-1] == t.shape[-2]), None)
        if maps is None or self._maps() is maps:               # handed on by the module around
            return
        self._maps = weakref.ref(maps)
        if path not in self.attentions:
            self.attentions.add(path)
            self.r.tape.note("attention", f"attention maps are returned by {', '.join(sorted(self.attentions))}: tape.probe('attention/{path}') keeps them")
        if path in self.probes.attentions:
            self.probes.take("attention/" + path, array_of(maps), self.r.step_no)

    def _reduce_samples(self) -> None:
        samples, self.samples = self.samples, []
        if not samples:
            return
        step = self.r.step_no
        line = np.concatenate([s for _, _, s in samples])
        if self.scratch is None or self.scratch.floats.size < line.size:
            self.scratch = Scratch(line.size)
        keys, sizes = np.array([k for k, _, _ in samples], np.uint32), np.array([n for _, n, _ in samples], np.float64)
        lengths = np.array([s.size for _, _, s in samples], np.intp)
        held, starts, raw = lengths.astype(np.float64), np.cumsum(lengths) - lengths, np.empty((6, len(keys)), np.float32)
        odd = tally(line, starts, held.astype(np.float32), sizes, raw, self.scratch)
        self.stats.add(keys, step, self.now(), finish(raw[None], [odd], held, sizes).reshape(-1, 10))
        firsts, widths, counts = histograms(line, starts, lengths, self.scratch)
        self.histograms.add(0, step, counts.nbytes + 24 * len(keys), (keys, firsts, widths, counts))

    def _targets(self, node: Any, inputs: tuple[Any, ...]) -> None:
        if len(given := inputs if node is None else node.inputs) > 1:
            array = given[1]._array
            if array.ndim >= 1 and array.dtype.kind in "iu":
                self._classes(given[0]._array, host(array))

    def backward_begin(self, roots: tuple[Any, ...], site: Any) -> None:
        super().backward_begin(roots if all(t._array.dtype.kind != "V" for t in roots[:1]) else (), site)      # a meta tensor has no value

    def update_end(self, optimizer: Any) -> None:
        if self.r.listens:
            super().update_end(optimizer)
        else:
            self.updated = True

    def end_step(self, ms: float | None) -> None:
        self.settle()
        if any(t.last == self.r.step_no for t in self.troubles.found):
            self.doubt = self.r.step_no
        self._reduce_samples()
        super().end_step(ms)

    def stop(self) -> None:
        self.settle()
        self._reduce_samples()
        super().stop()


class Alive:
    """The array of a tensor that may be gone when somebody asks."""

    __slots__ = ("_mirror",)

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def __call__(self) -> Any:
        return None if self._mirror() is None else self._mirror._array
