"""A backward pass that can be held: run it to a node, run it again from a place that was kept, and write `.grad` when it is complete.

Going back is running again. Places on the way are kept within a budget of bytes, so that a step back runs few nodes; a pass through hooks starts
from its beginning, because what hooks remember cannot be kept. Random numbers and retained gradients are put back first.

A pass that only looks out for values is `light` until it is held: it frees and writes as `backward()` does, and once held goes back no further.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from ..core.engine import Stop, _write, _write_connected, discover, walk, written
from ..core.node import AccumulateGrad, Freed, Node
from ..core.say import say
from ..core.site import Site
from ..core.state import mode, set_sink
from ..core.tensor import Tensor, accumulator, wrap
from .kept import Kept, dice, own, throw_again

Until = Callable[[Node, list[Any]], bool]
STRIDE = 8                         # nodes between two kept places, at first
BUDGET = 64 << 20                  # bytes of gradients that kept places may hold
MOST = 256                         # kept places; beyond either, every other one is let go


class Pass:
    """The mechanics of one held pass; it knows nothing of tapes, names or views.

    `index` is the number of nodes that have run, `stop` the place before the next one, `arrived` what leaves have been given so far.
    """

    def __init__(self, roots: Sequence[Tensor], start: list[Any], *, retain: bool = True, create: bool = False,
                 captures: dict[tuple[Node, int], list[Any]] | None = None, accumulate: bool = True, site: Site | None = None,
                 found: tuple[list[Node], dict[Node, int]] | None = None) -> None:
        self.roots, self.start = tuple(roots), start
        self.retain, self.create, self.captures, self.accumulate, self.site = retain, create, captures, accumulate, site
        starts = [t._node if t._node is not None else accumulator(t) for t in roots]
        self.order, self.leaves = found or discover(starts)
        for node in self.order:
            if isinstance(node.saved, Freed):
                from ..core.errors import freed

                raise freed(node)
        self.total = len(self.order) + len({*self.leaves, *(n for n in starts if n.__class__ is AccumulateGrad)})
        self.foreign = any(n.plan is None for n in self.order)
        self.writers = [n for n in self.order if n.plan is None and getattr(getattr(n, "_function", None), "writes_grad", False)] if self.foreign else []
        self.hooked = any(_hooks(n) for n in (*self.order, *self.leaves))
        self.retained = [t for n in self.order if n.extra is not None for _, r in n.extra.retain or () if (t := r()) is not None]
        self.edits: dict[Node, list[Any]] = {}
        self.changes: Any = None                                # of a branch that has been kept; see `branch`
        self._put: dict[Node, Any] = {}                         # what nodes had saved, where changes have put something else
        self.arrived: list[tuple[AccumulateGrad, Any]] = []
        self.stop: Stop | None = None
        self.index = -1
        self.furthest = -1                                      # arrivals up to here have been seen by the tape
        self.sink: Any = None                                   # who hears of first arrivals
        self.kept: list[Kept] = []
        self.stride, self.budget = STRIDE, BUDGET
        self.keeping = True                                     # whether places are kept on the way
        self.light = False                                      # nobody holds it yet: what has run is freed, and written
        self.beginning = 0                                      # the first node to which it can go back
        self.told: set[Node] = set()                            # leaves whose writing the tape has heard of
        self.consumers: dict[Node, list[Node]] | None = None    # who leads to a node; see `shares`
        self.failed: Node | None = None                         # the node that raised
        self.took: dict[Node, int] = {}                         # ns that nodes ran when they last did, hooks included
        self._since = 0
        self._last: Node | None = None
        self._sequence: list[Node] | None = None
        self._counted: tuple[tuple[int, ...], int] = ((), 0)
        self.waiting: dict[Node, Any] = {}
        self.first = Kept(self, 0, 0, {}, {})
        self.first.dice = dice()
        self._position: dict[Node, int] = {}
        self._until: Until | None = None
        self._walk: Any = None

    # -- moving -----------------------------------------------------------------------------------------------------------------

    def begin(self, light: bool = False) -> None:
        """Stands before anything has run, and has not looked at the first node yet."""
        self.light, self.keeping = light and not self.hooked and not self.create, not light
        self.close()
        self.index = -1
        self._last = None
        self._walk = walk(self.roots, [g.copy() if self.hooked and not self.create else g for g in self.start], **self._options())

    def advance(self, until: Until | None = None) -> bool:
        """Runs the current node and goes on to the next one where `until` holds; False at the end of the pass."""
        before = mode.sink
        self._until = until
        if self.index >= self.furthest:
            set_sink(self.sink)
        else:
            set_sink(None)
        self._since = clock()
        try:
            self.stop = next(self._walk, None)
        except BaseException:
            self.failed = self._last
            raise
        finally:
            set_sink(before)
        if self.stop is None:
            self._ran()
            self.index += 1
            self.total = self.furthest = self.index
            return False
        return True

    def take_hold(self) -> None:
        """From here on somebody holds the pass: nothing more is freed, and what has been written is taken back until it is complete."""
        self.keeping = True
        if not self.light:
            return
        self.light = False
        stop = self.stop
        assert stop is not None
        self.beginning = self.index
        for i, (node, _) in enumerate(self.arrived):
            if node in self.told:
                taken, node.variable._grad = node.variable._grad, None
                self.arrived[i] = (node, None if taken is None else taken._array)
        if not isinstance(stop.node, AccumulateGrad):
            self._place(stop.node, stop.grads if stop.node.extra is not None and stop.node.extra.outs is not None else stop.grads[0], self.waiting, self.leaves, self.index)

    def check(self, index: int, aside: bool = False) -> None:
        """Raises RuntimeError when the pass cannot go back as far as this, or run on from there `aside`."""
        if self.writers:
            ran = self.sequence[:max(self.index, 0)]
            if aside or any(n in self.writers for n in ran[index:]):
                raise RuntimeError(say("this pass cannot be run again: a checkpoint with use_reentrant=True writes .grad while its node runs; with use_reentrant=False it can"))
        if self.beginning and not any(k.index <= index for k in self.kept):
            raise RuntimeError(say("the pass had freed its first {0} nodes before the breakpoint was met, so it cannot go back to node {1}; "
                                   "from now on passes keep them, or call backward(retain_graph=True)", self.beginning, index + 1))

    def rewind(self, index: int) -> None:
        """Stands before node `index`, wherever the pass stands now."""
        self.check(index)
        if not self.hooked and any(_hooks(n) for n in (*self.order, *self.leaves)):
            self.hooked = True                                  # registered since
            self.kept.clear()
        place = next((k for k in reversed(self.kept) if k.index <= index), None)
        if place is None:
            self.put_back(self.first)
            self.begin()
        else:
            self.close()
            self.put_back(place)
            self.index = place.index - 1
            self._last = None
            self._walk = walk(self.roots, self.start, resume=(self.order[place.position:], place.again(), dict(place.leaves)), **self._options())
        if not self.advance(lambda node, grads: self.index >= index) or self.index != index:
            raise RuntimeError(say("the pass has become shorter than it was: something it depends on has changed"))

    def put_back(self, place: Kept) -> None:
        """Restores what a pass leaves beside itself: what has arrived, retained gradients, random numbers."""
        del self.arrived[place.arrived:]
        for values, n in zip((self.captures or {}).values(), place.captured, strict=True):
            del values[n:]
        self.put_back_beside(place)

    def put_back_beside(self, place: Kept) -> None:
        """Restores what a run changes besides what it collects."""
        for t, g in zip(self.retained, place.retained, strict=True):
            t._grad = g
        if place.dice is not None:
            throw_again(place.dice)

    def edit(self, grads: list[Any] | None) -> None:
        """Replaces what comes into the current node, now and whenever the pass comes here again; None forgets the edit."""
        assert self.stop is not None
        node = self.stop.node
        if grads is None:
            self.edits.pop(node, None)
        else:
            self.stop.grads[:] = grads
            self.edits[node] = grads
        self.kept = [k for k in self.kept if k.index <= self.index]

    def alter(self, node: Node, grads: list[Any]) -> None:
        """Puts edits and kept changes in the place of what comes into a node."""
        if node in self.edits:
            grads[:] = self.edits[node]
        if self.changes is not None:
            self.changes.apply(node, grads)

    def adopt(self, changes: Any, index: int) -> None:
        """From now on the pass runs with these changes, the first of which is at a node that the cursor has not passed."""
        self.leave()
        self.changes = changes
        self.kept = [k for k in self.kept if k.index <= index]
        self.enter()
        if self.stop is not None:
            changes.apply(self.stop.node, self.stop.grads)

    def enter(self) -> None:
        """Puts changed values in the place of what nodes have saved."""
        if self.changes is not None and not self._put:
            self._put = {n: n.saved for n in self.changes.saved}
            for n in self._put:
                n.saved = self.changes.values(n)

    def leave(self) -> None:
        """Gives nodes back what they have saved."""
        put, self._put = self._put, {}
        for n, saved in put.items():
            n.saved = saved

    def forget_edits(self) -> None:
        self.leave()
        self.changes = None
        self.edits.clear()
        self.kept.clear()

    def close(self) -> None:
        if self._walk is not None:
            self._walk.close()
        self.stop = None

    def abandon(self) -> None:
        """Leaves everything as it was before the pass: no `.grad` is written, and the graph is whole but for what a light pass has freed."""
        if self.light:
            for node, _ in self.arrived:
                if node in self.told:
                    node.variable._grad = None
            self.beginning = max(self.beginning, self.index)
        self.close()
        self.leave()
        self.put_back(self.first)
        self.kept.clear()

    # -- the end ------------------------------------------------------------------------------------------------------------------

    def write(self) -> list[tuple[Tensor, Any]]:
        """Writes `.grad` of the leaves as `backward()` does, with what follows the writing. Returns what was there before."""
        before = [(n.variable, None if (g := n.variable._grad) is None else g if self.create else wrap(g._array.copy())) for n, _ in self.arrived]
        put = _write_connected if self.create else _write
        for node, g in self.arrived:
            put(node.variable, g)
            if node not in self.told:
                written(node, g, self.create)
        return before

    def finish(self) -> None:
        """The end of a pass that nobody has held: `.grad` is written, and takes the arrays over where it can."""
        self.close()
        put, arrived = _write_connected if self.create else _write, self.arrived
        arrived.reverse()
        while arrived:
            node, g = arrived.pop()
            if g is not None:
                put(node.variable, g)
                written(node, g, self.create)
        self.free()

    def free(self) -> None:
        """Lets go of what the graph has saved, as `backward()` does without `retain_graph`."""
        self.kept.clear()
        self.leave()
        if not self.retain:
            freed = Freed(self.site)
            for n in self.order:
                if n.plan is None or n.plan.holds:
                    n.saved = freed

    @property
    def sequence(self) -> list[Node]:
        """Nodes and leaves in the order in which they run, where a gradient comes to all of them."""
        if self._sequence is None:
            left: dict[Node, int] = {}
            for n in self.order:
                for m in n.next:
                    if m.__class__ is AccumulateGrad:
                        left[m] = left.get(m, 0) + 1
            starts = [t._node if t._node is not None else accumulator(t) for t in self.roots]
            found: list[Node] = [n for n in dict.fromkeys(starts) if n.__class__ is AccumulateGrad and n not in left]
            for n in self.order:
                found.append(n)
                for m in n.next:
                    if m is not None and m in left:
                        left[m] -= 1
                        if not left[m]:
                            found.append(m)
            self._sequence = found
        return self._sequence

    @property
    def nbytes(self) -> int:
        """Bytes of the gradients that kept places hold; what several hold counts once."""
        key = tuple(map(id, self.kept))
        if self._counted[0] != key:
            held = {id(a): a.nbytes for k in self.kept for g in k.buffer.values() for a in (g if isinstance(g, list) else (g,)) if a is not None}
            self._counted = key, sum(held.values())
        return self._counted[1]

    # -- what the engine calls ------------------------------------------------------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        return {"retain": _Retain(self) if self.light else True, "create": self.create, "observe": self._meet, "captures": self.captures, "accumulate": self.accumulate,
                "write": self._collect, "site": self.site, "keep": None if self.hooked else self._keep}

    def _meet(self, node: Node, grads: list[Any]) -> bool:
        self.index += 1
        if not self.light:
            self._ran()
        self._last = node
        if self.index >= self.furthest:                         # this node has not run yet
            self.furthest = self.index
            if self.sink is not mode.sink:
                set_sink(self.sink)
        if self.edits or self.changes is not None:
            self.alter(node, grads)
        stops = self._until is None or self._until(node, grads)
        if not self.light:
            self._since = clock()
        return stops

    def _ran(self) -> None:
        """The node before this place has run."""
        if self._last is not None:
            self.took[self._last] = clock() - self._since

    def _collect(self, leaf: Tensor, g: Any) -> bool:
        node = accumulator(leaf)
        extra = leaf._extra
        if self.light and leaf._grad is None and node.extra is None and not (extra is not None and extra.post_accumulate):
            self.arrived.append((node, None))
            self.told.add(node)
            _write_owned(leaf, g)
            return False
        self.arrived.append((node, g))
        return True

    def _keep(self, node: Node, g: Any, buffer: dict[Node, Any], leaves: dict[Node, int]) -> None:
        index = self.index + 1
        self.waiting, self.leaves = buffer, leaves              # the engine's own, as they are when it stops
        if not self.keeping or self.kept and index < self.kept[-1].index + self.stride or index < self.stride:
            return
        self._place(node, g, buffer, leaves, index)

    def _place(self, node: Node, g: Any, buffer: dict[Node, Any], leaves: dict[Node, int], index: int) -> None:
        if not self._position:
            self._position = {n: i for i, n in enumerate(self.order)}
        held = own(buffer)
        if g is not None:
            held[node] = list(g) if isinstance(g, list) else g
        self.kept.append(Kept(self, index, self._position[node], held, dict(leaves)))
        while len(self.kept) > MOST or len(self.kept) > 2 and sum(k.nbytes for k in self.kept) > self.budget:
            self.stride *= 2
            del self.kept[1::2]                                 # the first may be as far back as the pass can go


class _Retain:
    """Whether the engine is to keep what nodes have saved: not as long as nobody holds the pass."""

    __slots__ = ("pass_",)

    def __init__(self, pass_: Pass) -> None:
        self.pass_ = pass_

    def __bool__(self) -> bool:
        return not self.pass_.light


def _write_owned(leaf: Tensor, g: Any) -> None:
    """Writes the first gradient of a leaf. It is the engine's own unless something else holds it: counted from here, two calls further down."""
    if g.__class__ is np.ndarray and g.base is None and g.flags.owndata and sys.getrefcount(g) <= _OWNED:
        leaf._grad = wrap(g)
    else:
        leaf._grad = wrap(np.array(g) if isinstance(g, (np.generic, np.ndarray)) else g.copy())


# The local of the engine's `leaf`, those of `_collect` and `_write_owned`, getrefcount's argument.
_OWNED = 4


def _hooks(n: Node) -> bool:
    if n.__class__ is AccumulateGrad:
        extra = n.variable._extra
        if extra is not None and extra.hooks:
            return True
    return n.extra is not None and bool(n.extra.tensor_hooks or n.extra.pre or n.extra.post)
