"""What a recording reads of parameters: their gradients as a backward pass leaves them, and what an update makes of them."""

from __future__ import annotations

import math
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.sparse import dense
from .frame import STATS
from .graph import Graph
from .log import ItemLog, RowLog
from .names import Param
from .pack import Pack
from .probes import Probes
from .reduce import energy, host, real
from .troubles import Troubles

if TYPE_CHECKING:
    from .recorder import Recorder

_finite = math.isfinite


class Leaves:
    """The half of Values that looks at leaves; called on the recording's thread."""

    def __init__(self, recorder: Recorder) -> None:
        self.r = recorder
        self.level = recorder.level
        self.probes = Probes()
        self.scalars = RowLog(1, 400_000, "f8")
        self.stats = RowLog(10, 200_000)
        self.histograms = ItemLog(64 << 20)
        self.troubles = Troubles(recorder)
        self.touched: list[Any] = []                           # leaves of the backward that runs
        self.leaves: list[tuple[Any, int]] = []                # of the newest: (weak, version)
        self.step_params: dict[int, Param] = {}
        self.grad_steps = 0
        self.pending: dict[int, float] = {}
        self.packs: dict[int, Pack] = {}
        self.by_hand: Pack | None = None
        self.hand_due = False
        self.updated = False
        self.first_optimizer: list[Any] = []                   # weakly; its learning rate is "lr"
        self._flushing = threading.Lock()
        self.due = self.hist_due = self.relu_due = self.activations = False
        self.pack: Pack | None = None
        self._device_norms: list[tuple[int, Any]] = []

    def now(self) -> float:
        raise NotImplementedError

    # -- gradients -------------------------------------------------------------------------------------------------

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
                self._gradient(p, dense(t._grad._array))
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
                self.troubles.parameter("grad", p.name, dense(t._grad._array))

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
                    self._gradient(p, dense(t._grad._array))

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

    # -- updates ---------------------------------------------------------------------------------------------------

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
