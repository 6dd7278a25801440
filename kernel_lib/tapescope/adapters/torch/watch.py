"""Breakpoints on PyTorch's models: while there are some, its backward passes run on the lookout for them, and pause inside the call.

The pass is PyTorch's own, hooks included, on a thread that has all that the calling one has; the caller waits, and carries out what pages ask.
Where nobody records, a recording of structure alone follows the forward pass, so that ops, lines, modules and parameters have their names; the list of
recordings shows it when a pass has paused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

from ...core.say import say
from ...debugger import Aborted
from ...debugger import forward as native_forward
from ...debugger import watch as native
from ...debugger.pause import pause
from ...debugger.points import breakpoints, met, namers
from ...tape.recordings import active, registry
from . import forward, listen
from .arrays import quietly
from .carried import Carried, release
from .held import HeldPass
from .points import TorchPlan, listening
from .stepper import TorchDebugger
from .tape import TorchTape
from .where import TorchWhere, name_of, recording_of, unnamed

_busy = threading.local()
_maybe_level = torch._C._functorch.maybe_current_level
_quiet: TorchTape | None = None    # follows the forward pass where nobody records
_open = False                      # whether PyTorch's engine asks us


def run(engine: Any, outputs: Any, *args: Any, **kwargs: Any) -> Any:
    """PyTorch's engine, on the lookout for breakpoints. Only the main thread pauses."""
    if getattr(_busy, "on", False) or threading.current_thread() is not threading.main_thread() or _maybe_level() is not None or len(args) < 4:
        return engine(outputs, *args, **kwargs)
    native.count()
    step = native.current_step()
    found = [b for b in breakpoints if b.enabled and not b.forward and b.in_step(step)]
    if not found:
        return engine(outputs, *args, **kwargs)
    gradients, retain, *rest = args
    r = listen.recorder_here()
    with quietly():
        pass_ = HeldPass(outputs, gradients, call=lambda keep: engine(outputs, gradients, keep, *rest, **kwargs), inputs=rest[1],
                         accumulate=bool(kwargs.get("accumulate_grad")), carried=Carried(None if r is None else r.hearing))
        plan = TorchPlan(pass_.nodes, TorchWhere(*(recording_of(pass_.nodes) or (None, -1, {}))), found)
    if not plan:
        return engine(outputs, *args, **kwargs)
    pass_.recorder = r
    _busy.on = True
    try:
        return _through(pass_, plan, bool(retain))
    finally:
        _busy.on = False
        sync()


def _through(pass_: HeldPass, plan: TorchPlan, retain: bool) -> Any:
    """Runs a pass that may meet a breakpoint, and gives what the engine has given."""
    pass_.retain = retain or not (plan.unlikely or pass_.once)  # what has never been met lets go of the graph as backward() does
    failed: Exception | None = None
    try:
        stopped = pass_.start(plan.until, None if pass_.retain or plan.anywhere else plan.at)
    except BaseException:                                       # an interrupt
        pass_.end()
        pass_.restore()
        raise
    if pass_.error is not None:
        failed = pass_.error if isinstance(pass_.error, Exception) else None
        if failed is None or plan.exception is None or not pass_.retain or not plan.exception.meet():
            error, pass_.error = pass_.error, None
            raise error
    elif not stopped:
        if pass_.retain and not retain:
            release(pass_.nodes)
        return pass_.result
    pass_.hold()
    dbg = TorchDebugger.inside(pass_, retain, met(plan.hits))
    dbg.hits, dbg.met = plan.hits, plan.met
    dbg.watch = lambda: _until_of(dbg)
    dbg.catch = lambda error: _catches(dbg, error)
    if failed is not None:
        pass_.error = None
        if not dbg.catch(failed):
            raise failed
    registry.show(dbg.tape)
    hold_open(dbg)
    return pass_.result


def _until_of(dbg: TorchDebugger) -> Callable[[Any, Any], bool] | None:
    """What stops a held pass that continues: the breakpoints as they are now."""
    step = native.current_step()
    found = [b for b in breakpoints if b.enabled and not b.forward and b.in_step(step)]
    with quietly():
        plan = TorchPlan(dbg._pass.nodes, dbg.where, found)
    if not plan:
        return None
    plan.met = dbg.met

    def until(node: Any, grads: Any) -> bool:
        met = plan.until(node, grads)
        if met:
            dbg.hits = plan.hits
        return met

    return until


def _catches(dbg: TorchDebugger, error: Exception) -> bool:
    """Stands before the node that raised, by running the pass again; an exception that has been shown is raised when the pass goes on over it."""
    found = next((b for b in breakpoints if b.exception and b.enabled), None)
    index = max(dbg._pass.index, 0)
    if found is None or index in dbg.shown or dbg.cannot_run_again():
        return False
    dbg.shown.add(index)
    dbg._rewind(index, say("breakpoint {0}: {1}", found.id, f"{type(error).__name__}: {error}"))
    dbg.error, dbg.hits = error, [found]
    return True


def hold_open(dbg: TorchDebugger) -> None:
    """Keeps the call open until the pass is complete; whatever else ends it puts `.grad` back."""
    r = dbg._pass.recorder
    if r is not None:
        r.quiet += 1                                            # what is looked at while it waits is not the model's
    try:
        while dbg.state == "held":
            pause(dbg)
            if dbg.state == "held":                             # nobody has answered, or whoever did leaves the rest to us
                dbg.continue_()
    except BaseException:
        if dbg.state == "held":
            dbg.give_up("interrupted")
        raise
    finally:
        if r is not None:
            r.quiet -= 1
    if dbg.state == "aborted":
        raise dbg.error or Aborted(f"the backward pass was given up before node {dbg.index + 1} of {dbg.total}: {dbg.aftermath}")


def sync() -> None:
    """Listens where breakpoints ask for it, and nowhere else."""
    global _open, _quiet
    if getattr(_busy, "on", False):                             # a pass is under way: when it is over
        return
    listen.sweep()
    wanted = [b for b in breakpoints if b.enabled]
    backward = any(not b.forward for b in wanted)
    if backward is not _open:
        _open = backward
        if backward:
            listen.ears.open()
        listen.lookout = run if backward else None
        if not backward:
            listen.ears.close()
    forward.sync()
    if threading.current_thread() is not threading.main_thread():
        return
    follow = listening(wanted) or native_forward.engaged
    if follow and _quiet is None and active() is None:
        _quiet = TorchTape(values="none", name="seen by breakpoints", shown=False)
        _quiet.start()
    elif _quiet is not None and (not follow or _quiet.state != "recording"):
        ended, _quiet = _quiet, None
        ended.stop()


def _recordings_changed() -> None:
    if len(breakpoints):
        sync()


def install() -> None:
    """Hears of breakpoints from now on, and of those that are there."""
    if sync not in breakpoints.listeners:
        breakpoints.listeners.append(sync)
        namers.append(lambda value: name_of(value) or unnamed(value) if isinstance(value, torch.Tensor) else None)
        registry.listen(_recordings_changed)
        if len(breakpoints):
            sync()
