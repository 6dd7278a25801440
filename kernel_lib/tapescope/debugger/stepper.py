"""The held pass: a cursor over the nodes of a backward pass, which steps in both directions.

Going back is running the pass again from a place that was kept (see `passes`), so nothing of it is written before it is complete. What a hook does
outside its gradient it does once per arrival. A pass that a breakpoint stopped inside `loss.backward()` is the same machine, with the call still open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.autograd import first_grads
from ..core.node import AccumulateGrad, Node, title
from ..core.say import say
from ..core.site import Site, here
from ..core.state import mode
from ..core.tensor import Tensor, wrap
from ..tape import Tape, from_root
from .axes import Axes
from .branch import Changes
from .changed import Fingers
from .ear import ear
from .look import At
from .memory import Lens
from .moves import Until, one_place
from .passes import Pass
from .points import met
from .sight import Sight
from .where import Where, inside, recording_of, structure_of

_number = itertools.count(1).__next__


class Debugger(Sight):
    """A backward pass from `roots`, paused before its first node. Made by `tapescope.debug(loss)`, or by a breakpoint that a pass has met.

    `step`, `step_back`, `into`, `out`, `next_module`, `run_to`, `go`, `continue_`, `abort` move it; `at` is what stands at the cursor. Each returns the
    debugger's `at` (None when the pass is over), so that a cell shows where it stands.
    """

    def __init__(self, roots: Sequence[Tensor], gradients: Any = None, *, module: Any = None, site: Site | None = None) -> None:
        self._set(Pass(tuple(roots), first_grads(tuple(roots), gradients, False), site=site), module)
        self.reason = say("the pass is held before its first node")
        self._pass.rewind(0)

    @classmethod
    def inside(cls, running: Pass, reason: str) -> Debugger:
        """A pass that runs inside `backward()`, and has stopped where it is."""
        dbg = cls.__new__(cls)
        dbg._set(running, None)
        dbg.live, dbg.reason = True, reason
        return dbg

    def _set(self, pass_: Pass, module: Any) -> None:
        self._pass, self.module = pass_, module
        self.roots, self.site = pass_.roots, pass_.site
        self._begin(_number())
        self.tape, self.rows = _tape_of(self.roots[0], pass_.order, module)
        self.where = Where(self.tape, module, self.rows)
        self.graph = self.where.number
        self.met: set[int] = set()                              # breakpoints of no place that it has met on its way
        self.shown: set[int] = set()                            # nodes whose exception somebody has seen
        self.watch: Callable[[], Until | None] = lambda: None     # what stops it on the way
        self.catch: Callable[[Exception], bool] = lambda error: False
        self._before: list[tuple[Tensor, Any]] | None = None
        self.noticed: list[str] = []                            # parameters that were found changed
        self._norms: list[tuple[Any, float]] = []
        self._fingers = Fingers(pass_.leaves)
        self._lens: Lens | None = None
        self._axes: Axes | None = None

    # -- moving ---------------------------------------------------------------------------------------------------------------

    def step_back(self, n: int = 1) -> At | None:
        """Stops before the node that ran last; what has been edited stays edited. After completion `.grad` is put back first."""
        with self.lock:
            self._reopen()
            if self.index == 0:
                raise RuntimeError(say("this is the first node of the pass: there is nothing before it"))
            return self._to(max(0, self.index - n), say("stepped back"))

    def go(self, index: int) -> At | None:
        """Stands before node `index`, behind or before the cursor: what a scrubber does. No breakpoint stops it."""
        with self.lock:
            if not 0 <= index < self.total:
                raise IndexError(say("index {0} is out of range: the pass has {1} nodes", index, self.total))
            self._reopen()
            if index < self.index or self.at is None:
                return self._to(index, say("went to node {0}", index + 1))
            if index == self.index:
                return self._moved(say("went to node {0}", index + 1))
        return self._run(lambda node, grads: self._pass.index >= index, say("went to node {0}", index + 1), watched=False)

    def run_to(self, node: Node | int | None = None, *, module: str | None = None, op: str | None = None, parameter: str | None = None,
               index: int | None = None) -> At | None:
        """Runs until a node (a grad_fn, or its row in the graph), a module path, an op name, a parameter or an index is reached.

        A place that lies behind the cursor is reached by running the pass again from its start. Raises RuntimeError when it does not occur.
        """
        with self.lock:
            self._reopen(check_only=True)
            what, value = one_place({"node": node, "module": module, "op": op, "parameter": parameter, "index": index})
            if what == "index":
                return self.go(value)

            def there(n: Node) -> bool:
                if what == "node":
                    return n is value or self.row(n) == value
                if what == "module":
                    return inside(self.where.module(n), value)
                if what == "op":
                    return value in (n.op.name, n.op.label, title(n), n.name())
                return isinstance(n, AccumulateGrad) and self.name_of(n.variable) == value

            nodes = self._nodes()
            if not any(there(n) for n in nodes):
                raise RuntimeError(say("no node of this pass has {0} {1}; it has {2}", say(what), repr(value), self._known(what)))
            start = self.index if self.state == "held" else self.total
            self._reopen()
            ahead = any(there(n) for n in self._pass.sequence[start + 1:])
            if not ahead:
                self._pass.check(self._pass.beginning)          # refused before anything has moved
            if not ahead or not self._try(lambda n, g: there(n), from_here=self.at is not None):
                try:
                    self._pass.check(self._pass.beginning)
                except RuntimeError:                            # no gradient has come there, and there is no way back: the pass is at its end
                    self._complete()
                    raise
                self._pass.rewind(self._pass.beginning)
                first = self._pass.stop
                if first is not None and not there(first.node) and not self._try(lambda n, g: there(n), from_here=True):
                    self._to(min(start, self.total - 1), self.reason)
                    if self._pass.beginning:
                        raise RuntimeError(say("no gradient comes to {0} {1} in this pass any more: it had freed its first {2} nodes before it was held", say(what), repr(value), self._pass.beginning))
                    raise RuntimeError(say("no gradient comes to {0} {1} in this pass", say(what), repr(value)))
            at = self.at
            assert at is not None
            return self._moved(say("ran to {0} {1}", say(what), value if what != "node" else at.name))

    def replay(self) -> At | None:
        """Runs the same pass again from its start to where it stands, or to its end when it was complete."""
        with self.lock:
            if self.state == "done":
                self._reopen()
                self._pass.kept.clear()
                self._pass.rewind(0)
                return self.continue_()
            self._must_be_held()
            if not self._pass.beginning:
                self._pass.kept.clear()
            return self._to(self.index, say("ran again from the start"))

    def abort(self) -> None:
        """Abandons the pass. No `.grad` was written; the graph is still whole, so `debug(loss)` or `loss.backward()` can be called."""
        with self.lock:
            if self.state == "done":
                raise RuntimeError(say("the pass is complete and its .grad are written; step back to undo it"))
            self._pass.abandon()
            self.state, self.reason = "aborted", say("aborted: no .grad was written")
            self._tell()

    def edit(self, *grads: Any) -> At | None:
        """Replaces the gradient that comes into the current node (one per output); `edit(scale=0)` style changes are `edit(0 * dbg.at.grad_in[0])`."""
        self._must_be_held()
        with self.lock:
            stop = self._pass.stop
            assert stop is not None
            if len(grads) != len(stop.grads):
                raise ValueError(say("{0} has {1} incoming gradient(s), got {2}", title(stop.node), len(stop.grads), len(grads)))
            self._pass.edit([self._fit(old, g, stop.node) for old, g in zip(stop.grads, grads, strict=True)])
            return self._moved(say("edited the incoming gradient"))

    def scale(self, factor: float) -> At | None:
        """Edits the incoming gradient to a multiple of itself; of 0 even where it is not finite."""
        at = self.at
        if at is None:
            raise RuntimeError(say("the pass is over: there is no gradient to edit"))
        return self.edit(*[None if g is None else np.zeros_like(g._array) if factor == 0 else g * factor for g in at.grad_in])

    def _fit(self, old: Any, g: Any, node: Node) -> Any:
        if self._pass.create:
            return g if g is None or isinstance(g, Tensor) else wrap(np.asarray(g, getattr(old, "_array", np.zeros(0, "f4")).dtype))
        a = g._array if isinstance(g, Tensor) else g if g is None or hasattr(g, "shape") else np.asarray(g)
        if a is not None and old is not None and np.shape(a) != np.shape(old):
            raise ValueError(say("the gradient at {0} has shape {1}, the replacement {2}", title(node), list(np.shape(old)), list(np.shape(a))))
        return None if a is None else a.astype(old.dtype) if old is not None else a

    def reset(self) -> At | None:
        """Forgets all edits and stands before the first node again."""
        with self.lock:
            self._reopen()
            self._pass.forget_edits()
            return self._to(0, say("started again"))

    def keep(self) -> None:
        """Completes the pass with the changes of the branch: `.grad` becomes what the branch gave. `step_back()` undoes it, `reset()` forgets the changes."""
        with self.lock:
            if not self.branch:
                raise RuntimeError(say("there is no branch to keep: what_if() makes one"))
            first = min(c.index for c in self.branch)
            p = self._pass
            self._reopen()
            if p.index > first or p.stop is None:
                p.rewind(first)
            p.adopt(Changes([*(p.changes.all() if p.changes is not None else ()), *self.branch]), first)
            self.branch, self.compared = (), None
            self._run(lambda node, grads: False, "", watched=False)

    # -- the machine ------------------------------------------------------------------------------------------------------------

    def _run(self, until: Until, reason: str, watched: bool = True) -> At | None:
        """Runs on to where `until` or a breakpoint holds, or to the end."""
        with self.lock:
            self._must_be_held()
            self._changed_meanwhile()
            self.hits = []
            self.error = None
            watch = self.watch() if watched else None

            def here(node: Node, grads: list[Any]) -> bool:
                met = watch is not None and watch(node, grads)
                return until(node, grads) or met

            if not self._advance(here):
                return self._complete()
            if self.hits:
                reason = met(self.hits)
            return self._moved(reason)

    def _advance(self, until: Until) -> bool:
        try:
            return self._pass.advance(until)
        except BaseException as e:
            if not (isinstance(e, Exception) and self._caught(e)):
                self._pass.abandon()
                self.state, self.reason = "aborted", say("the pass raised {0}", type(e).__name__) if isinstance(e, Exception) else say("interrupted: no .grad was written")
                self._tell()
                raise
            return True

    def _caught(self, error: Exception) -> bool:
        """Whether a breakpoint waits for exceptions: the pass then stands before the node that raised this one."""
        return self.catch(error)

    def _try(self, until: Until, from_here: bool) -> bool:
        """Like `advance`, but the end of the pass is no completion."""
        return from_here and self._pass.advance(until)

    def _to(self, index: int, reason: str) -> At | None:
        self._pass.check(index)
        self._changed_meanwhile()
        self.hits = []
        self.met.clear()
        try:
            self._pass.rewind(index)
        except BaseException:
            self._pass.abandon()
            self.state, self.reason = "aborted", say("the pass raised an exception when it was run again")
            self._tell()
            raise
        return self._moved(reason)

    def _complete(self) -> At | None:
        p = self._pass
        sink = mode.sink
        if sink is not None and not self.live:
            sink.backward_begin(self.roots, self.site)
        self._before = p.write()
        if sink is not None and not self.live:
            sink.backward_end(None)
        p.free()
        self.state, self.reason = "done", say("complete: .grad of {0} leaves is written", len({id(t) for t, _ in self.arrived}))
        self._tell()
        return None

    def _reopen(self, check_only: bool = False) -> None:
        """Makes a complete pass a held one again: `.grad` is put back."""
        self._must_not_be_aborted()
        if self.state == "done":
            if not self._pass.retain:
                raise RuntimeError(say("backward() has returned and freed the graph: there is nothing to go back to; retain_graph=True keeps it"))
            if not check_only:
                for t, g in self._before or []:
                    t._grad = g
                self._before = None
                self._pass.enter()
                self.state = "held"


def _tape_of(root: Tensor, order: list[Node], module: Any) -> tuple[Tape, dict[Node, int]]:
    """The recording that knows this graph, or one made by walking it; with the row of every node."""
    tape = recording_of(order)
    if tape is None:
        if root._node is None:
            raise RuntimeError(say("debug() needs a tensor with a grad_fn; this one is a leaf of shape {0}", list(root._array.shape)))
        tape = from_root(root, module=module, name_of=ear.name_of)
    rows = tape.recorder.rows
    found: dict[Node, int] = {}
    for n in order:
        for m in (n, *n.next):
            if m is not None and m.seq in rows:
                found[m] = rows[m.seq]
    graph = tape.graphs.get(structure_of(tape))
    if graph is not None:                                       # leaves have their rows by what leads to them
        first = [0, *itertools.accumulate(graph.node_nexts)]
        for n in order:
            row = found.get(n, -1)
            for k, m in enumerate(n.next if 0 <= row < len(graph.node_nexts) else ()):
                if isinstance(m, AccumulateGrad) and k < graph.node_nexts[row]:
                    found.setdefault(m, graph.node_next[first[row] + k])
    return tape, found


def debug(loss: Any, gradient: Any = None, *, module: Any = None, optimizer: Any = None, again: Callable[[], Any] | None = None) -> Debugger:
    """Holds the backward pass from `loss` before its first node; needs no recording.

    `module` gives parameters their names. The pass moves by the methods of what is returned, or by the backward view. `optimizer` and `again`, which computes
    the loss anew, let `what_if` compare updates and the loss after the step.
    """
    roots = (loss,) if isinstance(loss, Tensor) else tuple(loss)
    dbg = Debugger(roots, None if gradient is None else (gradient,) if isinstance(gradient, Tensor) else gradient, module=module, site=here())
    from .frames import hold
    from .watch import until_of

    dbg.optimizer, dbg.again = optimizer, again
    dbg.watch = lambda: until_of(dbg)
    hold(dbg)
    return dbg
