"""What a recording reads of values: losses, gradient norms, non-finite ones, moments and histograms of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from .frame import FULL, HEALTH, HISTOGRAM, STATS
from .graph import Graph
from .log import ItemLog, RowLog
from .names import Param
from .pack import Pack
from .probes import Probes
from .reduce import energy, histogram, host, moments, nonfinite
from .relu import Relus
from .walk import CHECK, FILLS, KEEP, RELU, TARGET, Step

if TYPE_CHECKING:
    from .recorder import Recorder

_finite = math.isfinite
THIN = 10                        # at level "stats" histograms are made every tenth recorded step
TROUBLES = 256
FULL_BYTES = 256 << 20


@dataclass(slots=True)
class Trouble:
    """The first time that a place held a value that is not finite."""

    what: str                                  # "op", "node", "grad", "weight", "loss"
    graph: int
    row: int                                   # op or node row, -1
    name: str                                  # op or parameter
    step: int
    nan: int
    inf: int
    size: int
    made: bool                                 # from finite operands
    fill: bool = False                         # a constant put there on purpose, as a mask does
    operands: list[dict[str, Any]] = field(default_factory=list)
    times: int = 1
    last: int = 0                              # newest step


class Values:
    """Reads values at the recording's level; owned by a Recorder, called on its thread."""

    def __init__(self, recorder: Recorder) -> None:
        self.r = recorder
        self.level = recorder.level
        self.probes = Probes()
        self.scalars = RowLog(1, 400_000, "f8")
        self.stats = RowLog(10, 200_000)
        self.histograms = ItemLog(48 << 20)
        self.kept = 0                                          # bytes of level "full"
        self.keeping = self.level >= FULL
        self.relus = Relus()
        self.troubles: list[Trouble] = []
        self._trouble_at: dict[tuple[str, int, int, str], Trouble] = {}
        self._device: list[tuple[Any, Callable[[], None]]] = []
        self.touched: list[Any] = []                           # leaves of the backward that runs
        self.leaves: list[tuple[Any, int, int]] = []           # of the newest: (weak, version, number)
        self.step_params: dict[int, Param] = {}
        self.grad_steps = 0
        self.pending: dict[int, float] = {}
        self.losses: dict[int, list[float]] = {}
        self._loss_sites: dict[Any, int] = {}
        self.packs: dict[int, Pack] = {}
        self.by_hand: Pack | None = None
        self.updated = False
        self.labels: dict[int, Any] = {}
        add = recorder.strings.add
        self.k_norm, self.k_time = add("grad_norm"), add("step_time")
        self.due = self.hist_due = self.activations = False

    def begin(self, step: int) -> None:
        """A pass begins: decides what is due in it."""
        every = self.r.every
        self.due = self.level >= HEALTH and step % every == 0
        self.hist_due = self.due and (self.level >= HISTOGRAM or (self.level >= STATS and step % (every * THIN) == 0))
        self.relu_due = self.due and Relus.due(step // every)
        self.activations = bool(self.probes.activations) or (self.level >= HISTOGRAM and self.due)

    def now(self) -> float:
        return (clock() - self.r.started) * 1e-9

    # -- forward ----------------------------------------------------------------------------------------------------------

    def op(self, step: Step, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any) -> None:
        w = step.watch
        if w & CHECK:
            for o in outputs:
                e = energy(o._array)
                if e.__class__ is float or isinstance(e, np.generic):
                    if not _finite(e):
                        self._op_trouble(step, op, inputs, outputs)
                else:
                    self._device.append((e, self._promise(step, op, inputs, outputs)))
        if w & RELU and self.relu_due and self.r.mode_grad():
            self.relus.see(step, outputs[0]._array, self.r)
        if w & TARGET and self.probes.keys and node is not None:
            self._targets(node)
        if w & KEEP and self.keeping and self.due:
            self._keep(step, outputs[0]._array)
        if self.probes.outputs and step.row in self.probes.outputs:
            self.probes.take(f"output/{step.row}", outputs[0], self.r.step_no)

    def _targets(self, node: Any) -> None:
        """The integer targets that a classification loss keeps for its backward are the labels of the batch."""
        target = node.saved[node.plan.names.index("target")] if "target" in node.plan.names else None
        if isinstance(target, tuple):
            target = target[0]
        array = getattr(target, "_array", target)
        if array is not None and array.ndim >= 1 and array.dtype.kind in "iu":
            self.note_labels(host(array).reshape(-1).copy())

    def note_labels(self, labels: Any) -> None:
        """Keeps the newest labels, and those of the steps whose values are kept."""
        self.labels[self.r.step_no] = labels
        if len(self.labels) > 256:
            steps = sorted(self.labels)
            self.labels = {s: self.labels[s] for s in [*steps[:128:2], *steps[128:]]}

    def _promise(self, step: Step, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> Callable[[], None]:
        """For device arrays the answer is awaited at the end of the step; by then the operands are gone."""
        size, number = int(outputs[0]._array.size), step.graph.number if step.graph else -1

        def tell() -> None:
            self._trouble(Trouble("op", number, step.row, op.name, self.r.step_no, -1, -1, size, True, op.name in FILLS))
        return tell

    def _op_trouble(self, step: Step, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        number = step.graph.number if step.graph else -1
        known = self._trouble_at.get(("op", number, step.row, op.name))
        if known is not None:
            known.times += 1
            known.last = self.r.step_no
            return
        nan = inf = size = 0
        for o in outputs:
            a, b = nonfinite(o._array)
            nan, inf, size = nan + a, inf + b, size + int(o._array.size)
        if not nan and not inf:
            return                                             # only the sum of squares was too large
        facts = [operand(t) for t in inputs]
        before_nan, before = any(f["nan"] for f in facts), any(f["nan"] or f["inf"] for f in facts)
        in_place = any(o is t for o in outputs for t in inputs)
        made = not before or (bool(nan) and not before_nan) or in_place
        self._trouble(Trouble("op", number, step.row, op.name, self.r.step_no, nan, inf, size, made,
                              op.name in FILLS and not nan, facts))

    def _trouble(self, t: Trouble) -> None:
        key = (t.what, t.graph, t.row, t.name)
        t.last = t.step
        known = self._trouble_at.get(key)
        if known is not None:
            known.times += 1
            known.last = t.step
        elif len(self.troubles) < TROUBLES:
            self._trouble_at[key] = t
            self.troubles.append(t)

    def _keep(self, step: Step, array: Any) -> None:
        if self.kept + array.nbytes > FULL_BYTES:
            self.keeping = False
            self.r.tape.note("full", f"the {FULL_BYTES >> 20} MB for copies of op outputs are used up at step {self.r.step_no}: "
                                     "no more are made")
            return
        self.kept += array.nbytes
        copy = np.array(host(array))
        self.probes.log.cap = FULL_BYTES + (128 << 20)
        self.probes.log.add(f"output/{step.row}", self.r.step_no, copy.nbytes + 128, (copy, tuple(array.shape), str(array.dtype)))

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
        if self.level >= HISTOGRAM and self.due and array.dtype.kind == "f" and array.size and r.wanted("*", path):
            key = r.strings.add("activation/" + path)
            self.stats.add(np.array([key], np.uint32), r.step_no, self.now(), moments(array, r.step_no)[None])
            self._histogram(key, array)

    def _histogram(self, key: int, array: Any) -> None:
        first, counts = histogram(array, self.r.step_no)
        if len(counts):
            self.histograms.add(key, self.r.step_no, counts.nbytes + 48, (first, counts))

    # -- backward -----------------------------------------------------------------------------------------------------------

    def loss_tag(self, site: Any, name: Callable[[], str]) -> str:
        """"loss" for the first place that calls backward(), "loss/<name>" for others."""
        known = self._loss_sites.get(site)
        if known is None:
            tag = "loss" if not self._loss_sites else "loss/" + name() if len(self._loss_sites) < 64 else "loss/other"
            known = self._loss_sites[site] = self.r.strings.add(tag)
        return self.r.strings[known]

    def backward_begin(self, roots: tuple[Any, ...], site: Any, tag: str) -> None:
        self.touched.clear()
        if not self.level:
            return
        for t in roots[:1]:
            if t._array.size == 1:
                value = float(host(t._array).reshape(-1)[0].real)
                got = self.losses.setdefault(self.r.strings.add(tag), [0.0, 0])
                got[0] += value
                got[1] += 1
                if not _finite(value):
                    self._trouble(Trouble("loss", self.r.current, -1, tag, self.r.step_no, int(value != value), int(value == value), 1, False))

    def node(self, row: int, node: Any, grads_in: tuple[Any, ...]) -> None:
        if not self.due:
            return
        norms = self.r.norms
        for g in grads_in:
            if g is None:
                continue
            g = getattr(g, "_array", g)
            e = energy(g)
            norms.append(row)
            norms.append(e)
            if (e.__class__ is float or isinstance(e, np.generic)) and not _finite(e):
                nan, inf = nonfinite(g)
                if nan or inf:
                    self._trouble(Trouble("node", self.r.current, row, node.name(), self.r.step_no, nan, inf, int(g.size), False))

    def backward_end(self) -> None:
        """Norms of the leaves' gradients as they now are. Exact, whatever their size: this is where a non-finite one cannot hide."""
        touched, self.touched = self.touched, []
        names, step = self.r.names, self.r.step_no
        self.leaves = []
        for t in touched:
            p = names.by_id.get(t._id) or names.leaf(t)
            grad = t._grad
            if p is None or grad is None:
                continue
            p.grad_step = step
            self.step_params[p.index] = p
            self.leaves.append((p.ref, t._version, p.index))
            if not self.level:
                continue
            e = float(energy(grad._array))
            p.energy = e
            if not _finite(e):
                nan, inf = nonfinite(grad._array)
                if nan or inf:
                    self._trouble(Trouble("grad", self.r.current, -1, p.name, step, nan, inf, p.numel, False))
            if self.probes.params and (key := "grad/" + p.name) in self.probes.params:
                self.probes.take(key, grad, step)
        self.grad_steps += bool(touched)
        if self.level >= STATS and self.due and not self.packs and self.leaves:
            self._measure_by_hand(touched)

    def cleared(self) -> bool:
        """Whether the leaves of the newest backward have been updated, or their gradients taken away, since."""
        for ref, version, _ in self.leaves[:8]:
            t = ref()
            if t is None or t._grad is None or t._version != version or not t._grad._array.any():
                return True
        return False

    def leaf_norms(self, g: Graph) -> list[float]:
        """(AccumulateGrad row, squared norm) of the step's leaves in this structure."""
        found: list[float] = []
        for index, p in self.step_params.items():
            src = g.param_src.get(index)
            row = g.acc_node.get(src) if src is not None else None
            if row is not None and p.grad_step == self.r.step_no:
                found += (row, p.energy)
        return found

    # -- updates ------------------------------------------------------------------------------------------------------------

    def update_begin(self, optimizer: Any) -> None:
        self._learning_rates(optimizer)
        if not self.level:
            return
        if self.level >= STATS and self.due:
            self._pack(optimizer).before()

    def _learning_rates(self, optimizer: Any) -> None:
        r = self.r
        own = id(optimizer) == r.pacer or r.pacer in (None, "implicit") or (r.pacer == "manual" and len(self.packs) <= 1)
        base = "lr" if own else f"lr/{type(optimizer).__name__}"
        for i, group in enumerate(optimizer.param_groups):
            lr = group.get("lr")
            if lr is not None:
                self.pending[r.strings.add(base if i == 0 else f"{base}/{i}")] = float(lr)

    def _pack(self, optimizer: Any) -> Pack:
        tensors = [t for group in optimizer.param_groups for t in group["params"]]
        known = self.packs.get(id(optimizer))
        if known is None or known.stale(tensors):
            params = [self.r.names.leaf(t, owned=True) for t in tensors]
            chosen = [(p, t) for p, t in zip(params, tensors, strict=True) if p is not None and t._array.dtype.kind == "f"]
            for p, _ in chosen:
                p.watch = self.r.wanted_param(p.name)
            known = self.packs[id(optimizer)] = Pack(tensors, [(p, t) for p, t in chosen if p.watch and t._array.size], optimizer)
        return known

    def update_end(self, optimizer: Any) -> None:
        if not self.level:
            return
        step = self.r.step_no
        self.updated = True
        if self.level >= STATS and self.due:
            pack = self._pack(optimizer)
            matrix = pack.after()
            self._write(pack, matrix)
            for p, t in pack.big:
                self._check_weight(p, t)
            for p in pack.bad(matrix):
                t = p.ref()
                if t is not None:
                    self._check_weight(p, t)
        else:
            for group in optimizer.param_groups:
                for t in group["params"]:
                    p = self.r.names.by_id.get(t._id)
                    if p is None:
                        p = self.r.names.leaf(t, owned=True)
                    if p is not None:
                        self._check_weight(p, t)
        for key in self.probes.params:
            if key.startswith("weight/"):
                for p in self.r.names.params:
                    if key == "weight/" + p.name and (t := p.ref()) is not None:
                        self.probes.take(key, t, step)

    def _check_weight(self, p: Param, t: Any) -> None:
        e = energy(t._array)
        if not _finite(float(e)):
            nan, inf = nonfinite(t._array)
            if nan or inf:
                self._trouble(Trouble("weight", self.r.current, -1, p.name, self.r.step_no, nan, inf, p.numel, False))

    def _write(self, pack: Pack, matrix: Any) -> None:
        """Rows of a measured update: weight, gradient and update of every parameter that has them."""
        keys, rows = pack.rows(matrix)
        self.stats.add(keys, self.r.step_no, self.now(), rows)
        for key, ratio in pack.ratios(matrix):
            self.pending[key] = ratio
        if self.hist_due:
            for key, array in pack.parts():
                self._histogram(key, array)

    def _measure_by_hand(self, leaves: list[Any]) -> None:
        """Without an optimizer: weights and gradients as backward leaves them; the update is the change since the last time."""
        if self.by_hand is None or self.by_hand.stale(leaves):
            params = [(self.r.names.leaf(t), t) for t in leaves]
            for p, _ in params:
                if p is not None:
                    p.watch = self.r.wanted_param(p.name)
            self.by_hand = Pack(leaves, [(p, t) for p, t in params if p is not None and p.watch and t._array.size and t._array.dtype.kind == "f"])
        self.by_hand.by_hand()

    # -- the end of a step --------------------------------------------------------------------------------------------------

    def end_step(self, ms: float | None) -> None:
        """Writes the step's scalars, one row a tag."""
        r = self.r
        pending = self.pending
        if self._device:
            self._settle()
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
        if self.by_hand is not None and not self.updated and self.by_hand.matrix is not None:
            self._write(self.by_hand, self.by_hand.matrix)
            self.by_hand.matrix = None
        if ms is not None:
            pending[self.k_time] = ms
        if pending:
            self.scalars.add(np.array(list(pending), np.uint32), r.step_no, self.now(), np.array(list(pending.values())).reshape(-1, 1))
            self.pending = {}
        self.updated = False
        self.relus.end_step(r.step_no)

    def _settle(self) -> None:
        """One transfer for all that was asked of device arrays in this step."""
        device, self._device = self._device, []
        import cupy

        good = host(cupy.isfinite(cupy.stack([cupy.asarray(e, np.float32) for e, _ in device])))
        for ok, (_, tell) in zip(good, device, strict=True):
            if not ok:
                tell()

    def stop(self) -> None:
        """Writes what a step that was not ended has so far."""
        if self.losses or self.step_params or self.pending:
            self.end_step(None)

    # -- what the user logs ---------------------------------------------------------------------------------------------------

    def log(self, kind: str, tag: str, value: Any, step: int | None, meta: dict[str, Any]) -> None:
        r = self.r
        at = r.log_step() if step is None else int(step)
        array = getattr(value, "_array", value)
        if kind == "scalar":
            number = float(host(array).reshape(-1)[0]) if hasattr(array, "reshape") else float(array)
            self.scalars.add(np.array([r.strings.add(tag)], np.uint32), at, self.now(), np.array([[number]]))
        elif kind == "histogram":
            data = np.asarray(host(array) if hasattr(array, "dtype") else array, np.float32)
            if data.size:
                key = r.strings.add(tag)
                self.stats.add(np.array([key], np.uint32), at, self.now(), moments(data)[None])
                first, counts = histogram(data)
                if len(counts):
                    self.histograms.add(key, at, counts.nbytes + 48, (first, counts))
        elif kind == "embedding":
            data = np.array(host(array) if hasattr(array, "dtype") else array, np.float32)
            self.probes.log.add("embedding/" + tag, at, data.nbytes + 128, (data, data.shape, "float32"))
            labels = meta.get("metadata")
            if labels is not None and len(labels) == len(data):
                self.labels[at] = np.asarray(labels)
        else:
            r.tape.drop(kind)
        r.tape.changed()


def operand(t: Any) -> dict[str, Any]:
    """Facts of an operand for a finding: shape, dtype, range, counts of NaN and infinity."""
    a = t._array
    facts: dict[str, Any] = {"shape": list(a.shape), "dtype": str(a.dtype), "nan": 0, "inf": 0, "min": None, "max": None, "zero": 0}
    if a.size and a.dtype.kind in "fiu":
        facts["nan"], facts["inf"] = nonfinite(a)
        x = host(a)
        with np.errstate(all="ignore"):
            good = x[np.isfinite(x)] if facts["nan"] or facts["inf"] else x
            if good.size:
                facts["min"], facts["max"] = float(good.min()), float(good.max())
            facts["zero"] = int(np.count_nonzero(x == 0))
    return facts
