"""`debug(loss)`: a backward pass of PyTorch's engine, stepped node by node. The surface is that of `tapescope.debugger.Debugger`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...core.say import say
from ...debugger.frames import hold
from ...debugger.moves import one_place
from ...debugger.points import met
from ...debugger.where import inside
from .arrays import quietly
from .backward import enter
from .carried import release
from .held import HeldPass, Until
from .hooks import ALLOW
from .listen import recorder_here
from .look import TorchAt
from .nodes import LEAF
from .ranks import stalls
from .saved import show
from .sight import TorchSight
from .structure import from_root
from .where import TorchWhere, recording_of

_number = itertools.count(1_000_000).__next__


class TorchDebugger(TorchSight):
    """A backward pass held before its first node. It runs on PyTorch's own engine with every hook, on a thread of its own, so that the cell returns.

    `step`, `step_back`, `into`, `out`, `next_module`, `run_to`, `go`, `continue_`, `abort` move it; `at` is what stands at the cursor. `.grad` are written
    as the pass reaches them; `abort` and `step_back` put them back. Going back is running the pass again from its start: refused once a hook has run, for
    that would run again, unless `rerun_hooks` allows it.
    """

    def __init__(self, roots: Sequence[Any], gradient: Any = None, *, module: Any = None) -> None:
        for t in roots:
            if not isinstance(t, torch.Tensor):
                raise TypeError(say("debug() takes a loss tensor of PyTorch or several of them, not {0}", type(t).__name__))
            if not t.requires_grad:
                raise RuntimeError(say("debug() needs a tensor with a grad_fn: this one, of shape {0}, does not require grad. "
                                       "Was it computed under no_grad(), or detached?", list(t.shape)))
            if gradient is None and t.numel() != 1:
                raise RuntimeError(say("grad can be implicitly created only for scalar outputs"))
        watched = list(module.parameters()) if module is not None else ()
        gradients = None if gradient is None else [gradient] if isinstance(gradient, torch.Tensor) else list(gradient)
        self._set(HeldPass(roots, gradients, watched), say("the pass is held before its first node"), module)
        self._pass.start()
        self._raised()

    @classmethod
    def inside(cls, running: HeldPass, retain: bool, reason: str) -> TorchDebugger:
        """A pass that runs inside `backward()`, and has stopped where it is. `retain`: what the call was told to do with the graph."""
        dbg = cls.__new__(cls)
        dbg._set(running, reason)
        dbg.live, dbg.keeps = True, retain
        return dbg

    def _set(self, pass_: HeldPass, reason: str, module: Any = None) -> None:
        self._pass, self.roots, self.module = pass_, pass_.roots, module
        self._begin(_number())
        self.tape: Any
        self.tape, self.graph, self.rows = recording_of(pass_.nodes) or _walked(pass_.nodes, self.roots[0], module)
        self.where = TorchWhere(self.tape, self.graph, self.rows, module)
        self.reason, self.keeps = reason, True
        self.note = stalls()
        self.met: set[int] = set()                              # breakpoints of no place that it has met on its way
        self.shown: set[int] = set()                            # nodes whose exception somebody has seen
        self.watch: Callable[[], Until | None] = lambda: None   # what stops it on the way
        self.catch: Callable[[Exception], bool] = lambda error: False

    # -- moving ---------------------------------------------------------------------------------------------------------------

    def step_back(self, n: int = 1) -> TorchAt | None:
        """Stops before the node that ran last, by running the pass again from its start; edits stay. Refused where hooks may run once only."""
        if self.index <= 0:
            raise RuntimeError(say("this is the first node of the pass: there is nothing before it"))
        return self._rewind(max(0, self.index - n), say("stepped back"))

    def go(self, index: int) -> TorchAt | None:
        """Stands before node `index`, behind or before the cursor: what a scrubber does."""
        if not 0 <= index < self.total:
            raise IndexError(say("index {0} is out of range: the pass has {1} nodes", index, self.total))
        if index < self.index or self.state != "held":
            return self._rewind(index, say("went to node {0}", index + 1))
        return self._run(lambda node, grads: self._pass.index >= index, say("went to node {0}", index + 1), False) if index > self.index else self.at

    def run_to(self, node: Any = None, *, module: str | None = None, op: str | None = None, parameter: str | None = None,
               index: int | None = None) -> TorchAt | None:
        """Runs until a node (a grad_fn, or its row), a module path, an op name, a parameter or an index is reached, from the start where it lies behind."""
        what, value = one_place({"node": node, "module": module, "op": op, "parameter": parameter, "index": index})
        if what == "index":
            return self.go(value)

        def there(n: Any) -> bool:
            if what == "node":
                return bool(n is value or self.rows.get(n, -1) == value)
            if what == "module":
                return inside(self.where.module(n), value)
            if what == "parameter":
                return bool(self.where.parameter(n) == value)
            return value in (n.name(), self.where.label(n), n.name().rpartition("::")[2].removesuffix("0").removesuffix("Backward").lower())

        places = [n for n in self._pass.nodes if there(n)]
        if not places:
            raise RuntimeError(say("no node of this pass has {0} {1}; it has {2}", say(what), repr(value), self._known(what)))
        if self.state != "held" or set(places) <= set(self._pass.ran):
            self._rewind(0, "")
        if self.at is None or not there(self.at.node) or self._pass.index:
            self._run(lambda node, grads: there(node), "", False)
        at = self.at
        return self._moved(say("ran to {0} {1}", say(what), value if what != "node" or at is None else at.name))

    def replay(self) -> TorchAt | None:
        """Runs the same pass again from its start to where it stands."""
        return self._rewind(max(self.index, 0) if self.state == "held" else 0, say("ran again from the start"))

    def reset(self) -> TorchAt | None:
        """Forgets all edits and stands before the first node again."""
        self._may_run_again()
        self._pass.edits.clear()
        self._pass.changes = ()
        return self._rewind(0, say("started again"))

    def keep(self) -> TorchAt | None:
        """Runs the pass to its end with the changes of the branch: their gradients are written to `.grad`. `step_back` undoes it."""
        with self.lock:
            if not self.branch:
                raise RuntimeError(say("there is no branch to keep: what_if() makes one"))
            self._must_not_be_aborted()
            behind = self.state != "held" or min(c.index for c in self.branch) < self.index
            if behind:
                self._may_run_again()
            kept, self.branch, self.compared = self.branch, (), None
            self._pass.changes += kept
            if behind:
                self._rewind(0, "")
            elif self._pass.stop is not None:
                node, grads = self._pass.stop
                show(kept)
                for c in kept:
                    if c.node is node:
                        grads = c.into(grads)
                self._pass.stop = node, grads
            return self._run(lambda node, grads: False, "", watched=False)

    def abort(self) -> None:
        """Abandons the pass and puts `.grad` back; the graph is still whole, so that `debug(loss)` or `loss.backward()` can be called."""
        with self.lock:
            if self.state == "done":
                raise RuntimeError(say("the pass is complete and its .grad are written; step back to undo it"))
            self.give_up("aborted")

    def edit(self, *grads: Any) -> TorchAt | None:
        """Replaces the gradient that comes into the current node (one per output): `edit(0 * dbg.at.grad_in[0])`."""
        self._must_be_held()
        with self.lock:
            stop = self._pass.stop
            assert stop is not None
            node, old = stop
            if len(grads) != len(old):
                raise ValueError(say("{0} has {1} incoming gradient(s), got {2}", node.name(), len(old), len(grads)))
            with quietly():
                new = tuple(_fit(a, g, node) for a, g in zip(old, grads, strict=True))
            self._pass.edits[node] = new
            self._pass.stop = node, new
            return self._moved(say("edited the incoming gradient"))

    def scale(self, factor: float) -> TorchAt | None:
        """Edits the incoming gradient to a multiple of itself; of 0 even where it is not finite."""
        at = self.at
        if at is None:
            raise RuntimeError(say("the pass is over: there is no gradient to edit"))
        with quietly():
            return self.edit(*[None if g is None else torch.zeros_like(g) if factor == 0 else g * factor for g in at.grad_in])

    def __del__(self) -> None:
        held = getattr(self, "_pass", None)
        if held is not None and getattr(self, "state", "") == "held":
            held.end()
            held.restore()

    # -- the machine ------------------------------------------------------------------------------------------------------------

    def _run(self, until: Until, reason: str, watched: bool = True) -> TorchAt | None:
        with self.lock:
            self._must_be_held()
            self.hits, self.error = [], None
            watch = self.watch() if watched else None

            def stops(node: Any, grads: Any) -> bool:
                met = watch is not None and watch(node, grads)
                return until(node, grads) or met

            try:
                stopped = self._pass.advance(stops)
            except Exception as e:
                if self.catch(e):
                    return self.at
                self._failed(e)
                raise
            if not stopped:
                return self._complete()
            if self.hits:
                reason = met(self.hits)
            return self._moved(reason)

    def _rewind(self, index: int, reason: str) -> TorchAt | None:
        self._must_not_be_aborted()
        self._may_run_again()
        with self.lock:
            self.hits = []
            self.met.clear()
            self._pass.end()
            self._pass.restore()
            self.state = "held"
            self._pass.start()
            self._raised()
            if index > 0:
                self._pass.advance(lambda node, grads: self._pass.index >= index)
            return self._moved(reason)

    def _may_run_again(self) -> None:
        """Going back runs the pass once more: refused where that is not the same again, or a hook has run."""
        if why := self.cannot_run_again():
            raise RuntimeError(say("this pass cannot be run again to step back: {0}", why))

    def cannot_run_again(self) -> str:
        """Why the pass cannot go back, '' when it can."""
        if self.live and self.state == "done":
            return say("backward() has returned; retain_graph=True and dbg = tst.debug(loss) hold one that can be walked again")
        if self._pass.once:
            return say("a compiled model donates what it has saved to its backward pass; torch._functorch.config.donated_buffer = False, before it is compiled, keeps it")
        if not self._pass.retain:
            return say("what it had run before the breakpoint was met for the first time is freed; from now on passes keep it, or call "
                       "backward(retain_graph=True)")
        if torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            return say("its hooks exchange gradients with other processes (torch.distributed), which would wait for an exchange that they do not make")
        for n in self._pass.nodes:
            if n.name().endswith("CheckpointFunctionBackward"):
                return say("a checkpoint with use_reentrant=True writes .grad while its node runs; use_reentrant=False can be stepped back")
            if n._sequence_nr() >= LEAF and getattr(n.variable, "_post_accumulate_grad_hooks", None):
                return say("{0} has a hook that runs after its gradient is accumulated, and may have changed it", self.name_of(n.variable))
        ran = "" if self.rerun_hooks else next(iter(self._pass.hooks), "")
        return say("its hook {0} has run and would run {1}", ran, say(ALLOW)) if ran else ""

    @property
    def aftermath(self) -> str:
        """What an abandoned pass leaves."""
        if self._pass.retain:
            return say(".grad is what it was before; the forward need not be run again")
        return say(".grad is what it was before; what it had run of the graph is freed, so that the forward must be run again for another backward()")

    def give_up(self, why: str) -> None:
        """Ends the pass where it stands and puts `.grad` back."""
        self._pass.end()
        self._pass.restore()
        self.state, self.reason = "aborted", say("{0}: {1}", say(why), self.aftermath)
        self._tell()

    def _raised(self) -> None:
        if self._pass.error is not None:
            error, self._pass.error = self._pass.error, None
            self._pass.restore()
            self._failed(error)
            raise error

    def _failed(self, error: BaseException) -> None:
        self.error = error
        self.state, self.reason = "aborted", say("the pass raised {0}; .grad is what it was before", type(error).__name__)
        self._tell()

    def _complete(self) -> TorchAt | None:
        self.state, self.reason = "done", say("complete: .grad of {0} leaves is written", len(self._pass.reached))
        if self.live and not self.keeps and self._pass.retain:
            release(self._pass.nodes)                           # as backward() does
        r = None if self.live else recorder_here()
        if r is not None and r.listens:
            with quietly():
                enter(r, self.roots, [r.mirrors.of(t) for t in self._pass.reached])
        self._tell()
        return None


def _fit(old: Any, new: Any, node: Any) -> Any:
    if new is None:
        return None
    g = torch.as_tensor(new)
    if old is not None:
        if g.shape != old.shape:
            raise ValueError(say("the gradient at {0} has shape {1}, the replacement {2}", node.name(), list(old.shape), list(g.shape)))
        g = g.to(old)
    return g.detach()


def _walked(nodes: list[Any], root: Any, module: Any) -> tuple[Any, int, dict[Any, int]]:
    """A recording made by walking the nodes: tape, number of the graph, row of every node."""
    tape, rows = from_root(nodes, root, module)
    return tape, 0, rows


def debug(loss: Any, gradient: Any = None, *, module: Any = None, optimizer: Any = None, again: Callable[[], Any] | None = None,
          rerun_hooks: bool = False) -> TorchDebugger:
    """Holds the backward pass from `loss` before its first node; needs no recording.

    `module` gives parameters their names. The pass moves by the methods of what is returned, or by the backward view. `optimizer` and `again`, which computes
    the loss anew, let `what_if` compare updates and the loss after the step. `rerun_hooks` says that hooks of tensors, nodes and modules do nothing but give
    gradients, so that they may run again when the pass goes back or is tried beside itself. Raises RuntimeError for a loss that does not require grad.
    """
    from ...facade import open_house

    open_house()
    dbg = TorchDebugger((loss,) if isinstance(loss, torch.Tensor) else tuple(loss), gradient, module=module)
    dbg.optimizer, dbg.again, dbg.rerun_hooks = optimizer, again, rerun_hooks
    hold(dbg)
    return dbg
