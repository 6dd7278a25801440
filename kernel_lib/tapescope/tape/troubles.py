"""Values that are not finite: where the first one was made, of which operands, and how often since."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.node import title
from .reduce import energy, host, nonfinite, real
from .walk import FILLS, Step

if TYPE_CHECKING:
    from .recorder import Recorder

_finite = math.isfinite
MOST = 256


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


class Troubles:
    """What a recording has met so far; owned by its Values, called on its thread."""

    def __init__(self, recorder: Recorder) -> None:
        self.r = recorder
        self.found: list[Trouble] = []
        self.noted: list[tuple[Step, str, Any]] = []           # outputs that are vouched for by what reads them, weakly
        self._at: dict[tuple[str, int, int, str], Trouble] = {}
        self._later: list[tuple[Any, Callable[[bool], None]]] = []

    def __iter__(self) -> Iterator[Trouble]:
        return iter(list(self.found))

    def __len__(self) -> int:
        return len(self.found)

    def add(self, t: Trouble) -> None:
        """Enters the first time of a place; of later ones only their number and the newest step are kept."""
        if self.r.scaling.tolerates(t):
            return
        key = (t.what, t.graph, t.row, t.name)
        t.last = t.step
        known = self._at.get(key)
        if known is not None:
            known.times += 1
            known.last = t.step
        elif len(self.found) < MOST:
            self._at[key] = t
            self.found.append(t)

    def later(self, e: Any, step: Step, op: Any, outputs: tuple[Any, ...]) -> None:
        """For device arrays the answer is awaited at the end of the step; by then the operands are gone."""
        if self.r.scaling.multiplying:
            return
        size, number = int(outputs[0]._array.size), step.graph.number if step.graph else -1

        def tell(made: bool) -> None:
            self.add(Trouble("op", number, step.row, op.name, self.r.step_no, -1, -1, size, made, op.name in FILLS))
        self._later.append((e, tell))

    def op(self, step: Step, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """An output whose energy is not finite."""
        if self.r.scaling.multiplying:
            return
        number = step.graph.number if step.graph else -1
        known = self._at.get(("op", number, step.row, op.name))
        if known is not None:
            known.times += 1
            known.last = self.r.step_no
            return
        self.look_back()
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
        self.add(Trouble("op", number, step.row, op.name, self.r.step_no, nan, inf, size, made,
                              op.name in FILLS and not nan, facts))

    def look_back(self) -> None:
        """Something is not finite: looks through what was vouched for by its readers, as far as it is still there, for where that began."""
        noted, self.noted = self.noted, []
        for step, name, ref in noted:
            array = ref()
            if isinstance(array, np.ndarray) and not _finite(float(energy(array))):
                nan, inf = nonfinite(array)
                if nan or inf:
                    number = step.graph.number if step.graph else -1
                    self.add(Trouble("op", number, step.row, name, self.r.step_no, nan, inf, int(array.size), True))
                    return

    def look_back_on_growth(self) -> None:
        """A structure that was new may lack the readers that vouched for noted outputs."""
        if self.noted:
            self.look_back()

    def node(self, row: int, node: Any, g: Any) -> None:
        """A gradient that may hold something that is not finite."""
        nan, inf = nonfinite(g)
        if nan or inf:
            self.add(Trouble("node", self.r.current, row, title(node), self.r.step_no, nan, inf, int(g.size), False))

    def danger(self, row: int, node: Any, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...]) -> None:
        """After a node whose derivative may be infinite: did it make something that is not finite from finite gradients?"""
        for g in grads_out:
            g = getattr(g, "_array", g)
            if not isinstance(g, (np.ndarray, np.generic)) or _finite(float(energy(g))):
                continue
            nan, inf = nonfinite(g)
            if not nan and not inf:
                continue
            if any(a is not None and any(nonfinite(getattr(a, "_array", a))) for a in grads_in):
                return
            facts = [operand(t) for t, _ in _saved_operands(node)]
            self.add(Trouble("node", self.r.current, row, title(node), self.r.step_no, nan, inf, int(g.size), True, operands=facts))
            return

    def loss(self, tag: str, value: float) -> None:
        """A loss that is not finite."""
        self.look_back()
        self.add(Trouble("loss", self.r.current, -1, tag, self.r.step_no, int(value != value), int(value == value), 1, False))

    def parameter(self, what: str, name: str, array: Any) -> None:
        """A "grad" or "weight" that may hold something that is not finite."""
        nan, inf = nonfinite(array)
        if nan or inf:
            self.add(Trouble(what, self.r.current, -1, name, self.r.step_no, nan, inf, int(array.size), False))

    def settle(self) -> None:
        """One transfer for all that was asked of device arrays in this step; the first of them that is not finite made it, as far as can be told."""
        if not self._later:
            return
        device, self._later = self._later, []
        import cupy

        good = host(cupy.isfinite(cupy.stack([cupy.asarray(e, np.float32) for e, _ in device])))
        bad = [tell for ok, (_, tell) in zip(good, device, strict=True) if not ok]
        for i, tell in enumerate(bad):
            tell(i == 0)


def operand(t: Any) -> dict[str, Any]:
    """Facts of an operand for a finding: shape, dtype, range, counts of NaN and infinity."""
    a = t._array
    facts: dict[str, Any] = {"shape": list(a.shape), "dtype": str(a.dtype), "nan": 0, "inf": 0, "min": None, "max": None, "zero": 0}
    if a.size and (a.dtype.kind in "iu" or real(a)):
        facts["nan"], facts["inf"] = nonfinite(a)
        x = host(a)
        x = x.astype(np.float32) if x.dtype.kind == "V" else x
        with np.errstate(all="ignore"):
            good = x[np.isfinite(x)] if facts["nan"] or facts["inf"] else x
            if good.size:
                facts["min"], facts["max"] = float(good.min()), float(good.max())
            facts["zero"] = int(np.count_nonzero(x == 0))
    return facts


def _saved_operands(node: Any) -> list[tuple[Any, Any]]:
    """Operands that a node still holds, as (tensor, version)."""
    saved = node.saved
    if not isinstance(saved, tuple):                           # freed by now
        return []
    return [e[:2] for e in saved[:node.plan.tensors_saved] if isinstance(e, tuple) and hasattr(e[0], "_array")]
