"""What a recording reads of values: losses, gradient norms, non-finite ones, moments and histograms of parameters."""

from __future__ import annotations

import math
import re
import threading
import weakref
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import resolve
from . import rows
from .frame import FULL, HEALTH, HISTOGRAM, STATS
from .graph import Graph
from .log import ItemLog, RowLog
from .media import Media
from .names import Param
from .pack import Pack
from .probes import Probes
from .reduce import EXACT, array_of, energy, flat, histogram, host, moments, real
from .relu import Relus
from .sites import settled
from .troubles import Troubles
from .walk import CHECK, KEEP, NOTE, RELU, TARGET, Step

if TYPE_CHECKING:
    from .recorder import Recorder

_finite = math.isfinite
THIN, THINNER, SOON = 10, 25, 50       # at level "stats" histograms are made at every 10th recorded step, after the first fifty at every 25th
GRAD_SAMPLE = 4096               # elements of a gradient above 64k elements that its norm is estimated from
FULL_BYTES = 256 << 20

PICTURES_NS = 100_000_000           # between two batches whose pictures are kept

class Values:
    """Reads values at the recording's level; owned by a Recorder, called on its thread."""

    def __init__(self, recorder: Recorder) -> None:
        self.r = recorder
        self.level = recorder.level
        self.probes = Probes()
        self.scalars = RowLog(1, 400_000, "f8")
        self.stats = RowLog(10, 200_000)
        self.histograms = ItemLog(64 << 20)
        self.media = Media()
        self.kept = 0                                          # bytes of level "full"
        self.keeping = self.level >= FULL
        self.sources: dict[int, tuple[int, int, int]] = {}     # entry of a source -> step, tensor and version that have been copied
        self.relus = Relus()
        self.troubles = Troubles(recorder)
        self.clipped: set[int] = set()                         # steps whose gradients were not used as they were measured
        self.touched: list[Any] = []                           # leaves of the backward that runs
        self.leaves: list[tuple[Any, int]] = []                # of the newest: (weak, version)
        self.step_params: dict[int, Param] = {}
        self.grad_steps = 0
        self.pending: dict[int, float] = {}
        self.losses: dict[int, list[float]] = {}
        self._loss_sites: dict[Any, int] = {}
        self._loss_at: Any = None                              # the newest of them, found without hashing a code object
        self.packs: dict[int, Pack] = {}
        self.by_hand: Pack | None = None
        self.hand_due = False
        self.updated = False
        self.first_optimizer: list[Any] = []                   # weakly; its learning rate is "lr"
        self._flushing = threading.Lock()
        self.labels: dict[int, Any] = {}
        self.asked = False                                     # probes look at what goes into modules
        self._pictured = 0
        self.given: Any = None                                 # what the outermost call has been given, while it is asked for
        add = recorder.strings.add
        self.k_norm, self.k_time = add("grad_norm"), add("step_time")
        self.slow = True                                       # steps are long enough for a norm at every node in each of them
        self.due = self.hist_due = self.relu_due = self.activations = False
        self.pack: Pack | None = None
        self._device_norms: list[tuple[int, Any]] = []

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
        if node is None:                                       # nobody asks for gradients: what it is given tells the same
            target = inputs[1] if len(inputs) > 1 else None
        else:
            target = node.saved[node.plan.names.index("target")] if "target" in node.plan.names else None
        if isinstance(target, tuple):
            target = target[0]
        array = getattr(target, "_array", target)
        if array is not None and array.ndim >= 1 and array.dtype.kind in "iu":
            self._classes(inputs[0]._array, host(array))

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

    def backward_end(self) -> None:
        """Norms of the leaves' gradients as they now are. Exact, whatever their size: this is where a non-finite one cannot hide."""
        touched, self.touched = self.touched, []
        r = self.r
        by_id, step, level = r.names.by_id, r.step_no, self.level
        paced = r.pacer is None or r.pacer == "implicit"       # nobody has said yet when a step ends
        if paced:
            self.leaves = []
        together = level >= STATS and self.due
        params = self.step_params
        for t in touched:
            p = by_id.get(t._id) or r.names.leaf(t)
            if p is None or t._grad is None:
                continue
            p.grad_step = step
            params[p.index] = p
            if paced:
                self.leaves.append((p.ref, t._version))
            if level and not (together and p.packed):
                self._gradient(p, t._grad._array)
        if together and touched:
            if self.packs:
                self._grads_together()
            else:
                self._measure_by_hand(touched)
        if self.probes.params:
            for t in touched:
                p = by_id.get(t._id)
                if p is not None and t._grad is not None and (key := "grad/" + p.name) in self.probes.params:
                    self.probes.take(key, t._grad, step)
        self.grad_steps += bool(touched)

    def _gradient(self, p: Param, array: Any) -> None:
        """The squared norm of a parameter's gradient."""
        self._grad_energy(p, float(energy(array)))

    def _grad_energy(self, p: Param, e: float) -> None:
        p.energy = e
        if not _finite(e):
            t = p.ref()
            if t is not None and t._grad is not None:
                self.troubles.parameter("grad", p.name, t._grad._array)

    def _grads_together(self) -> None:
        """The squared norms of the gradients of every optimizer that this backward has reached."""
        step = self.r.step_no
        for pack in list(self.packs.values()):
            if not any(p.grad_step == step for p in pack.params):
                continue
            try:
                energies = pack.gradients(step, self.hist_due)
            except (ValueError, AttributeError):               # another shape than it had: packed anew at the update
                pack.groups = None
                energies = None
            if energies is not None:
                for p, e in zip(pack.params, energies, strict=True):
                    if e < math.inf:
                        p.energy = e
                    else:
                        self._grad_energy(p, e)
                continue
            for p, ref in zip(pack.params, pack.refs, strict=True):
                t = ref()
                if t is not None and t._grad is not None:
                    self._gradient(p, t._grad._array)

    def cleared(self) -> bool:
        """Whether the leaves of the newest backward have been updated, or their gradients taken away, since."""
        for ref, version in self.leaves[:8]:
            t = ref()
            if t is None or t._grad is None or t._version != version or not t._grad._array.any():
                return True
        return False

    def leaf_norms(self, g: Graph) -> tuple[list[int], list[float]]:
        """AccumulateGrad rows of the step's leaves in this structure, and the squared norms of their gradients."""
        rows: list[int] = []
        energies: list[float] = []
        step, sources, nodes = self.r.step_no, g.param_src, g.acc_node
        for index, p in self.step_params.items():
            if p.grad_step == step:
                row = nodes.get(sources.get(index, -1))
                if row is not None:
                    rows.append(row)
                    energies.append(p.energy)
        return rows, energies

    def settled_norms(self, values: list[float]) -> list[float]:
        """The pass's squared norms, with those of device arrays, in one transfer, where they belong."""
        if self._device_norms:
            import cupy

            found = host(cupy.stack([cupy.asarray(e, np.float32) for _, e in self._device_norms]))
            for (i, _), e in zip(self._device_norms, found.tolist(), strict=True):
                values[i] = e
            self._device_norms = []
        return values

    # -- updates ------------------------------------------------------------------------------------------------------------

    def update_begin(self, optimizer: Any) -> None:
        self._learning_rates(optimizer)
        self.pack = None
        if self.level >= STATS and self.due:
            self.pack = self._pack(optimizer)
            try:
                self.pack.before(self.r.step_no, self.hist_due)
            except (ValueError, AttributeError):               # a parameter has another shape than it had
                self._settle_pack(self.packs.pop(id(optimizer)))
                self.pack = self._pack(optimizer)
                self.pack.before(self.r.step_no, self.hist_due)

    def _learning_rates(self, optimizer: Any) -> None:
        r = self.r
        if not self.first_optimizer or self.first_optimizer[0]() is None:
            self.first_optimizer = [weakref.ref(optimizer)]
        base = "lr" if self.first_optimizer[0]() is optimizer else f"lr/{type(optimizer).__name__}"
        for i, group in enumerate(optimizer.param_groups):
            lr = group.get("lr")
            if lr is not None:
                self.pending[r.strings.add(base if i == 0 else f"{base}/{i}")] = float(lr)

    def _pack(self, optimizer: Any) -> Pack:
        known = self.packs.get(id(optimizer))
        if known is None or known.stale(optimizer):
            tensors = [t for group in optimizer.param_groups for t in group["params"]]
            if known is not None:
                self._settle_pack(known)
            known = self.packs[id(optimizer)] = self._packed(tensors, self._members(tensors, True), optimizer)
        return known

    def _packed(self, tensors: list[Any], members: list[tuple[Param, Any]], optimizer: Any) -> Pack:
        return Pack(tensors, members, optimizer)

    def _members(self, tensors: list[Any], owned: bool) -> list[tuple[Param, Any]]:
        found: dict[int, tuple[Param, Any]] = {}
        for t in tensors:
            p = self.r.names.leaf(t, owned=owned)
            if p is not None:
                p.watch = self.r.wanted_param(p.name)
                if p.watch and t._array.size and real(t._array):
                    found[p.index] = (p, t)
        return list(found.values())

    def update_end(self, optimizer: Any) -> None:
        if not self.level:
            return
        step = self.r.step_no
        self.updated = True
        pack = self.pack
        if pack is not None:
            self.pack = None
            pack.after(step, self.hist_due)
            self._write(pack)
            for p, ref in pack.big:
                self._check_weight(p, ref())
            if not pack.finite:
                for p in pack.params:
                    self._check_weight(p, p.ref())
        else:
            by_id = self.r.names.by_id
            for group in optimizer.param_groups:
                for t in group["params"]:
                    found = by_id.get(t._id) or self.r.names.leaf(t, owned=True)
                    if found is not None:
                        self._check_weight(found, t)
        for key in self.probes.params:
            if key.startswith("weight/"):
                for p in self.r.names.params:
                    if key == "weight/" + p.name and (t := p.ref()) is not None:
                        self.probes.take(key, t, step)

    def _check_weight(self, p: Param, t: Any) -> None:
        if t is None:
            return
        e = energy(t._array)
        if not _finite(float(e)):
            self.troubles.parameter("weight", p.name, t._array)

    def _write(self, pack: Pack) -> None:
        """Puts a measured update by: its moments are made when somebody reads them, or with those of other steps."""
        if self.hist_due:
            rows = pack.histograms()
            self.histograms.add(0, self.r.step_no, rows[3].nbytes + 24 * len(rows[0]), rows)
        if pack.commit(self.r.step_no, self.now()):
            self._settle_pack(pack)

    def flush(self) -> None:
        """Makes rows of all measures that wait. From any thread."""
        for pack in [*self.packs.values(), *([self.by_hand] if self.by_hand is not None else [])]:
            self._settle_pack(pack)

    def _settle_pack(self, pack: Pack) -> None:
        with self._flushing:
            n = pack.n
            for steps, times, keep, rows in pack.settle():
                with np.errstate(all="ignore"):
                    ratio = rows[:, 2 * n:, 4] / rows[:, :n, 4]
                if keep is None:
                    self.scalars.add_many(pack.ratio_keys, steps, times, ratio.reshape(-1, 1))
                    self.stats.add_many(pack.all_keys, steps, times, rows.reshape(-1, 10))
                else:
                    both = keep[n:2 * n] & keep[2 * n:]
                    if both.any():
                        keys = [k for k, b in zip(pack.ratio_keys, both, strict=True) if b]
                        self.scalars.add_many(keys, steps, times, ratio[:, both].reshape(-1, 1))
                    self.stats.add_many(pack.all_keys[keep], steps, times, rows[:, keep].reshape(-1, 10))

    def _measure_by_hand(self, leaves: list[Any]) -> None:
        """Without an optimizer: weights and gradients as backward leaves them; the update is the change since the last time."""
        if self.by_hand is None or not self.by_hand.fits(leaves):
            if self.by_hand is not None:
                self._settle_pack(self.by_hand)
            self.by_hand = self._packed(leaves, self._members(leaves, False), None)
            for p in self.by_hand.params:
                p.packed = False
        self.by_hand.by_hand(self.r.step_no, self.hist_due)
        self.hand_due = True

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
        self.updated = False
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
