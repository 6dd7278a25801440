"""Which breakpoints one pass may meet, and at which of its nodes: the same for every engine, but for what its nodes are like."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from .points import Breakpoint, Measure


class Knows(Protocol):
    """Who knows where nodes are."""

    def module(self, node: Any) -> str: ...


W = TypeVar("W", bound=Knows)


class Plan(Generic[W]):
    """The breakpoints that one pass may meet, by node. What an engine's nodes are like is said by the methods that begin with "at_" and by `names`."""

    measure: type[Measure] = Measure

    def __init__(self, order: Sequence[Any], leaves: Iterable[Any], where: W, found: Sequence[Breakpoint]) -> None:
        self.at: dict[Any, list[Breakpoint]] = {}
        self.anywhere = [b for b in found if not b.places and not b.exception]
        self.exception = next((b for b in found if b.exception), None)
        self.where = where
        self.hits: list[Breakpoint] = []
        self.met: set[int] = set()                              # those of no place that have stopped this pass: once is enough
        self.key: Callable[[Any], Any] = lambda node: None
        placed = self.possible(order, [b for b in found if b.places])
        if placed:
            self._place(order, list(leaves), placed)

    def possible(self, order: Sequence[Any], placed: list[Breakpoint]) -> list[Breakpoint]:
        """Those that this pass may have at all."""
        return placed

    def at_node(self, b: Breakpoint, node: Any) -> bool:
        """Whether a breakpoint stands at a node that an op made."""
        return b.at_place(node.op, node.site, partial(self.where.module, node), node.shape)

    def at_once(self, b: Breakpoint, node: Any) -> Hashable:
        """What several nodes of one place have in common, at the first of which alone it pauses; None for a place of its own."""
        return None

    def names(self, leaf: Any) -> Iterable[str]:
        """What a leaf with a variable is called."""
        return ()

    def _place(self, order: Sequence[Any], leaves: list[Any], placed: list[Breakpoint]) -> None:
        for b in placed:
            if b.parameter is None:
                nth, seen = 0, set()
                for n in order:
                    if not self.at_node(b, n):
                        continue
                    one = self.at_once(b, n)
                    if one is not None:
                        if one in seen:
                            continue
                        seen.add(one)
                    nth += 1
                    if b.nth is not None and nth != b.nth + 1:
                        continue
                    self.at.setdefault(n, []).append(b)
                    if b.op is None and b.line is None and not b.conditional and b.shape is None:
                        break                                   # a module: where the pass comes into it
            if b.parameter is not None or (b.op is None and b.line is None and b.conditional):
                for n in leaves:
                    if any(b.at_leaf(name) and b.at_place(None, None, partial(self.where.module, n), tuple(n.variable.shape), name) for name in self.names(n)):
                        self.at.setdefault(n, []).append(b)

    @property
    def unlikely(self) -> bool:
        """Whether all that could stop the pass are conditions that have never held."""
        return self.exception is None and all(b.conditional and not b.hits for bs in (self.anywhere, *self.at.values()) for b in bs)

    def __bool__(self) -> bool:
        return bool(self.at or self.anywhere or self.exception)

    def quiet(self, node: Any, grads: Any) -> bool:
        """Whether a first look shows that no condition that is asked everywhere holds here."""
        return False

    def until(self, node: Any, grads: Any) -> bool:
        """Whether some breakpoint pauses before `node`."""
        found = self.at.get(node)
        if self.anywhere:
            if found is None and self.quiet(node, grads):
                return False
            found = [*found, *self.anywhere] if found else self.anywhere
        if not found:
            return False
        m = self.measure(grads)
        hits = [b for b in found if b.enabled and b.id not in self.met and b.holds(m, self.key(node) if b.when == "jump" else None) and b.meet()]
        if hits:
            self.hits = hits
            self.met.update(b.id for b in hits if not b.places)
        return bool(hits)
