"""What a recording asks of tensors on a device: nothing while the step goes on, all of it in one transfer when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch

from ...core.node import title
from ...tape.frame import HEALTH
from ...tape.graph import IN_PLACE, Graph
from ...tape.names import Param
from ...tape.pack import Pack
from ...tape.relu import seen
from ...tape.troubles import Trouble
from ...tape.values import Values
from ...tape.walk import CHECK, FILLS, NOTE, RELU, Step
from .arrays import Away, quietly
from .device import DevicePack, Segments, Waiting, line_of, magnitude, magnitudes, norms, trimmed
from .mirror import Mirror

if TYPE_CHECKING:
    from .recorder import TorchRecorder


def far(array: Any) -> TypeGuard[Away]:
    """Whether an array stands for a tensor on a device."""
    return type(array) is Away and array.far


class DeviceValues(Values):
    """Values of which some lie on a device; those of the host go the way of `Values`."""

    r: TorchRecorder

    def __init__(self, recorder: TorchRecorder) -> None:
        super().__init__(recorder)
        self.away = False                                      # whether any tensor on a device has been met
        self.waiting = Waiting()
        self.queried: set[int] = set()                         # entries (op rows; sources below 0) of this pass that are asked whether they are finite
        self.bad: set[int] = set()                             # and those of them that are not
        self.sick: set[int] = set()                            # parameters that have not been, by number
        self._gradients: dict[int, tuple[Param, Any]] = {}
        self._weights: list[tuple[Param, Any]] = []
        self._left: list[tuple[int, int]] = []                 # gradients as the newest backward has left them
        self._sampled: list[tuple[int, int, Any]] = []         # of activations: key, size of the whole, values
        self._segments: dict[Any, Segments] = {}

    def notice(self) -> None:
        """A tensor on a device is met for the first time."""
        self.away = True
        self.set_mask()

    def begin(self, step: int) -> None:
        super().begin(step)
        self.queried, self.bad = set(), set()

    def set_mask(self) -> None:
        super().set_mask()
        if self.away:                                          # `check` asks; the recorder would read at once
            self.r.mask &= ~(CHECK | NOTE)

    # -- forward ----------------------------------------------------------------------------------------------------------

    def check(self, step: Step, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """After an op whose output may not be finite."""
        r, graph = self.r, self.r.growing or step.graph
        if graph is None:
            return
        row, at, asked, bad = step.row, r.step_no, self.queried, self.bad
        for entry, t in zip(graph.inputs_of(row), inputs, strict=False):
            if entry < 0 and entry not in asked:               # data, or a parameter: was it so before?
                asked.add(entry)
                if (p := graph.src_param[-entry - 1]) in self.sick:
                    bad.add(entry)
                elif p < 0 and far(array := t._array) and array.size and array.dtype.kind in "fc":
                    self._ask(array, entry, lambda: None)
        for o in outputs:
            array = o._array
            if not far(array):
                Values.op(self, step, CHECK, op, inputs, (o,), None)
            elif array.size and not r.scaling.multiplying:
                asked.add(row)

                def tell(graph: Graph = graph, size: int = array.size) -> None:
                    made = bool(graph.op_flags[row] & IN_PLACE) or not _comes_from(graph, row, bad, asked)
                    self.troubles.add(Trouble("op", graph.number, row, op.name, at, -1, -1, size, made, op.name in FILLS))

                self._ask(array, row, tell)

    def _ask(self, array: Any, entry: int, tell: Callable[[], None]) -> None:
        """Whether a value is finite; if not, it is entered as bad, and told."""
        bad = self.bad

        def found(most: Any) -> None:
            if not math.isfinite(most[0]):
                tell()
                bad.add(entry)

        with quietly(), torch.no_grad():
            self.waiting.add(magnitude(array.tensor), found)

    def op_away(self, step: Step, w: int, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> int:
        """Asks what a device can be asked; gives what is left to ask."""
        array = outputs[0]._array
        if w & RELU and far(array):
            w &= ~RELU
            unit = self.relus.of(step, array.ndim, self.r) if self.r.mode_grad() else None
            if unit is not None:
                unit.last_step = at = self.r.step_no
                with quietly(), torch.no_grad():
                    part, rest = seen(array.tensor)
                    size, alive = part.numel(), (part > 0).amax(rest) if rest else part > 0
                    self.waiting.add(alive, lambda found: unit.add(found > 0, size, at))
        return w

    def sample_away(self, key: int, array: Any, first: int, stride: int) -> None:
        """Puts a sample of an activation by, where it is."""
        with quietly(), torch.no_grad():
            self._sampled.append((key, array.size, line_of(array.tensor, stride, first).float().clone()))

    def _reduce_sampled(self) -> None:
        sampled, self._sampled = self._sampled, []
        step, time = self.r.step_no, self.now()
        for device in dict.fromkeys(t.device for _, _, t in sampled):
            part = [s for s in sampled if s[2].device == device]
            shape = (device, tuple([t.numel() for _, _, t in part]), tuple([n for _, n, _ in part]))
            segments = self._segments.get(shape)
            if segments is None:
                if len(self._segments) > 8:
                    self._segments.clear()
                segments = self._segments[shape] = Segments(shape[1], [float(n) for n in shape[2]], device)
            with quietly(), torch.no_grad():
                line = segments.new()
                segments.gather([t for _, _, t in part], line)
                rows, bits = segments.moments(line).cpu().numpy(), segments.bins(line).cpu().numpy()
            keys = np.array([k for k, _, _ in part], np.uint32)
            self.stats.add(keys, step, time, rows)
            firsts, widths, counts = trimmed(bits)
            self.histograms.add(0, step, counts.nbytes + 24 * len(keys), (keys, firsts, widths, counts))

    # -- backward -----------------------------------------------------------------------------------------------------------

    def backward_begin(self, roots: tuple[Any, ...], site: Any) -> None:
        array = roots[0]._array if roots and self.level else None
        if far(array) and array.size == 1:
            key = self._loss_key(site)
            self.waiting.add(array.tensor.real if array.tensor.is_complex() else array.tensor, lambda found: self._loss(key, float(found[0])))
            roots = ()
        super().backward_begin(roots, site)

    def node(self, row: int, node: Any, grads_in: tuple[Any, ...]) -> None:
        here = [g for g in grads_in if g is not None and not far(g)]
        if here:
            super().node(row, node, tuple(here))
        for g in grads_in:
            if far(g) and g.size:
                self._node_away(row, node, g)

    def _node_away(self, row: int, node: Any, g: Away) -> None:
        r = self.r
        energies, down, graph, at, size = r.norm_values, r.scaling.factor ** -2, r.current, r.step_no, g.size
        i = len(energies)
        r.norm_rows.append(row)
        energies.append(math.nan)

        def tell(found: Any) -> None:
            energies[i] = float(found[0]) ** 2 * down
            if not math.isfinite(found[1]):
                self.troubles.add(Trouble("node", graph, row, title(node), at, -1, -1, size, False))

        with quietly(), torch.no_grad():
            self.waiting.add(torch.cat([norms([g.tensor]), magnitudes([g.tensor])]), tell)

    def danger(self, row: int, node: Any, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...]) -> None:
        """After a node whose derivative may be infinite: did it make something that is not finite from finite gradients?"""
        if not any(map(far, grads_out)):
            self.troubles.danger(row, node, grads_in, grads_out)
            return
        graph, at = self.r.current, self.r.step_no
        came, gone = ([g.tensor for g in grads if far(g) and g.size] for grads in (grads_in, grads_out))
        given, size = len(came), sum(t.numel() for t in gone)

        def tell(found: Any) -> None:
            good = np.isfinite(found)
            if good[:given].all() and not good[given:].all():
                self.troubles.add(Trouble("node", graph, row, title(node), at, -1, -1, size, True))

        if gone:
            with quietly(), torch.no_grad():
                self.waiting.add(magnitudes([*came, *gone]), tell)

    def backward_end(self) -> None:
        super().backward_end()
        if self.away:
            self._left = [_left(t) for ref, _ in self.leaves[:8] if (t := ref()) is not None]
        asked, self._gradients = list(self._gradients.values()), {}
        if asked:
            params = [p for p, _ in asked]

            def tell(found: Any) -> None:
                for p, norm in zip(params, found.tolist(), strict=True):
                    self._grad_energy(p, norm * norm)

            with quietly(), torch.no_grad():
                self._by_device(asked, norms, tell)

    def _by_device(self, asked: list[tuple[Param, Any]], measure: Any, tell: Any) -> None:
        if len({t.device for _, t in asked}) == 1:
            self.waiting.add(measure([t for _, t in asked]), tell)
        else:                                                  # a model that is spread over devices
            self.waiting.add(torch.cat([measure([t]).cpu() for _, t in asked]), tell)

    def _gradient(self, p: Param, array: Any) -> None:
        if far(array) and array.size:
            self._gradients[p.index] = p, array.tensor
        else:
            super()._gradient(p, array)

    def cleared(self) -> bool:
        """Whether the leaves of the newest backward have been updated, or their gradients taken away or set to zero, since."""
        if not self.away:
            return super().cleared()
        for (ref, version), left in zip(self.leaves[:8], self._left, strict=False):
            t = ref()
            if t is None or t._version != version or _left(t) != left:
                return True
        return False

    # -- updates ------------------------------------------------------------------------------------------------------------

    def _packed(self, tensors: list[Any], members: list[tuple[Param, Any]], optimizer: Any) -> Pack:
        return (DevicePack if any(far(t._array) for _, t in members) else Pack)(tensors, members, optimizer)

    def _check_weight(self, p: Param, t: Any) -> None:
        array = None if t is None else t._array
        if far(array) and array.size:
            self._weights.append((p, array.tensor))
        else:
            super()._check_weight(p, t)

    def update_end(self, optimizer: Any) -> None:
        pack = self.pack
        super().update_end(optimizer)
        if type(pack) is DevicePack:
            for p, ref in zip(pack.params, pack.refs, strict=True):
                self._check_weight(p, ref())
        asked, self._weights = self._weights, []
        if asked and self.level >= HEALTH:
            def tell(found: Any) -> None:
                for (p, t), most in zip(asked, found.tolist(), strict=True):
                    if not math.isfinite(most):
                        self.sick.add(p.index)
                        self.troubles.parameter("weight", p.name, Away(t))

            with quietly(), torch.no_grad():
                self._by_device(asked, magnitudes, tell)

    # -- the end of a step --------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        super().settle()
        self.waiting.settle()
        if self._sampled:
            self._reduce_sampled()

    def settled_norms(self, values: list[float]) -> list[float]:
        self.waiting.settle()
        return super().settled_norms(values)


def _left(t: Any) -> tuple[int, int]:
    """Which tensor a leaf's gradient is, one of ours perhaps, and in which version; nothing of it is read."""
    grad = t._tensor.grad if isinstance(t, Mirror) else t._grad
    return id(grad), -1 if grad is None else grad._version


def _comes_from(g: Graph, row: int, bad: set[int], queried: set[int]) -> bool:
    """Whether an operand of an op was not finite, as far as ops that were asked tell."""
    seen_, stack = {row}, [row]
    while stack:
        for entry in g.inputs_of(stack.pop()):
            if entry in bad:
                return True
            if entry >= 0 and entry not in seen_ and entry not in queried:
                seen_.add(entry)
                stack.append(entry)
    return False
