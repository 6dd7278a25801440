"""Runs the passes of `backward()` while there are breakpoints: straight through where none can be met, else held where one is."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.autograd import run_passes
from ..core.engine import discover, walk
from ..core.node import AccumulateGrad, Node
from ..core.say import say
from ..core.state import mode
from ..core.tensor import Tensor, accumulator
from ..tape import active, overhear
from . import forward
from .ear import ear
from .held import Aborted
from .passes import Pass
from .pause import pause
from .plan import Plan
from .points import Breakpoint, Measure, breakpoints, met
from .stepper import Debugger
from .where import Where, inside, recording_of

_busy = threading.local()
_passes = 0                        # of backward() since there are breakpoints: the step, where nobody records


def current_step() -> int:
    """The step that `step=` speaks of: the recording's, or the number of passes since the first breakpoint was set."""
    tape = active()
    return tape.step_number if tape is not None and tape.shown else _passes


def count() -> None:
    """A pass of backward() begins."""
    global _passes
    _passes += 1


class NodePlan(Plan[Where]):
    """The breakpoints that a pass of our engine may meet; `recent` is the memory that it has looked at last, None where that may change unseen."""

    def __init__(self, order: Sequence[Node], leaves: Iterable[Node], where: Where, found: Sequence[Breakpoint]) -> None:
        super().__init__(order, leaves, where, found)
        self.recent: list[tuple[Any, float]] | None = []
        quiet = [b.quiet for b in self.anywhere]
        self.low, self.high = max((q[0] for q in quiet), default=0.0), min((q[1] for q in quiet), default=math.inf)

    def possible(self, order: Sequence[Node], placed: list[Breakpoint]) -> list[Breakpoint]:
        if not placed:
            return placed
        ops, paths = {n.op for n in order}, self.where.paths    # most breakpoints are on what this pass has not
        return [b for b in placed if (b.op is None or any(b.at_op(op) for op in ops)) and (b.module is None or paths is None or any(inside(p, b.module) for p in paths))]

    def names(self, leaf: Any) -> Iterable[str]:
        return (self.where.leaf(leaf.variable),) if isinstance(leaf, AccumulateGrad) else ()

    def quiet(self, node: Node, grads: Any) -> bool:
        return self.recent is not None and len(grads) == 1 and self.low <= self._glance(node, grads[0]) <= self.high

    def _glance(self, node: Node, g: Any) -> float:
        """The sum of squares of a gradient; memory that has just been looked at, handed on as it is or turned, is not looked at again."""
        recent = self.recent
        assert recent is not None
        if g.__class__ is Tensor:                               # under create_graph
            g = g._array
        base = g.base if isinstance(g.base, np.ndarray) and g.base.size == g.size else g
        for known, e in recent:
            if known is base:
                return e
        e = float(np.vdot(g, g)) if g.__class__ is np.ndarray and g.dtype.char in "fd" and g.flags.c_contiguous else Measure([g]).energy
        if node.__class__ is not AccumulateGrad:                # what nobody else holds becomes `.grad` without a copy
            recent.insert(0, (base, e))
            del recent[3:]
        return e


def plan_of(pass_order: Sequence[Node], leaves: Iterable[Node], where: Where) -> NodePlan:
    """What of the breakpoints a pass may meet now."""
    step = current_step()
    found = [b for b in breakpoints if b.enabled and not b.forward and b.in_step(step)]
    plan = NodePlan(pass_order, leaves, where, found)
    if any(b.when == "jump" for b in found):
        index: dict[Node, int] = {n: i for i, n in enumerate([*pass_order, *leaves])}
        plan.key = lambda node: (index.get(node, -1), node.op.name)
    return plan


def until_of(dbg: Debugger) -> Callable[[Node, list[Any]], bool] | None:
    """What stops a held pass that continues: the breakpoints as they are now."""
    if not len(breakpoints):
        return None
    plan = plan_of(dbg._pass.order, dbg._pass.leaves, dbg.where)
    if not plan:
        return None
    plan.recent, plan.met = None, dbg.met

    def until(node: Node, grads: list[Any]) -> bool:
        met = plan.until(node, grads)
        if met:
            dbg.hits = plan.hits
        return met

    return until


def run(roots: Sequence[Tensor], grads: list[Any], *, retain: bool = False, create: bool = False, captures: Any = None, accumulate: bool = True,
        site: Any = None) -> Iterable[Any]:
    """`engine.walk` for `backward()` and `grad()`, on the lookout for breakpoints. Only the main thread pauses."""
    options: dict[str, Any] = {"create": create, "captures": captures, "accumulate": accumulate, "site": site}
    if getattr(_busy, "on", False) or threading.current_thread() is not threading.main_thread():
        return walk(roots, grads, retain=retain, **options)
    count()
    if not any(b.enabled and not b.forward for b in breakpoints):
        return walk(roots, grads, retain=retain, **options)
    found = discover([t._node if t._node is not None else accumulator(t) for t in roots])
    plan = plan_of(*found, Where(recording_of(found[0])))
    if not plan:
        return walk(roots, grads, retain=retain, found=found, **options)
    pass_ = Pass(roots, grads, retain=retain, found=found, **options)
    _busy.on = True
    try:
        _through(pass_, plan)
    finally:
        _busy.on = False
    return ()


def _through(pass_: Pass, plan: NodePlan) -> None:
    """Runs a pass that may meet a breakpoint, and writes `.grad` at its end."""
    pass_.sink = mode.sink
    light = plan.unlikely and not pass_.hooked
    if not light:
        plan.recent = None                                      # a hook may change memory that has been measured
    pass_.begin(light)
    try:
        stopped = pass_.advance(plan.until)
        reason = met(plan.hits)
    except Exception as error:
        if plan.exception is None or pass_.failed is None or not plan.exception.meet():
            pass_.abandon()
            raise
        dbg = _raised(pass_, plan, error)
    else:
        if not stopped:
            plan.recent = None
            pass_.finish()
            return
        pass_.take_hold()
        dbg = Debugger.inside(pass_, reason)
        dbg.hits = plan.hits
    dbg.met = plan.met
    dbg.catch = lambda error: _catches(dbg, error)
    dbg.watch = lambda: until_of(dbg)
    hold_open(dbg)


def _raised(pass_: Pass, plan: NodePlan, error: Exception) -> Debugger:
    """The pass, standing before the node that raised an exception."""
    assert plan.exception is not None
    pass_.rewind(pass_.index)
    dbg = Debugger.inside(pass_, say("breakpoint {0}: {1}", plan.exception.id, f"{type(error).__name__}: {error}"))
    dbg.error, dbg.hits = error, [plan.exception]
    dbg.shown.add(pass_.index)
    return dbg


def _catches(dbg: Debugger, error: Exception) -> bool:
    """Stands before the node that raised; an exception that has been shown is raised when the pass goes on over it."""
    found = next((b for b in breakpoints if b.exception and b.enabled), None)
    if found is None or dbg._pass.failed is None or dbg.index in dbg.shown or not found.meet():
        return False
    dbg.shown.add(dbg.index)
    dbg._pass.rewind(dbg.index)
    dbg.error, dbg.hits = error, [found]
    return True


def hold_open(dbg: Debugger) -> None:
    """Keeps the call open until the pass is complete; whatever else ends it leaves gradients and graph as they were."""
    try:
        while dbg.state == "held":
            pause(dbg)
            if dbg.state == "held":                             # nobody has answered, or whoever did leaves the rest to us
                dbg.continue_()
    except BaseException:
        if dbg.state == "held":
            dbg._pass.abandon()
            dbg.state, dbg.reason = "aborted", say("interrupted: no .grad was written")
            dbg._tell()
        raise
    if dbg.state == "aborted":
        raise Aborted(f"the backward pass was given up before node {dbg.index + 1} of {dbg.total}: no .grad was written, and the graph is whole")


_listening: tuple[bool, bool] = (False, False)     # whether the ear is on, and whether module calls are enough for it
always = False                     # the ear stays on, so that modules and parameters have names at every stop: in a terminal


def sync() -> None:
    """Listens where breakpoints ask for it, and nowhere else."""
    global _listening
    wanted = [b for b in breakpoints if b.enabled]
    run_passes(run if any(not b.forward for b in wanted) else None)
    forward.sync()
    listening = always or forward.engaged or any(b.forward or b.exception or b.module is not None or b.parameter is not None for b in wanted)
    calls = not (always or forward.engaged or any(b.forward or b.exception for b in wanted))
    if (listening, calls) != _listening:
        if listening and not _listening[0]:
            ear.forget()
        _listening = listening, calls
        overhear(ear if listening else None, calls)


breakpoints.listeners.append(sync)


def break_on(op: Any = None, module: str | None = None, parameter: Any = None, when: str | None = None, *, norm_above: float | None = None,
             norm_below: float | None = None, shape: Sequence[int | None] | None = None, line: tuple[str, int] | None = None,
             nth: int | None = None, step: int | tuple[int, int] | None = None, once: bool = False, ignore: int = 0, forward: bool = False, exception: bool = False,
             factor: float = 10.0) -> Breakpoint:
    """Pauses every later pass where all of this holds, inside the call, until it is told to go on. Returns the Breakpoint, which `ts.breakpoints` lists.

    A place: `op` (a name or pattern, "log", "LogBackward0", ts.log), `module` (a path: where the pass comes into it), `parameter` (a name or pattern: when
    its gradient is complete), `line` (file or cell, number), `nth` (of the nodes that are alike, 0 for the first that the pass comes to), `shape` (None for any size). A condition on the gradient there: `when` is "nonfinite", "zero" or
    "jump" (its norm is more than `factor` times what it was), `norm_above`, `norm_below`; without a place it is looked at everywhere. `step` limits it to a
    step or (first, last), `once` to its first time, `ignore=n` lets n times pass. `forward` stops in the forward pass instead, after an op or before a
    module, conditions then speak of outputs. `exception` stops where something raises.
    """
    fields = {"op": op, "module": module, "parameter": parameter, "when": when, "norm_above": norm_above, "norm_below": norm_below, "shape": shape,
              "line": line, "nth": nth, "step": step, "once": once, "ignore": ignore, "forward": forward, "exception": exception, "factor": factor}
    return breakpoints.add(**fields)
