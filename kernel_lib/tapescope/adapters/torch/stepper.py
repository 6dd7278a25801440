"""`debug(loss)`: a backward pass of PyTorch's engine, stepped node by node. The surface is that of `tapescope.debugger.Debugger`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...core.state import mode
from ...debugger.frames import hold
from ...debugger.held import Held
from ...tape.recordings import active, registry
from .arrays import quietly
from .backward import enter
from .held import HeldPass
from .look import TorchAt, describe
from .nodes import LEAF
from .recorder import TorchRecorder
from .structure import from_root
from .tape import TorchTape

_number = itertools.count(1_000_000).__next__


class TorchDebugger(Held[TorchAt]):
    """A backward pass held before its first node. It runs on PyTorch's own engine with every hook, on a thread of its own, so that the cell returns.

    `step`, `step_back`, `into`, `out`, `next_module`, `run_to`, `go`, `continue_`, `abort` move it; `at` is what stands at the cursor. `.grad` are written
    as the pass reaches them; `abort` and `step_back` put them back. Going back is running the pass again from its start, hooks included.
    """

    def __init__(self, roots: Sequence[Any], gradient: Any = None, *, module: Any = None) -> None:
        for t in roots:
            if not isinstance(t, torch.Tensor):
                raise TypeError(f"debug() takes a loss tensor of PyTorch or several of them, not {type(t).__name__}")
            if not t.requires_grad:
                raise RuntimeError(f"debug() needs a tensor with a grad_fn: this one, of shape {list(t.shape)}, does not require grad. "
                                   "Was it computed under no_grad(), or detached?")
            if gradient is None and t.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
        self.roots, self.module = tuple(roots), module
        watched = list(module.parameters()) if module is not None else ()
        self._pass = HeldPass(roots, None if gradient is None else [gradient] if isinstance(gradient, torch.Tensor) else list(gradient), watched)
        self._begin(_number())
        self.tape: Any
        self.tape, self.graph, self.rows = _tape_of(self._pass.nodes, self.roots[0], module)
        self.reason = "the pass is held before its first node"
        self._pass.start()
        self._raised()

    # -- moving ---------------------------------------------------------------------------------------------------------------

    def step(self, n: int = 1) -> TorchAt | None:
        """Runs the current node (n of them) and stops before the next; after the last one the pass is complete."""
        target = self.index + n
        return self._run(lambda node, grads: self._pass.index >= target, f"stepped over {n} node{'s' if n > 1 else ''}")

    over = step

    def into(self) -> TorchAt | None:
        """Into the next node: at this level every node is one step."""
        return self.step()

    def out(self) -> TorchAt | None:
        """Runs until the pass leaves the module of the current node."""
        path = self.at.module if self.at is not None else ""
        return self._run(lambda node, grads: not (_inside(self.module_of(node), path) if path else not self.module_of(node)), f"left {path or 'the top level'}")

    def next_module(self) -> TorchAt | None:
        """Runs until the pass comes to another module."""
        path = self.at.module if self.at is not None else ""
        return self._run(lambda node, grads: self.module_of(node) != path, "came to another module")

    def step_back(self, n: int = 1) -> TorchAt | None:
        """Stops before the node that ran last, by running the pass again from its start; edits stay. Refused where hooks may run once only."""
        if self.index <= 0:
            raise RuntimeError("this is the first node of the pass: there is nothing before it")
        return self._rewind(max(0, self.index - n), "stepped back")

    back = step_back

    def go(self, index: int) -> TorchAt | None:
        """Stands before node `index`, behind or before the cursor: what a scrubber does."""
        if not 0 <= index < self.total:
            raise IndexError(f"index {index} is out of range: the pass has {self.total} nodes")
        if index < self.index or self.state != "held":
            return self._rewind(index, f"went to node {index + 1}")
        return self._run(lambda node, grads: self._pass.index >= index, f"went to node {index + 1}") if index > self.index else self.at

    def run_to(self, node: Any = None, *, module: str | None = None, op: str | None = None, parameter: str | None = None,
               index: int | None = None) -> TorchAt | None:
        """Runs until a node (a grad_fn, or its row in the graph), a module path, an op name, a parameter or an index is reached.

        A place behind the cursor is reached by running the pass again from its start. Raises RuntimeError when it does not occur.
        """
        given = {k: v for k, v in {"node": node, "module": module, "op": op, "parameter": parameter, "index": index}.items() if v is not None}
        if len(given) != 1:
            raise TypeError(f"run_to takes one of node, module, op, parameter, index; got {sorted(given) or 'none'}")
        (what, value), = given.items()
        if what == "index":
            return self.go(value)

        def there(n: Any) -> bool:
            if what == "node":
                return bool(n is value or self.rows.get(n, -1) == value)
            if what == "module":
                return _inside(self.module_of(n), value)
            if what == "parameter":
                return bool(self.parameter_of(n) == value)
            return value in (n.name(), self.op_of(n), n.name().rpartition("::")[2].removesuffix("0").removesuffix("Backward").lower())

        places = [n for n in self._pass.nodes if there(n)]
        if not places:
            raise RuntimeError(f"no node of this pass has {what} {value!r}; it has {self._known(what)}")
        if self.state != "held" or set(places) <= set(self._pass.ran):
            self._rewind(0, "")
        if self.at is None or not there(self.at.node) or self._pass.index:
            self._run(lambda node, grads: there(node), "")
        at = self.at
        return self._moved(f"ran to {what} {value if what != 'node' or at is None else at.name}")

    def continue_(self) -> TorchAt | None:
        """Runs to the end; `.grad` is then what `loss.backward()` would have made it."""
        return self._run(lambda node, grads: False, "")

    def replay(self) -> TorchAt | None:
        """Runs the same pass again from its start to where it stands."""
        return self._rewind(max(self.index, 0) if self.state == "held" else 0, "ran again from the start")

    def reset(self) -> TorchAt | None:
        """Forgets all edits and stands before the first node again."""
        self._may_run_again()
        self._pass.edits.clear()
        return self._rewind(0, "started again")

    def abort(self) -> None:
        """Abandons the pass and puts `.grad` back; the graph is still whole, so that `debug(loss)` or `loss.backward()` can be called."""
        with self.lock:
            if self.state == "done":
                raise RuntimeError("the pass is complete and its .grad are written; step back to undo it")
            self._pass.end()
            self._pass.restore()
            self.state, self.reason = "aborted", "aborted: .grad is what it was before; the forward need not be run again"
            self._tell()

    def edit(self, *grads: Any) -> TorchAt | None:
        """Replaces the gradient that comes into the current node (one per output): `edit(0 * dbg.at.grad_in[0])`."""
        self._must_be_held()
        with self.lock:
            stop = self._pass.stop
            assert stop is not None
            node, old = stop
            if len(grads) != len(old):
                raise ValueError(f"{node.name()} has {len(old)} incoming gradient(s), got {len(grads)}")
            with quietly():
                new = tuple(_fit(a, g, node) for a, g in zip(old, grads, strict=True))
            self._pass.edits[node] = new
            self._pass.stop = node, new
            return self._moved("edited the incoming gradient")

    def scale(self, factor: float) -> TorchAt | None:
        """Edits the incoming gradient to a multiple of itself; of 0 even where it is not finite."""
        at = self.at
        if at is None:
            raise RuntimeError("the pass is over: there is no gradient to edit")
        with quietly():
            return self.edit(*[None if g is None else torch.zeros_like(g) if factor == 0 else g * factor for g in at.grad_in])

    # -- looking --------------------------------------------------------------------------------------------------------------

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
    def edits(self) -> dict[Any, tuple[Any, ...]]:
        return self._pass.edits

    @property
    def arrived(self) -> list[tuple[Any, Any]]:
        """Leaves that have been reached, and their `.grad` as it now is."""
        return [(t, t.grad) for t in self._pass.reached if t.grad is not None]

    @property
    def grads(self) -> dict[str, Any]:
        """What has arrived at the leaves so far, by parameter name."""
        return {self.name_of(t): g for t, g in self.arrived}

    def name_of(self, leaf: Any) -> str:
        """A leaf's name: as its module or a recording calls it, or by shape."""
        if self.module is not None:
            for name, p in self.module.named_parameters():
                if p is leaf:
                    return str(name)
        for tape in (self.tape, *reversed(registry.list())):
            r = tape.recorder
            if isinstance(r, TorchRecorder):
                m = r.mirrors.table.get(id(leaf))
                p = None if m is None else r.names.by_id.get(m._id)
                if p is not None and m is not None and m() is leaf:
                    return str(p.name)
        return f"leaf{list(leaf.shape)}"

    def parameter_of(self, node: Any) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""
        return self.name_of(node.variable) if node._sequence_nr() >= LEAF and hasattr(node, "variable") else ""

    def module_of(self, node: Any) -> str:
        """The path of the module call that made a node."""
        if node._sequence_nr() >= LEAF:
            return self.parameter_of(node).rpartition(".")[0]
        op, g = self._op(node)
        return str(g.strings[g.mod_path[g.op_module[op]]]) if op >= 0 and g.op_module[op] >= 0 else ""

    def op_of(self, node: Any) -> str:
        """What the user wrote that made a node."""
        op, g = self._op(node)
        return str(g.strings[g.op_name[op]]) if op >= 0 else ""

    def _op(self, node: Any) -> tuple[int, Any]:
        g = self.tape.graphs.get(self.graph)
        row = self.rows.get(node, -1)
        return (g.node_op[row], g) if g is not None and 0 <= row < len(g.node_op) else (-1, g)

    def row(self, node: Any) -> int:
        return self.rows.get(node, -1)

    def order(self) -> list[int]:
        """Rows of the nodes as the engine takes them."""
        return [self.rows[n] for n in self._pass.nodes if n in self.rows]

    def describe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a view is told: meta and columns of a `debug` frame."""
        with quietly():
            return describe(self)

    def __del__(self) -> None:
        held = getattr(self, "_pass", None)
        if held is not None and getattr(self, "state", "") == "held":
            held.end()
            held.restore()

    # -- the machine ------------------------------------------------------------------------------------------------------------

    def _run(self, until: Callable[[Any, Any], bool], reason: str) -> TorchAt | None:
        self._must_be_held()
        with self.lock:
            try:
                stopped = self._pass.advance(until)
            except Exception as e:
                self._failed(e)
                raise
            if not stopped:
                return self._complete()
            return self._moved(reason)

    def _rewind(self, index: int, reason: str) -> TorchAt | None:
        self._must_not_be_aborted()
        self._may_run_again()
        with self.lock:
            self._pass.end()
            self._pass.restore()
            self.state = "held"
            self._pass.start()
            self._raised()
            if index > 0:
                self._pass.advance(lambda node, grads: self._pass.index >= index)
            return self._moved(reason)

    def _may_run_again(self) -> None:
        """Going back runs the pass, and every hook, once more: refused where that is not the same again."""
        if torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            raise RuntimeError("this pass cannot be run again to step back: its hooks exchange gradients with other processes (torch.distributed), "
                               "which would wait for an exchange that they do not make")
        for n in self._pass.nodes:
            if n.name().endswith("CheckpointFunctionBackward"):
                raise RuntimeError("this pass cannot be run again to step back: a checkpoint with use_reentrant=True writes .grad while its node runs; "
                                   "use_reentrant=False can be stepped back")
            if n._sequence_nr() >= LEAF and getattr(n.variable, "_post_accumulate_grad_hooks", None):
                raise RuntimeError(f"this pass cannot be run again to step back: {self.name_of(n.variable)} has a hook that runs after its gradient is "
                                   "accumulated, and may have changed it")

    def _raised(self) -> None:
        if self._pass.error is not None:
            error, self._pass.error = self._pass.error, None
            self._pass.restore()
            self._failed(error)
            raise error

    def _failed(self, error: BaseException) -> None:
        self.error = error
        self.state, self.reason = "aborted", f"the pass raised {type(error).__name__}; .grad is what it was before"
        self._tell()

    def _complete(self) -> TorchAt | None:
        self.state, self.reason = "done", f"complete: .grad of {len(self._pass.reached)} leaves is written"
        r = mode.sink
        if isinstance(r, TorchRecorder) and r.listens and not r.stopped:
            with quietly():
                enter(r, self.roots, [r.mirrors.of(t) for t in self._pass.reached])
        self._tell()
        return None

    def _known(self, what: str) -> str:
        nodes = self._pass.nodes
        if what == "op":
            return ", ".join(sorted({n.name() for n in nodes})[:12])
        if what == "parameter":
            return ", ".join(sorted(filter(None, map(self.parameter_of, nodes)))[:12])
        return ", ".join(sorted(filter(None, {self.module_of(n) for n in nodes}))[:12]) if what == "module" else f"{self.total} nodes"


def _fit(old: Any, new: Any, node: Any) -> Any:
    if new is None:
        return None
    g = torch.as_tensor(new)
    if old is not None:
        if g.shape != old.shape:
            raise ValueError(f"the gradient at {node.name()} has shape {list(old.shape)}, the replacement {list(g.shape)}")
        g = g.to(old)
    return g.detach()


def _inside(path: str, pattern: str) -> bool:
    return path == pattern or path.startswith(pattern + ".")


def _tape_of(nodes: list[Any], root: Any, module: Any) -> tuple[Any, int, dict[Any, int]]:
    """The recording that knows these nodes, or one made by walking them: tape, number of the graph, row of every node."""
    for tape in dict.fromkeys([t for t in (active(), registry.newest()) if isinstance(t, TorchTape)]):
        found = tape.recorder.places(nodes)
        if found is not None:
            return tape, *found
    tape, rows = from_root(nodes, root, module)
    return tape, 0, rows


def debug(loss: Any, gradient: Any = None, *, module: Any = None) -> TorchDebugger:
    """Holds the backward pass from `loss` before its first node; needs no recording.

    `module` gives parameters their names. The pass moves by the methods of what is returned, or by the backward view.
    Raises RuntimeError for a loss that does not require grad.
    """
    from ...facade import open_house

    open_house()
    dbg = TorchDebugger((loss,) if isinstance(loss, torch.Tensor) else tuple(loss), gradient, module=module)
    hold(dbg)
    return dbg
