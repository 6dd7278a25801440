"""What can be seen of a held pass of PyTorch from where it stands, and how its engine answers what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...core.say import say
from ...debugger.moves import Moves
from .arrays import quietly
from .branch import TorchChange, TorchTrial, change
from .held import HeldPass, ordered
from .hooks import HookMet
from .look import TorchAt
from .nodes import LEAF
from .where import TorchWhere

if TYPE_CHECKING:
    from ...debugger.check import Check
    from ...debugger.compare import Comparison
    from ...debugger.memory import Memory
    from ...debugger.origin import Origin
    from .known import Known


class TorchSight(Moves[TorchAt, TorchChange]):
    """The looking and answering part of `TorchDebugger`."""

    _pass: HeldPass
    tape: Any
    where: TorchWhere
    roots: tuple[Any, ...]
    module: Any
    rerun_hooks = False                        # whether hooks of others may run again, to go back and to ask what if

    def cannot_run_again(self) -> str:
        """Why the pass cannot go back, '' when it can."""
        raise NotImplementedError

    @property
    def at(self) -> TorchAt | None:
        """The node at the cursor; None when the pass is over."""
        stop = self._pass.stop
        return None if stop is None else TorchAt(self, *stop)

    @property
    def index(self) -> int:
        return self.total if self.state == "done" else max(self._pass.index, 0)

    @property
    def total(self) -> int:
        return self._pass.total

    @property
    def edits(self) -> dict[Any, Any]:
        """What has been put in the place of gradients, and what of branches was kept, by node."""
        return {**{c.node: c for c in self._pass.changes}, **self._pass.edits}

    @property
    def arrived(self) -> list[tuple[Any, Any]]:
        """Leaves that have been reached, and their `.grad` as it now is."""
        return [(t, t.grad) for t in self._pass.reached if t.grad is not None]

    def norms(self) -> list[float]:
        return [float(g.detach().float().norm()) for _, g in self.arrived]

    @property
    def grads(self) -> dict[str, Any]:
        """What has arrived at the leaves so far, by parameter name."""
        return {self.name_of(t): g for t, g in self.arrived}

    def reach(self, node: Any, most: int = 1_000_000) -> list[str]:
        found = set(ordered([node])[0])
        return [self.name_of(n.variable) for n in self._pass.nodes if n in found and hasattr(n, "variable")][:most]

    def order(self) -> list[int]:
        return [self.rows[n] for n in self._pass.nodes if n in self.rows]

    def describe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        with quietly():
            return super().describe()

    # -- answers ----------------------------------------------------------------------------------------------------------------

    def _change(self, how: str, by: Any, value: Any, saved: str | None, nr: int | None, seed: int) -> TorchChange:
        return change(self, how, by, value, saved, nr, seed)

    def _compare(self, branch: tuple[TorchChange, ...]) -> Comparison:
        why = self.cannot_run_again()
        if why:
            raise RuntimeError(say("this pass cannot be run beside itself: {0}", why))
        try:
            return TorchTrial(self, branch).compare()
        except HookMet as met:
            raise RuntimeError(say("this pass cannot be run beside itself: {0}", met.args[0])) from None

    def _memory(self) -> Memory:
        from .memory import memory

        return memory(self)

    def _check(self, node: Any, values: Known | None = None) -> Check:
        from .check import check_node

        return check_node(self, node, values)

    def _values(self) -> Known:
        from .known import Known

        return Known(self._pass.nodes)

    def _origin(self, direction: str | None) -> Origin:
        from ...debugger.origin import origin
        from .reads import TorchReads

        with quietly():
            return origin(TorchReads(self), direction)

    def _ops(self) -> Sequence[Any]:
        return [n for n in self._pass.nodes if n._sequence_nr() < LEAF]

    def _known(self, what: str) -> str:
        nodes = self._pass.nodes
        if what == "op":
            return ", ".join(sorted({n.name() for n in nodes})[:12])
        if what == "parameter":
            return ", ".join(sorted(filter(None, map(self.where.parameter, nodes)))[:12])
        return ", ".join(sorted(filter(None, {self.where.module(n) for n in nodes}))[:12]) if what == "module" else f"{self.total} nodes"
