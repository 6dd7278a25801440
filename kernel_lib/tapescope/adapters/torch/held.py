"""A backward pass of PyTorch's own engine that is held: it runs on a thread of its own and waits before every node at which it shall stop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Sequence
from time import perf_counter_ns as clock
from typing import Any

import torch

from .arrays import quietly
from .carried import Carried
from .hooks import watching
from .nodes import LEAF, roots_of
from .saved import hide, show

Until = Callable[[Any, Sequence[Any]], bool]


class Abandoned(BaseException):
    """Raised in the pass's own thread to end it; never seen outside."""


class HeldPass:
    """One run of the engine over the graph behind `roots`, with all hooks. What is saved is kept while `retain` holds, so that it can be run again.

    `call(retain)` runs the engine, when it is not `torch.autograd.backward`; with `inputs` only nodes that lead to them run, and `accumulate` says whether
    they get `.grad`. `carried` is what the thread that calls has.
    """

    def __init__(self, roots: Sequence[Any], gradients: Any, watched: Sequence[Any] = (), *, call: Callable[[bool], Any] | None = None,
                 inputs: Sequence[Any] = (), accumulate: bool = True, carried: Carried | None = None) -> None:
        self.roots, self.gradients = tuple(roots), gradients
        self._call = call or (lambda retain: torch.autograd.backward(self.roots, self.gradients, retain_graph=retain))
        self._carried = carried
        with quietly():
            self.nodes, self.leaves = ordered(roots_of(self.roots), _ends(inputs, accumulate) if inputs else None)
        self.total = len(self.nodes)
        self.once = donates(self.nodes)
        self.retain = not self.once            # what has run is kept
        self.ran: list[Any] = []               # nodes that the pass has come to
        self.index = -1                        # nodes that have run
        self.furthest = -1                     # and had run at most, before it went back
        self.stop: tuple[Any, tuple[Any, ...]] | None = None
        self.edits: dict[Any, tuple[Any, ...]] = {}
        self.changes: tuple[Any, ...] = ()     # of a branch that was kept
        self.error: BaseException | None = None
        self.result: Any = None
        self.done = False
        self.recorder: Any = None              # who hears nodes, the first time that they run
        self.hooks: dict[str, None] = {}       # of others, that have run
        self.took: dict[Any, int] = {}         # ns that nodes ran when they last did, hooks included
        self._since = 0
        self.parts: dict[Any, dict[Any, Any]] = {}             # node -> consumer -> what it sent there, until the node has run
        self._met = {n for n, times in _arrivals(self.nodes).items() if times > 1}
        self._until: Until = lambda node, grads: True
        self._leave = False
        self._handles: list[Any] = []
        self._light = False
        self._thread: threading.Thread | None = None
        self._stream = torch.cuda.current_stream() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
        self._variables = {n.variable: None for n in self.leaves if hasattr(n, "variable")} | dict.fromkeys(watched)
        self.before: dict[Any, Any] | None = None              # leaf -> its .grad before this run
        self.reached: list[Any] = []                           # leaves whose .grad is written, in order

    @property
    def sequence(self) -> list[Any]:
        """Nodes and leaves in the order in which they run."""
        return self.nodes

    # -- the thread that runs ---------------------------------------------------------------------------------------------------

    def start(self, until: Until | None = None, only: Collection[Any] | None = None) -> bool:
        """Runs up to the first node, or the first at which `until` holds; False when it has ended before. `only` these nodes are asked, until it is held."""
        with quietly():
            self.before = {p: None if p.grad is None else (p.grad, p.grad.detach().clone()) for p in self._variables}
        self.ran = []
        self._go, self._came = threading.Semaphore(0), threading.Semaphore(0)
        self.index, self.stop, self.error, self.done, self._leave = -1, None, None, False, False
        self.reached, self.parts = [], {}
        self._light = only is not None
        self._hook(self.nodes if only is None else only)
        self._until = until or (lambda node, grads: True)
        if self.recorder is not None:
            self.recorder.again = self.furthest > 0
        self._thread = threading.Thread(target=self._run, name="tapescope backward", daemon=True)
        self._thread.start()
        self._wait()
        return self.stop is not None

    def _hook(self, nodes: Collection[Any]) -> None:
        self._handles += [n.register_prehook(lambda grads, n=n: self._arrived(n, grads)) for n in nodes]
        if not self._light:
            self._handles += [n.register_hook(lambda out, grads, n=n: self._sent(n, out)) for n in nodes if any(m in self._met for m, _ in n.next_functions)]

    def hold(self) -> None:
        """From here on every node is come to: nobody had to be told of those before."""
        if not self._light or self.stop is None:
            return
        self._light = False
        node = self.stop[0]
        self.index = self.nodes.index(node)
        self.ran = self.nodes[:self.index + 1]
        self.reached = [n.variable for n in self.ran[:-1] if n._sequence_nr() >= LEAF]
        for h in self._handles:
            h.remove()
        self._handles = []
        self._hook(self.nodes[self.index + 1:])

    def _run(self) -> None:
        try:
            with contextlib.ExitStack() as stack:
                show(self.changes)
                stack.callback(lambda: hide(self.changes))     # those that were kept on the way, too
                stack.enter_context(torch.autograd.set_multithreading_enabled(False))             # a device's nodes on this thread, too: theirs is free for others
                stack.enter_context(watching(lambda words: self.hooks.setdefault(words)))
                if self._stream is not None:
                    stack.enter_context(torch.cuda.stream(self._stream))
                self.result = self._call(self.retain) if self._carried is None else self._carried.run(lambda: self._call(self.retain))
        except BaseException as e:
            if not isinstance(e, Abandoned):
                self.error = e
        finally:
            for h in self._handles:
                h.remove()
            self._handles = []
            self.done = self.error is None and not self._leave
            if self.done and not self._light:
                self.nodes = list(self.ran)    # leaves that are complete at once come in an order that only the engine knows
                self.total = len(self.nodes)
            self.stop = None
            if self.recorder is not None:
                self.recorder.again = False
            self._came.release()

    def _arrived(self, node: Any, grads: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Before a node, on the pass's thread."""
        if threading.current_thread() is not self._thread:      # a branch runs beside it
            return None
        if self._leave:
            raise Abandoned
        if self.ran and not self._light:
            self.took[self.ran[-1]] = clock() - self._since
            self.parts.pop(self.ran[-1], None)
        self.index += 1
        self.ran.append(node)
        self.furthest = max(self.furthest, self.index)
        if self.recorder is not None:
            self.recorder.again = self.index < self.furthest
        given = self.altered(node, grads)
        if self._until(node, given):
            self.stop = node, given
            self._came.release()
            self._go.acquire()
            if self._leave:
                raise Abandoned
            given = self.stop[1]
        self.stop = None
        if node._sequence_nr() >= LEAF:
            self.reached.append(node.variable)
        self._since = clock()
        return None if given is grads else given

    def altered(self, node: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """What comes into a node, with edits and kept changes."""
        grads = self.edits.get(node, grads)
        for c in self.changes:
            if c.node is node:
                grads = c.into(grads)
        return grads

    def _sent(self, node: Any, out: tuple[Any, ...]) -> None:
        if threading.current_thread() is not self._thread:
            return
        for (m, _), g in zip(node.next_functions, out, strict=False):
            if m in self._met and g is not None:
                parts = self.parts.setdefault(m, {})
                g = g.detach().to_dense() if g.layout != torch.strided else g.detach()
                parts[node] = parts[node] + g if node in parts else g

    # -- the thread that holds it --------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until the pass has stopped or ended; an interrupt stops it at the next node."""
        while True:
            try:
                while not self._came.acquire(timeout=0.2):
                    pass
                return
            except BaseException:
                self._until = lambda node, grads: True
                self._came.acquire(timeout=10)
                raise

    def advance(self, until: Until) -> bool:
        """Lets the pass run to the next node at which `until(node, gradients)`; False when it has ended. Raises what it raised."""
        if self.stop is None:
            return False
        self._until = until
        self._go.release()
        self._wait()
        if self.error is not None:
            error, self.error = self.error, None
            self.restore()
            raise error
        return self.stop is not None

    def end(self) -> None:
        """Ends the thread, where it stands."""
        if self._thread is not None and self._thread.is_alive():
            self._leave = True
            self._go.release()
            self._thread.join(10)
        self._thread = None
        self.stop = None

    def restore(self) -> None:
        """Puts every `.grad` back to what it was before the run: the same tensors with the same values."""
        before, self.before = self.before, None
        with quietly(), torch.no_grad():
            for p, known in (before or {}).items():
                if known is None:
                    p.grad = None
                else:
                    grad, values = known
                    if grad is not p.grad or not torch.equal(grad, values):
                        grad.copy_(values)
                        p.grad = grad
        self.reached = []


def donates(nodes: Sequence[Any]) -> bool:
    """Whether the pass of a compiled model uses up what its forward pass has saved: it then refuses to be run with `retain_graph`."""
    return any(n.name().startswith("CompiledFunctionBackward") for n in nodes) and bool(getattr(torch._functorch.config, "donated_buffer", False))


def ordered(roots: list[Any], ends: dict[Any, bool] | None = None) -> tuple[list[Any], list[Any]]:
    """All nodes that the roots lead to in the order of the engine: the newest first, a leaf as soon as everything has arrived; and the leaves.

    With `ends` only those that lead to one of them, and of the ends themselves those that are said to run.
    """
    seen, stack, found = set(roots), list(dict.fromkeys(roots)), []
    while stack:
        n = stack.pop()
        found.append(n)
        for m, _ in n.next_functions:
            if m is not None and m not in seen:
                seen.add(m)
                stack.append(m)
    if ends is not None:
        found = _leading(found, ends)
    left = _arrivals(found)
    plain = sorted((n for n in found if n._sequence_nr() < LEAF), key=lambda n: -n._sequence_nr())
    order: list[Any] = [n for n in found if n._sequence_nr() >= LEAF and not left.get(n)]
    among = set(found)
    for n in plain:
        order.append(n)
        for m, _ in n.next_functions:
            if m in among and m._sequence_nr() >= LEAF:
                left[m] -= 1
                if not left[m]:
                    order.append(m)
    return order, [n for n in order if n._sequence_nr() >= LEAF]


def _ends(inputs: Sequence[Any], accumulate: bool) -> dict[Any, bool]:
    """The nodes at which a pass for some inputs ends, and whether they run: to accumulate, or only to hand over what has arrived."""
    return {n: accumulate for t in inputs for n in roots_of([t])}


def _leading(nodes: list[Any], ends: dict[Any, bool]) -> list[Any]:
    """Of the nodes those that run when only `ends` are asked for."""
    leads: dict[Any, bool] = {}
    for n in sorted(nodes, key=lambda n: -1 if n._sequence_nr() >= LEAF else n._sequence_nr()):
        leads[n] = any(m is not None and (m in ends or leads.get(m, False)) for m, _ in n.next_functions)
    return [n for n in nodes if leads[n] or ends.get(n, False)]


def _arrivals(nodes: Sequence[Any]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for n in nodes:
        for m, _ in n.next_functions:
            if m is not None:
                found[m] = found.get(m, 0) + 1
    return found
