"""The held backward pass.

The engine is a generator; here it is exhausted one node at a time. Saved values are kept, so that any earlier node can be reached again by running the
pass from its start: deterministic, and bit-equal. Nothing of `.grad` is written before the pass has completed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.autograd import first_grads
from ..core.engine import Stop, _write, discover, walk
from ..core.node import AccumulateGrad, Freed, Node
from ..core.site import Site, here
from ..core.state import mode, set_sink
from ..core.tensor import Tensor, accumulator, wrap
from ..tape import Tape, active, from_root, registry
from .look import At

_number = itertools.count(1).__next__


class Aborted(RuntimeError):
    """The held pass was abandoned; its `.grad` were never written."""


class Debugger:
    """A backward pass from `roots`, paused before its first node. Made by `tapescope.debug(loss)`.

    `step`, `step_back`, `into`, `out`, `run_to`, `continue_`, `abort` move it; `at` is what stands at the cursor. Each returns the debugger's `at`
    (None when the pass is over), so that a cell shows where it stands.
    """

    def __init__(self, roots: Sequence[Tensor], gradients: Any = None, *, module: Any = None, site: Site | None = None) -> None:
        self.roots = tuple(roots)
        self._start = first_grads(self.roots, gradients, False)
        self.site = site
        self.number = _number()
        order, leaves = discover([t._node if t._node is not None else accumulator(t) for t in self.roots])
        for node in order:
            if isinstance(node.saved, Freed):
                from ..core import errors

                raise errors.freed(node)
        self.total = len(order) + len(leaves)
        self.tape, self.rows = _tape_of(self.roots[0], order, module)
        self.module = module
        self.state = "held"
        self.reason = "the pass is held before its first node"
        self.version = 0
        self.edits: dict[Node, list[Any]] = {}
        self.arrived: list[tuple[Tensor, Any]] = []
        self._before: list[tuple[Tensor, Any]] | None = None
        self._stop: Stop | None = None
        self.index = 0
        self._rewind(0)

    # -- moving ---------------------------------------------------------------------------------------------------------------

    def step(self, n: int = 1) -> At | None:
        """Runs the current node (n of them) and stops before the next; after the last one the pass is complete."""
        self._must_be_held()
        for _ in range(n):
            if not self._advance():
                return self._complete()
        return self._moved(f"stepped over {n} node{'s' if n > 1 else ''}")

    over = step

    def step_back(self, n: int = 1) -> At | None:
        """Stops before the node that ran last; what has been edited stays edited. After completion `.grad` is put back first."""
        if self.state == "aborted":
            raise Aborted("this pass was aborted; call debug(loss) again")
        if self.state == "done":
            self._restore()
            self.index = self.total
        if self.index == 0:
            raise RuntimeError("this is the first node of the pass: there is nothing before it")
        self._rewind(max(0, self.index - n))
        return self._moved("stepped back")

    back = step_back

    def into(self) -> At | None:
        """Into the next node: at this level every node is one step."""
        return self.step()

    def out(self) -> At | None:
        """Runs until the pass leaves the module of the current node."""
        self._must_be_held()
        path = self.at.module if self.at is not None else ""
        return self._until(lambda at: not (at.module == path or (path and at.module.startswith(path + "."))), f"left {path or 'the top level'}")

    def run_to(self, node: Node | int | None = None, *, module: str | None = None, op: str | None = None, parameter: str | None = None,
               index: int | None = None) -> At | None:
        """Runs until a node (a grad_fn, or its row in the graph), a module path, an op name, a parameter or an index is reached.

        A place that lies behind the cursor is reached by running the pass again from its start. Raises RuntimeError when it does not occur.
        """
        if self.state == "aborted":
            raise Aborted("this pass was aborted; call debug(loss) again")
        wanted = {"node": node, "module": module, "op": op, "parameter": parameter, "index": index}
        given = {k: v for k, v in wanted.items() if v is not None}
        if len(given) != 1:
            raise TypeError(f"run_to takes one of node, module, op, parameter, index; got {sorted(given) or 'none'}")
        what: str
        value: Any
        (what, value), = given.items()
        if what == "index" and not 0 <= value < self.total:
            raise IndexError(f"index {value} is out of range: the pass has {self.total} nodes")

        def there(at: At) -> bool:
            if what == "node":
                return at.node is value or at.row == value
            if what == "module":
                return at.module == value or at.module.startswith(f"{value}.")
            if what == "op":
                return value in (at.node.op.name, at.node.op.label, at.name)
            return at.parameter == value if what == "parameter" else self.index == value

        start = self.index if self.state == "held" else self.total
        if self.state == "done":
            self._restore()
        for first in ((start + 1, 0) if start + 1 < self.total else (0,)):
            self._rewind(first)
            while self.at is not None:
                if there(self.at):
                    return self._moved(f"ran to {what} {value if what != 'node' else self.at.name}")
                if not self._advance():
                    break
        self._rewind(min(start, self.total - 1))
        raise RuntimeError(f"no node of this pass has {what} {value!r}; it has {self._known(what)}")

    def continue_(self) -> At | None:
        """Runs to the end and writes `.grad`, as `loss.backward()` does."""
        self._must_be_held()
        while self._advance():
            pass
        return self._complete()

    def abort(self) -> None:
        """Abandons the pass. No `.grad` was written; the graph is still whole, so `debug(loss)` or `loss.backward()` can be called."""
        if self.state == "done":
            raise RuntimeError("the pass is complete and its .grad are written; step back to undo it")
        self._close()
        self.state, self.reason = "aborted", "aborted: no .grad was written"
        self._tell()

    def edit(self, *grads: Any) -> At | None:
        """Replaces the gradient that comes into the current node (one per output); `edit(scale=0)` style changes are `edit(0 * dbg.at.grad_in[0])`."""
        self._must_be_held()
        assert self._stop is not None
        if len(grads) != len(self._stop.grads):
            raise ValueError(f"{self._stop.node.name()} has {len(self._stop.grads)} incoming gradient(s), got {len(grads)}")
        new: list[Any] = []
        for old, g in zip(self._stop.grads, grads, strict=True):
            a = g._array if isinstance(g, Tensor) else g if g is None or hasattr(g, "shape") else np.asarray(g)
            if a is not None and old is not None and np.shape(a) != np.shape(old):
                raise ValueError(f"the gradient at {self._stop.node.name()} has shape {list(np.shape(old))}, the replacement {list(np.shape(a))}")
            new.append(None if a is None else a.astype(old.dtype) if old is not None else a)
        self._stop.grads[:] = new
        self.edits[self._stop.node] = new
        return self._moved("edited the incoming gradient")

    def reset(self) -> At | None:
        """Forgets all edits and stands before the first node again."""
        if self.state == "done":
            self._restore()
        self.edits.clear()
        self._rewind(0)
        return self._moved("started again")

    # -- looking --------------------------------------------------------------------------------------------------------------

    @property
    def at(self) -> At | None:
        """The node at the cursor: gradients in and out, what is saved, formula, source line. None when the pass is over."""
        return None if self._stop is None else At(self, self._stop)

    @property
    def grads(self) -> dict[str, Tensor]:
        """What has arrived at the leaves so far, by parameter name."""
        return {self.name_of(t): wrap(np.asarray(g)) for t, g in self.arrived}

    def name_of(self, leaf: Tensor) -> str:
        """A leaf's name: as its module calls it, or by shape."""
        if self.module is not None:
            for name, p in self.module.named_parameters():
                if p is leaf:
                    return str(name)
        known = self._leaf_names().get(id(leaf))
        return known or leaf.name or f"leaf{list(leaf._array.shape)}"

    def _leaf_names(self) -> dict[int, str]:
        names: dict[int, str] | None = getattr(self, "_names", None)
        if names is None:
            names = {}
            self._names: dict[int, str] = names
            graph = self.tape.graphs.get(self.graph) if self.rows else None
            if graph is not None:
                for node, row in self.rows.items():
                    if isinstance(node, AccumulateGrad) and graph.node_src[row] >= 0:
                        names[id(node.variable)] = self.tape.strings[graph.src_name[graph.node_src[row]]]
        return names

    @property
    def graph(self) -> int:
        """The number of the graph, on `tape`, that this pass walks."""
        return int(self.tape.recorder.current)

    def __repr__(self) -> str:
        at = self.at
        where = f"before node {self.index + 1} of {self.total}: {at.name}{' in ' + at.module if at.module else ''}" if at is not None else self.reason
        return f"<Debugger {self.state}, {where}>"

    # -- the machine ------------------------------------------------------------------------------------------------------------

    def _passes(self) -> Iterator[Stop]:
        arrived: list[tuple[Tensor, Any]] = []
        self.arrived = arrived
        for stop in walk(self.roots, list(self._start), retain=True, observe=True, write=lambda t, g: arrived.append((t, g)), site=self.site):
            if stop.when == "before":
                if stop.node in self.edits:
                    stop.grads[:] = self.edits[stop.node]
                yield stop

    def _advance(self) -> bool:
        """Runs the current node; False when it was the last."""
        sink = set_sink(None)
        try:
            stop = next(self._walk, None)
        except BaseException:
            self._close()
            self.state, self.reason = "aborted", "the pass raised an exception"
            self._tell()
            raise
        finally:
            set_sink(sink)
        self._stop = stop
        if stop is None:
            return False
        self.index += 1
        return True

    def _rewind(self, index: int) -> None:
        """Stands before node `index`, by running the pass again from its start."""
        self._close()
        self.state = "held"
        self._walk = self._passes()
        self.index = -1
        while self.index < index:
            if not self._advance():
                raise RuntimeError("the pass has become shorter than it was: something it depends on has changed")

    def _until(self, stop_here: Any, reason: str) -> At | None:
        while self._advance():
            at = self.at
            if at is not None and stop_here(at):
                return self._moved(reason)
        return self._complete()

    def _complete(self) -> At | None:
        self._before = [(t, None if t._grad is None else t._grad._array.copy()) for t, _ in self.arrived]
        sink = mode.sink
        if sink is not None:
            sink.backward_begin(self.roots, self.site)
        for t, g in self.arrived:
            _write(t, g)
            if sink is not None:
                sink.accumulate(t, g)
        if sink is not None:
            sink.backward_end(None)
        self.state, self.reason, self.index = "done", f"complete: .grad of {len({id(t) for t, _ in self.arrived})} leaves is written", self.total
        self._stop = None
        self._tell()
        return None

    def _restore(self) -> None:
        for t, g in self._before or []:
            t._grad = None if g is None else wrap(g)
        self._before = None

    def _close(self) -> None:
        walk = getattr(self, "_walk", None)
        if walk is not None:
            walk.close()
        self._stop = None

    def _moved(self, reason: str) -> At | None:
        self.reason = reason
        self._tell()
        return self.at

    def _tell(self) -> None:
        self.version += 1
        self.tape.changed()

    def _must_be_held(self) -> None:
        if self.state == "done":
            raise RuntimeError("the pass is complete; step_back() or reset() to walk it again, or debug(loss) for another")
        if self.state == "aborted":
            raise Aborted("this pass was aborted; call debug(loss) again")

    def _known(self, what: str) -> str:
        order, leaves = discover([t._node for t in self.roots if t._node is not None])
        if what == "op":
            return ", ".join(sorted({n.name() for n in order})[:12])
        if what == "parameter":
            return ", ".join(sorted(self.name_of(n.variable) for n in leaves if isinstance(n, AccumulateGrad))[:12])
        return f"{self.total} nodes"


def _tape_of(root: Tensor, order: list[Node], module: Any) -> tuple[Tape, dict[Node, int]]:
    """The recording that knows this graph, or one made by walking it; with the row of every node."""
    for tape in [t for t in (active(), registry.newest()) if t is not None]:
        rows = tape.recorder.rows
        if order and all(n.seq in rows for n in order):
            return tape, _rows(rows, order)
    if root._node is None:
        raise RuntimeError(f"debug() needs a tensor with a grad_fn; this one is a leaf of shape {list(root._array.shape)}")
    tape = from_root(root, module=module)
    return tape, _rows(tape.recorder.rows, order)


def _rows(rows: dict[int, int], order: list[Node]) -> dict[Node, int]:
    found: dict[Node, int] = {}
    for n in order:
        for m in (n, *n.next):
            if m is not None and m.seq in rows:
                found[m] = rows[m.seq]
    return found


def debug(loss: Any, gradient: Any = None, *, module: Any = None) -> Debugger:
    """Holds the backward pass from `loss` before its first node; needs no recording.

    `module` gives parameters their names. The pass moves by the methods of what is returned, or by the backward view.
    """
    roots = (loss,) if isinstance(loss, Tensor) else tuple(loss)
    dbg = Debugger(roots, None if gradient is None else (gradient,) if isinstance(gradient, Tensor) else gradient, module=module, site=here())
    from .frames import hold

    hold(dbg)
    return dbg
