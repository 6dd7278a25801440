"""What can be seen of a held pass from where it stands: the node at the cursor, what has arrived, names, memory, and what has been changed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.engine import Stop
from ..core.node import AccumulateGrad, Node, title
from ..core.say import say
from ..core.tensor import Tensor, wrap
from .axes import Axes
from .branch import Change, change
from .changed import Fingers
from .look import At
from .memory import Lens, Memory, told
from .moves import Moves
from .passes import Pass
from .points import Measure
from .where import Where

if TYPE_CHECKING:
    from .check import Check
    from .compare import Comparison
    from .origin import Origin
    from .values import Values


class Sight(Moves[At, Change]):
    """The looking part of `Debugger`."""

    _pass: Pass
    roots: tuple[Tensor, ...]
    module: Any
    noticed: list[str]                                          # parameters that were found changed
    where: Where
    rows: dict[Node, int]
    _fingers: Fingers
    _norms: list[tuple[Any, float]]
    _lens: Lens | None = None
    _axes: Axes | None = None

    @property
    def at(self) -> At | None:
        """The node at the cursor: gradients in and out, what is saved, formula, source line. None when the pass is over."""
        return None if self._stop is None else At(self, self._stop)

    @property
    def index(self) -> int:
        """How many nodes have run: the cursor stands before this one."""
        return self._pass.index

    @property
    def total(self) -> int:
        return self._pass.total

    @property
    def edits(self) -> dict[Node, list[Any]]:
        """What has been put in the place of gradients, by node."""
        return self._pass.edits

    @property
    def arrived(self) -> list[tuple[Tensor, Any]]:
        """What leaves have been given so far, in order."""
        return [(n.variable, g) for n, g in self._pass.arrived]

    @property
    def grads(self) -> dict[str, Tensor]:
        """What has arrived at the leaves so far, by parameter name."""
        return {self.name_of(t): g if isinstance(g, Tensor) else wrap(np.asarray(g)) for t, g in self.arrived}

    @property
    def nbytes(self) -> int:
        return self._pass.nbytes

    def kept(self) -> list[int]:
        return [k.index for k in self._pass.kept]

    def totals(self) -> dict[str, int]:
        return self.lens.totals(self.index, self.nbytes)

    def order(self) -> list[int]:
        return [self.row(n) for n in self._pass.sequence]

    @property
    def _stop(self) -> Stop | None:
        return self._pass.stop

    def _nodes(self) -> list[Node]:
        return [*self._pass.order, *self._pass.leaves]

    def norms(self) -> list[float]:
        """The norm of every gradient that has arrived; each is worked out once."""
        known, arrived = self._norms, self._pass.arrived
        if len(known) > len(arrived) or any(g is not a for (g, _), (_, a) in zip(known, arrived, strict=False)):
            known.clear()
        for _, g in arrived[len(known):]:
            known.append((g, Measure([g]).energy ** 0.5))
        return [norm for _, norm in known]

    @property
    def changed(self) -> list[str]:
        """Leaves whose values have been changed since the pass was held: what runs from here on sees the new ones."""
        return [self.name_of(t) for t in self._fingers.changed()]

    @property
    def lens(self) -> Lens:
        """What the nodes of the pass hold, worked out once."""
        if self._lens is None:
            self._lens = Lens(self._pass)
        return self._lens

    @property
    def axes(self) -> Axes:
        """Names of axes over the pass, found once."""
        if self._axes is None:
            self._axes = Axes(self._pass.order)
        return self._axes

    def reach(self, node: Node, most: int = 1_000_000) -> list[str]:
        seen, stack = {node}, [node]
        found: list[AccumulateGrad] = []
        while stack and len(found) < most:
            n = stack.pop()
            if isinstance(n, AccumulateGrad):
                found.append(n)
            for m in n.next:
                if m is not None and m not in seen:
                    seen.add(m)
                    stack.append(m)
        return [self.name_of(n.variable) for n in sorted(found, key=lambda n: n.seq)]

    # -- answers ---------------------------------------------------------------------------------------------------------------

    def _change(self, how: str, by: Any, value: Any, saved: str | None, nr: int | None, seed: int) -> Change:
        return change(self, how, by, value, saved, nr, seed)

    def _compare(self, branch: tuple[Change, ...]) -> Comparison:
        from .compare import Trial

        return Trial(self, branch).compare()

    def _check(self, node: Node, values: Values | None = None) -> Check:
        from .check import check_node

        return check_node(self, node, values)

    def _values(self) -> Values:
        from .values import Values

        return Values(self._pass.order)

    def _ops(self) -> list[Node]:
        return self._pass.order

    def _origin(self, direction: str | None) -> Origin:
        from .origin import origin
        from .reads import OwnReads

        return origin(OwnReads(self), direction)

    def _memory(self) -> Memory:
        return told(self, self.lens, self.nbytes)

    def _changed_meanwhile(self) -> None:
        changed = self.changed
        if changed:
            if not self._pass.beginning:
                self._pass.kept.clear()                         # they were reached with the old values
            self._fingers = Fingers(self._pass.leaves)
            self.noticed = changed
            self.note = say("changed while the pass was held: {0}", say("{0} and more", ", ".join(changed[:6])) if len(changed) > 6 else ", ".join(changed))

    def _known(self, what: str) -> str:
        if what == "op":
            return ", ".join(sorted({title(n) for n in self._pass.order})[:12])
        if what == "parameter":
            return ", ".join(sorted(self.name_of(n.variable) for n in self._pass.leaves if isinstance(n, AccumulateGrad))[:12])
        if what == "module":
            return ", ".join(sorted({self.where.module(n) for n in self._nodes()} - {""})[:12]) or "no modules that are known here"
        return f"{self.total} nodes"
