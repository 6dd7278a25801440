"""How a held pass is moved, whoever runs it: moves that are said by where they stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from ..core.say import say
from .asks import Asks, C
from .held import A
from .where import inside

Until = Callable[[Any, Any], bool]  # whether to stop before a node, into which these gradients come


class Moves(Asks[A, C], Generic[A, C]):
    """Moves that a way to run on is enough for."""

    def _run(self, until: Until, reason: str, watched: bool = True) -> A | None:
        """Runs on to where `until` or a breakpoint holds, or to the end."""
        raise NotImplementedError

    def step(self, n: int = 1) -> A | None:
        """Runs the current node (n of them) and stops before the next; after the last one the pass is complete."""
        self._must_be_held()
        target = self.index + n
        return self._run(lambda node, grads: self.index >= target, say("stepped over {0} node", n) if n == 1 else say("stepped over {0} nodes", n))

    def over(self, n: int = 1) -> A | None:
        """Another word for `step`."""
        return self.step(n)

    def into(self) -> A | None:
        """Into the next node: at this level every node is one step."""
        return self.step()

    def out(self) -> A | None:
        """Runs until the pass leaves the module of the current node."""
        self._must_be_held()
        path, module = self._path(), self.where.module
        return self._run(lambda node, grads: not (inside(module(node), path) if path else not module(node)), say("left {0}", path) if path else say("left the top level"))

    def next_module(self) -> A | None:
        """Runs until the pass comes to another module."""
        self._must_be_held()
        path, module = self._path(), self.where.module
        return self._run(lambda node, grads: module(node) != path, say("came from {0}", path) if path else say("came from the top level"))

    def continue_(self) -> A | None:
        """Runs to the next breakpoint, or to the end; there `.grad` is what `loss.backward()` makes it."""
        self._must_be_held()
        return self._run(lambda node, grads: False, "")

    def _path(self) -> str:
        at = self.at
        return "" if at is None else at.module

    def step_back(self, n: int = 1) -> A | None:
        """Stops before the node that ran last; what has been edited stays edited."""
        raise NotImplementedError

    def back(self, n: int = 1) -> A | None:
        """Another word for `step_back`."""
        return self.step_back(n)


def one_place(given: dict[str, Any]) -> tuple[str, Any]:
    """The one place that `run_to` was given."""
    chosen = {k: v for k, v in given.items() if v is not None}
    if len(chosen) != 1:
        raise TypeError(say("run_to takes one of node, module, op, parameter, index; got {0}", sorted(chosen) or 'none'))
    (what, value), = chosen.items()
    return what, value
