"""The forward pass under breakpoints: it pauses after an op, or before a module is called, and goes on op by op, module by module or to the next one."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..core.explain import forward_formula
from ..core.say import say, told
from ..core.site import PACKAGES, SiteInfo, resolve
from ..tape import Tape, active, registry
from .ear import ear
from .held import Aborted
from .pause import pause
from .points import Breakpoint, Measure, breakpoints, met
from .summary import one_line
from .where import structure_of

_number = itertools.count(1_000_000).__next__
_busy = threading.local()


class ForwardAt:
    """What stands at a stop of the forward pass: an op that has just run, or a module that is about to be called."""

    def __init__(self, name: str, module: str, site: Any, inputs: Any, outputs: Any, formula: str = "", node: Any = None) -> None:
        self.name, self.module, self.formula, self.node = name, module, formula, node
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.source: SiteInfo | None = resolve(site)

    def shown(self) -> tuple[Any, Any]:
        """Inputs and outputs as something with an array."""
        return self.inputs, self.outputs

    def __repr__(self) -> str:
        lines = [f"forward: {self.name}" + (f"  in {self.module}" if self.module else "")]
        lines += [f"  {self.source}"] if self.source is not None else []
        for label, values in zip(("input: ", "output:"), self.shown(), strict=True):
            lines += [f"  {label} {one_line(t)}" for t in values if hasattr(t, "_array")]
        return "\n".join(lines)


class Forward:
    """A paused forward pass. `step`, `into`, `out`, `next_module`, `continue_` say where it pauses next, `abort` ends the call with `Aborted`."""

    live = True
    lock: Any = threading.RLock()

    def __init__(self, at: ForwardAt, reason: str, hits: list[Breakpoint], depth: int) -> None:
        self.number, self.version = _number(), 0
        self.at, self.reason, self.hits, self.depth = at, reason, hits, depth
        self.state, self.note, self.error = "held", "", None
        self.next: Callable[[int, str, bool], bool] | None = None
        self.tape: Tape = active() or registry.newest() or _empty()

    def _go(self, state: str, following: Callable[[int, str, bool], bool] | None) -> None:
        if self.state != "held":
            raise RuntimeError(say("the forward pass has gone on already"))
        self.state, self.next = state, following
        self._tell()

    def step(self) -> None:
        """To the next op or module call at this level or outside it: over what a module does inside."""
        depth = self.depth
        self._go("running", lambda d, path, entering: d <= depth)

    over = step

    def into(self) -> None:
        """To the next op or module call, whatever it is in."""
        self._go("running", lambda d, path, entering: True)

    def out(self) -> None:
        """To the first op or call after this module."""
        depth = self.depth
        self._go("running", lambda d, path, entering: d < depth)

    def next_module(self) -> None:
        """To the next module call."""
        self._go("running", lambda d, path, entering: entering)

    def continue_(self) -> None:
        """To the next breakpoint."""
        self._go("running", None)

    def abort(self) -> None:
        """Ends the call with an exception."""
        self._go("aborted", None)

    def waiting(self) -> bool:
        return self.state == "held"

    def place(self) -> str:
        at = self.at
        return f"{at.name}{' in ' + at.module if at.module else ''}" + (f" ({at.source})" if at.source else "")

    def _tell(self) -> None:
        self.version += 1
        self.tape.changed()

    def describe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Meta and columns of a `debug` frame."""
        from .frames import entries

        columns: dict[str, Any] = {}
        at, info = self.at, self.at.source
        graph = structure_of(self.tape)
        inputs, outputs = at.shown()
        rows = self.tape.recorder.rows
        op = len(self.tape.recorder.ticks)
        return {"state": self.state, "live": True, "direction": "forward", "graph": graph, "index": op, "total": op, "reason": self.reason, "note": self.note, "said": {"reason": told(self.reason), "note": told(self.note)},
                "node": rows.get(at.node.seq, -1) if at.node is not None else -1, "edited": 0, "hits": [b.id for b in self.hits], "error": None, "nbytes": 0,
                "arrived": [],
                "at": {"name": at.name, "label": "", "module": at.module, "source": None if info is None else [info.file, info.line, info.text, info.cell],
                       "formula": at.formula, "grad_in": entries("input", inputs, columns), "saved": [], "grad_out": entries("output", outputs, columns),
                       "shares": []}}, columns

    def __repr__(self) -> str:
        return f"<Forward {self.state}, {self.place()}>"


def _empty() -> Tape:
    """A recording with nothing in it: where views look for a pause when there is none."""
    tape = Tape(values="none", name="forward")
    tape.recorder.stopped = True
    tape.state = "stopped"
    registry.add(tape)
    return tape


_following: Callable[[int, str, bool], bool] | None = None


def _stop(at: ForwardAt, reason: str, hits: list[Breakpoint], depth: int) -> None:
    global _following
    _following = None
    machine = Forward(at, reason, hits, depth)
    _busy.on = True
    try:
        pause(machine)
    finally:
        _busy.on = False
        if machine.state == "held":
            machine.state = "running"
        machine._tell()
    if machine.state == "aborted":
        raise Aborted(say("the forward pass was given up at {0}", machine.place()))
    _following = machine.next
    breakpoints.sync()


def _wait() -> bool:
    return getattr(_busy, "on", False) or threading.current_thread() is not threading.main_thread()


engaged = False                    # an event is being looked at, or a step waits for the next: the ear stays


def _looked_at(handler: Callable[..., None]) -> Callable[..., None]:
    def heard(*args: Any) -> None:
        global engaged
        if _wait():
            return
        engaged = True
        try:
            handler(*args)
        finally:
            engaged = _following is not None
            if not _points and not engaged:
                breakpoints.changed()
    return heard


def _on_op(op: Any, inputs: Any, outputs: Any, node: Any, site: Any) -> None:
    path = ear.open[-1].path if ear.open else ""
    on_op(op, site, path, len(ear.open), outputs, lambda: ForwardAt(op.label, path, site, inputs, outputs, forward_formula(op), node))


@_looked_at
def on_op(op: Any, site: Any, path: str, depth: int, outputs: Any, at: Callable[[], ForwardAt]) -> None:
    """An op has run, in a module call at this depth."""
    hits: list[Breakpoint] = []
    for b in _points:
        if b.enabled and (b.op is not None or b.module is None or b.conditional) and outputs and b.at_place(op, site, lambda: path, outputs[0]._array.shape) \
                and b.in_step(_step()) and b.holds(Measure(outputs)) and b.meet():
            hits.append(b)
    if hits or (_following is not None and _following(depth, path, False)):
        _stop(at(), met(hits) or say("stepped"), hits, depth)


def _on_enter(path: str, module: Any, args: Any, site: Any) -> None:
    on_enter(path, len(ear.open) - 1, lambda: ForwardAt(type(module).__name__, path, site, args, ()))


@_looked_at
def on_enter(path: str, depth: int, at: Callable[[], ForwardAt]) -> None:
    """A module is about to be called, in a call at this depth."""
    hits = [b for b in _points if b.enabled and b.module is not None and b.op is None and not b.conditional and b.shape is None and b.line is None
            and path == b.module and b.in_step(_step()) and b.meet()]
    if hits or (_following is not None and _following(depth, path, True)):
        _stop(at(), met(hits) or say("came to another module"), hits, depth)


_shown: BaseException | None = None


def _on_exit(path: str, module: Any, output: Any) -> None:
    if output is None:
        on_error(len(ear.open), lambda site: ForwardAt(type(module).__name__, path, site, (), ()), lambda frame: frame.f_globals.get("__package__") in PACKAGES)


def on_error(depth: int, at: Callable[[Any], ForwardAt], ours: Callable[[FrameType], bool]) -> None:
    """A module call ends by an exception, perhaps: shown where it was raised, innermost first, once. `ours` are frames that are not the user's."""
    global _shown
    error = sys.exc_info()[1]
    if not isinstance(error, Exception) or isinstance(error, Aborted) or _wait() or _shown is error:
        return
    hits = [b for b in breakpoints if b.exception and b.enabled and b.in_step(_step()) and b.meet()]
    if hits:
        _shown = error
        trace = error.__traceback__
        site = None
        while trace is not None:
            if not ours(trace.tb_frame):
                site = (trace.tb_frame.f_code, trace.tb_lasti)
            trace = trace.tb_next
        _stop(at(site), say("{0}: {1}", met(hits), f"{type(error).__name__}: {error}"), hits, depth - 1)


def _step() -> int:
    from .watch import current_step

    return current_step()


_points: list[Breakpoint] = []


def sync() -> None:
    """Looks at ops and module calls only while a forward breakpoint, or a forward step, waits for them."""
    global _points, _following, engaged
    if not len(breakpoints):
        _following, engaged = None, False
    _points = [b for b in breakpoints if b.forward and b.enabled]
    ear.on_op = _on_op if _points or _following is not None else None
    ear.on_enter = _on_enter if _points or _following is not None else None
    ear.on_exit = _on_exit if any(b.exception and b.enabled for b in breakpoints) else None
