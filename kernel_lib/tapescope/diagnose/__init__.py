"""Rules over a recording: `findings(tape)` says what is wrong, why, and where; it stays silent on a healthy run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from ..tape import Frame, Tape
from .finding import SEVERITIES, Finding
from .rules import RULES

KEEP = 120                         # steps of gradient norms that rules may look back on


class _State:
    """What rules remember of a recording: norms by step, read once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cursor: Any = None
        self.norms: dict[str, OrderedDict[int, float]] = {}
        self.total: OrderedDict[int, float] = OrderedDict()
        self.loss: float | None = None
        self.step = 0
        self.version = -1
        self.muted: set[str] = set()
        self.found: OrderedDict[str, Finding] = OrderedDict()
        self.count = 0

    def read(self, tape: Tape) -> None:
        while True:
            frames, self.cursor = tape.frames("scalars", self.cursor)
            if not frames:
                return
            for f in frames:
                c = f.columns
                for tag, step, value in zip(c["tag"], c["step"], c["value"], strict=True):
                    self._take(tape.strings[int(tag)], int(step), float(value))

    def _take(self, tag: str, step: int, value: float) -> None:
        if tag == "grad_norm":
            series = self.total
        elif tag.startswith("grad_norm/"):
            series = self.norms.setdefault(tag[10:], OrderedDict())
        else:
            if tag == "loss":
                self.loss = value
            return
        series[step] = value
        self.step = max(self.step, step)
        if len(series) > KEEP:
            series.popitem(last=False)


def _state(tape: Tape) -> _State:
    known = tape.memory.get("diagnose")
    if known is None:
        known = tape.memory.setdefault("diagnose", _State())
    return known  # type: ignore[no-any-return]


def findings(tape: Tape) -> list[Finding]:
    """Everything found so far, worst first; what was muted is left out.

    A finding stays when its trouble has passed: the step says when it was.
    """
    state = _state(tape)
    with state.lock:
        if state.version != tape.version:
            state.version = tape.version
            kept = tape.kept_findings()
            if kept is None:
                state.read(tape)
            for f in (f for rule in RULES for f in rule(tape, state)) if kept is None else map(Finding.from_dict, kept):
                if f.id not in state.found:
                    state.found[f.id] = f
                    state.count += 1
        shown = [f for f in state.found.values() if f.id not in state.muted]
    return sorted(shown, key=lambda f: SEVERITIES.index(f.severity))


def mute(tape: Tape, id: str) -> None:
    """Leaves a finding out from now on."""
    state = _state(tape)
    state.muted.add(id)
    state.count += 1
    tape.changed()


def frames(tape: Tape, cursor: Any = None) -> tuple[list[Frame], Any]:
    """The whole list as a frame, whenever it has changed; at least once."""
    found = findings(tape)
    now = _state(tape).count
    if cursor == now:
        return [], cursor
    return [Frame("findings", {"findings": [f.as_dict() for f in found]}, {})], now


__all__ = ["Finding", "findings", "frames", "mute"]
