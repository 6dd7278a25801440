"""What a recording reads of values: losses, gradient norms, non-finite ones, moments and histograms of parameters."""

from __future__ import annotations

import math
import re
import weakref
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import resolve
from . import rows
from .frame import FULL, HEALTH, HISTOGRAM, STATS
from .leaves import Leaves
from .media import Media
from .reduce import EXACT, array_of, energy, flat, histogram, host, moments, real
from .relu import Relus
from .sites import settled
from .walk import CHECK, KEEP, NOTE, RELU, TARGET, Step

if TYPE_CHECKING:
    from .recorder import Recorder

_finite = math.isfinite
THIN, THINNER, SOON = 10, 25, 50       # at level "stats" histograms are made at every 10th recorded step, after the first fifty at every 25th
GRAD_SAMPLE = 4096               # elements of a gradient above 64k elements that its norm is estimated from
FULL_BYTES = 256 << 20

PICTURES_NS = 100_000_000           # between two batches whose pictures are kept

class Values(Leaves):
    """Reads values at the recording's level; owned by a Recorder, called on its thread."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.media = Media()
        self.kept = 0                                          # bytes of level "full"
        self.keeping = self.level >= FULL
        self.sources: dict[int, tuple[int, int, int]] = {}     # entry of a source -> step, tensor and version that have been copied
        self.relus = Relus()
        self.clipped: set[int] = set()                         # steps whose gradients were not used as they were measured
        self.losses: dict[int, list[float]] = {}
        self._loss_sites: dict[Any, int] = {}
        self._loss_at: Any = None                              # the newest of them, found without hashing a code object
        self.labels: dict[int, Any] = {}
        self.asked = False                                     # probes look at what goes into modules
        self._pictured = 0
        self.given: Any = None                                 # what the outermost call has been given, while it is asked for
        add = recorder.strings.add
        self.k_norm, self.k_time = add("grad_norm"), add("step_time")
        self.slow = True                                       # steps are long enough for a norm at every node in each of them

    def begin(self, step: int) -> None:
        """A pass begins: decides what is due in it."""
        every = self.r.every
        self.due = self.level >= HEALTH and step % every == 0
        self.hist_due = self.due and (self.level >= HISTOGRAM or (self.level >= STATS and step % (every * (THIN if step <= every * SOON else THINNER)) == 0))
        self.relu_due = self.due and Relus.due(step // every)
        self.asked = bool(self.probes.activations or self.probes.inputs)
        self.activations = bool(self.probes.activations or self.probes.attentions) or (self.level >= HISTOGRAM and self.due)
        self.troubles.noted = []
        self.r.norms_due = self.due and (self.slow or step < 10 or step % 4 == 0)
        self.set_mask()

    def set_mask(self) -> None:
        """What ops may ask for in this pass."""
        self.r.mask = (CHECK | NOTE | (RELU if self.relu_due else 0) | (TARGET if self.probes.keys else 0)
                       | (KEEP if self.keeping and self.due else 0))

    def now(self) -> float:
        return (clock() - self.r.started) * 1e-9

    # -- forward ----------------------------------------------------------------------------------------------------------

    def op(self, step: Step, w: int, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any) -> None:
        if w & CHECK:
            for o in outputs:
                e = energy(o._array)
                if e.__class__ is float or isinstance(e, np.generic):
                    if not _finite(e):
                        self.troubles.op(step, op, inputs, outputs)
                else:
                    self.troubles.later(e, step, op, outputs)
        elif w & NOTE:
            self.troubles.noted.append((step, op.name, weakref.ref(outputs[0]._array)))
        if w & RELU and self.r.mode_grad():
            self.relus.see(step, outputs[0]._array, self.r)
        if w & TARGET:
            self._targets(node, inputs)
        if w & KEEP and self.keeping:
            self._keep_op(step, inputs, outputs)
        if self.probes.outputs and step.row in self.probes.outputs:
            self.probes.take(f"output/{step.row}", outputs[0], self.r.step_no)

    def _targets(self, node: Any, inputs: tuple[Any, ...]) -> None:
        """The integer targets that a classification loss keeps for its backward are the labels of the batch."""
        target = node.saved[node.plan.names.index("target")] if node is not None and "target" in node.plan.names else None
        if isinstance(target, tuple):
            target = target[0]
        array = getattr(target, "_array", target)
        if array is not None and array.ndim >= 1 and array.dtype.kind in "iu":
            self._classes(inputs[0]._array, host(array))

    def asks(self, scores: Any, target: Any) -> None:
        """A loss that keeps nothing, as no gradient is asked for."""
        if self.probes.keys:
            self._classes(scores, host(target))

    def _classes(self, scores: Any, target: Any) -> None:
        self.note_labels(target.reshape(-1).copy())
        if self.probes.activations:
            rows.note(self.probes.rows, rows.BATCH, self.r.step_no, rows.answers(scores, target))

    def note_labels(self, labels: Any) -> None:
        """Keeps the newest labels, and those of the steps whose values are kept."""
        self.labels[self.r.step_no] = labels
        if len(self.labels) > 256:
            steps = sorted(self.labels)
            self.labels = {s: self.labels[s] for s in [*steps[:128:2], *steps[128:]]}

    def _keep_op(self, step: Step, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Copies what an op gave, and of what went in all that no op has made, once a step unless it changes."""
        for k, o in enumerate(outputs):
            self._keep(f"output/{step.row}.{k}" if k else f"output/{step.row}", o._array)
        graph = self.r.growing or step.graph
        if graph is None:
            return
        for entry, t in zip(graph.inputs_of(step.row), inputs, strict=False):
            if entry < 0 and self.keeping and self.sources.get(entry) != (now := (self.r.step_no, t._id, t._version)):
                self.sources[entry] = now
                self._keep(f"source/{-entry - 1}", t._array)

    def keep_gradients(self, row: int, grads: tuple[Any, ...]) -> None:
        """Copies what arrived at a node."""
        for k, g in enumerate(grads):
            if g is not None and self.keeping:
                self._keep(f"gradient/{row}.{k}" if k else f"gradient/{row}", getattr(g, "_array", g))

    def _keep(self, key: str, array: Any) -> None:
        if self.kept + array.nbytes > FULL_BYTES:
            self.keeping = False
            self.r.tape.note("full", f"the {FULL_BYTES >> 20} MB for copies of values are used up at step {self.r.step_no}: "
                                     "no more are made")
            return
        self.kept += array.nbytes
        copy = np.array(host(array))
        self.probes.log.cap = FULL_BYTES + (128 << 20)
        self.probes.log.add(key, self.r.step_no, copy.nbytes + 128, (copy, tuple(array.shape), str(array.dtype)))

    def entered(self, path: str, args: tuple[Any, ...], top: bool) -> None:
        """What a module is given: a probe may want it, and pictures stand for the rows that are made of them."""
        array = getattr(args[0], "_array", args[0]) if args else None
        if top:
            self.given = array
        if path in self.probes.inputs and hasattr(array, "nbytes"):
            self.probes.take("input/" + path, array, self.r.step_no)

    def _picture(self, n: int) -> None:
        """The pictures of which n rows were made, once for the batch."""
        given, self.given, now = self.given, None, clock()
        shape = tuple(getattr(given, "shape", ()))
        if rows.are_pictures(shape) and shape[0] == n and now - self._pictured > PICTURES_NS:
            self._pictured = now
            rows.note(self.probes.rows, rows.BATCH, self.r.step_no, {"image": given})

    def module(self, path: str, output: Any) -> None:
        """The output of a module: probes, and at level "histogram" its numbers."""
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
        array = getattr(output, "_array", None)
        if array is None:
            return
        r = self.r
        if path in self.probes.activations:
            self.probes.take("activation/" + path, array, r.step_no)
            if self.given is not None and array.ndim:
                self._picture(len(array))
        if self.level >= HISTOGRAM and self.due and array.size and real(array) and r.wanted("*", path):
            key = r.strings.add("activation/" + path)
            self.stats.add(np.array([key], np.uint32), r.step_no, self.now(), moments(array, r.step_no)[None])
            self._histogram(key, array)

    def _histogram(self, key: int, array: Any) -> None:
        self._add_histogram(key, self.r.step_no, *histogram(array, self.r.step_no))

    def _add_histogram(self, key: int, step: int, first: int, counts: Any) -> None:
        if len(counts):
            rows = (np.array([key], np.uint32), np.array([first]), np.array([len(counts)]), counts)
            self.histograms.add(key, step, counts.nbytes + 64, rows)

    # -- backward -----------------------------------------------------------------------------------------------------------

    def _loss_key(self, site: Any) -> int:
        """"loss" for the first place that calls backward(), "loss/<name>" for others."""
        if site is not None and self._loss_at is not None and site[0] is self._loss_at[0][0] and site[1] == self._loss_at[0][1]:
            return int(self._loss_at[1])
        newest = site
        site = settled(site)
        known = self._loss_sites.get(site)
        if known is None:
            tag = "loss" if not self._loss_sites else "loss/" + (loss_name(site) if len(self._loss_sites) < 64 else "other")
            known = self._loss_sites[site] = self.r.strings.add(tag)
        self._loss_at = (newest, known)
        return known

    def backward_begin(self, roots: tuple[Any, ...], site: Any) -> None:
        self.touched.clear()
        if not self.level:
            return
        for t in roots[:1]:
            if t._array.size == 1:
                self._loss(self._loss_key(site), float(t._array.item().real))

    def _loss(self, key: int, value: float) -> None:
        got = self.losses.setdefault(key, [0.0, 0])
        got[0] += value
        got[1] += 1
        if not _finite(value):
            self.troubles.loss(self.r.strings[key], value)

    def node(self, row: int, node: Any, grads_in: tuple[Any, ...]) -> None:
        """The norm of what arrives at a node: exact up to 64k elements, estimated from a sample above."""
        r = self.r
        for g in grads_in:
            if g is None:
                continue
            g = getattr(g, "_array", g)
            size = g.size
            if size > EXACT:
                part = flat(g)[::size // GRAD_SAMPLE | 1]
                e = energy(part) * (size / part.size)
            else:
                e = energy(g)
            if not isinstance(g, (np.ndarray, np.generic)):
                self._device_norms.append((len(r.norm_values), e))
                e = math.nan
            elif not _finite(e):
                self.troubles.node(row, node, g)
            r.norm_rows.append(row)
            r.norm_values.append(float(e))

    # -- updates ------------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Reads what was asked of device arrays and waits there."""
        self.troubles.settle()

    # -- the end of a step --------------------------------------------------------------------------------------------------

    def end_step(self, ms: float | None) -> None:
        """Writes the step's scalars, one row a tag."""
        r = self.r
        pending = self.pending
        self.settle()
        if self.losses:
            for key, (total, n) in self.losses.items():
                pending[key] = total / n
            self.losses = {}
        if self.level and self.step_params:
            total = 0.0
            for p in self.step_params.values():
                if p.energy >= 0:
                    total += p.energy
                else:
                    total = math.nan
                pending[p.key_norm] = math.sqrt(p.energy) if p.energy >= 0 else math.nan
            pending[self.k_norm] = math.sqrt(total) if total >= 0 else math.nan
        if self.hand_due and self.by_hand is not None:
            if not self.updated:
                self._write(self.by_hand)
            self.hand_due = False
        if ms is not None:
            pending[self.k_time] = ms
            self.slow = ms > 5
        if pending:
            self.scalars.add(list(pending), r.step_no, self.now(), list(pending.values()))
            self.pending = {}
        self.relus.end_step(r.step_no)

    def stop(self) -> None:
        """Writes what a step that was not ended has so far."""
        if self.losses or self.step_params or self.pending:
            self.end_step(None)

    # -- what the user logs ---------------------------------------------------------------------------------------------------

    def log(self, kind: str, tag: str, value: Any, step: int | None, meta: dict[str, Any]) -> None:
        r = self.r
        at = r.log_step() if step is None else int(step)
        array = array_of(value)
        if kind == "scalar":
            number = float(host(array).reshape(-1)[0]) if hasattr(array, "reshape") else float(array)
            self.scalars.add([r.strings.add(tag)], at, self.now(), [number])
        elif kind == "histogram":
            data = np.asarray(host(array) if hasattr(array, "dtype") else array, np.float32)
            if data.size:
                key = r.strings.add(tag)
                self.stats.add(np.array([key], np.uint32), at, self.now(), moments(data)[None])
                self._add_histogram(key, at, *histogram(data))
        elif kind == "embedding":
            data = np.array(host(array) if hasattr(array, "dtype") else array, np.float32)
            self.probes.log.add("embedding/" + tag, at, data.nbytes + 128, (data, data.shape, "float32"))
            about = {"label": meta.get("metadata"), "image": meta.get("label_img")}
            rows.note(self.probes.rows, "embedding/" + tag, at, {k: v for k, v in about.items() if v is not None and len(v) == len(data)})
        else:
            self.media.log(kind, tag, at, self.now(), value, meta)
        r.tape.changed()


def loss_name(site: Any) -> str:
    """What the user calls the tensor: `errD` of `errD.backward()`; else the line."""
    info = resolve(site)
    if info is None:
        return "other"
    found = re.search(r"([A-Za-z_]\w*)(?:\s*/[^)]*\))?\.backward\(", info.text)
    return found.group(1) if found else f"line {info.line}"
