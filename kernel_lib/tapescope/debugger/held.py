"""What every held pass is, whoever runs it: a state, a place, a reason, and that views hear when it has moved."""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

from ..tape import Tape

A = TypeVar("A")                   # what stands at a stop


class Aborted(RuntimeError):
    """The held pass was abandoned; its `.grad` were never written."""


class Held(Generic[A]):
    """A pass that somebody holds. `state` is "held", "done" or "aborted"; `version` grows whenever there is something new to see."""

    number: int
    tape: Tape
    graph: int                     # of the tape: the one that this pass walks
    live = False                   # inside a call that is still open
    state = "held"
    reason = ""
    note = ""
    error: BaseException | None = None
    version = 0
    lock: Any                      # held while it moves, and while somebody describes it

    def _begin(self, number: int) -> None:
        self.number, self.lock = number, threading.RLock()
        self.hits: list[Any] = []                               # breakpoints that have stopped it here

    @property
    def at(self) -> A | None:
        """What stands at the cursor; None when the pass is over."""
        raise NotImplementedError

    @property
    def index(self) -> int:
        """How many nodes have run: the cursor stands before this one."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        raise NotImplementedError

    def waiting(self) -> bool:
        """Whether somebody has to say how it goes on."""
        return self.state == "held"

    def place(self) -> str:
        """'node 12 of 80: LogBackward0 in head (In [3], line 4: y = x.log())'."""
        at: Any = self.at
        if at is None:
            return "the end of the pass"
        what = at.name + (f" of {at.parameter}" if at.parameter else f" in {at.module}" if at.module else "")
        return f"node {self.index + 1} of {self.total}: {what}" + (f" ({at.source})" if at.source else "")

    def __repr__(self) -> str:
        at: Any = self.at
        where = f"before node {self.index + 1} of {self.total}: {at.name}{' in ' + at.module if at.module else ''}" if at is not None else self.reason
        return f"<Debugger {self.state}, {where}>"

    def _moved(self, reason: str) -> A | None:
        self.reason = reason
        self._tell()
        return self.at

    def _tell(self) -> None:
        self.version += 1
        self.tape.changed()

    def _must_be_held(self) -> None:
        if self.state == "done":
            raise RuntimeError("the pass is complete; step_back() or reset() to walk it again, or debug(loss) for another")
        self._must_not_be_aborted()

    def _must_not_be_aborted(self) -> None:
        if self.state == "aborted":
            raise Aborted("this pass was aborted; call debug(loss) again")


class HeldAt:
    """What every stop shows as text: where it is, and what comes in, goes out and is saved, a line each."""

    def _line(self, value: Any, kind: str = "saved", i: int = 0) -> str:
        raise NotImplementedError

    def _shown(self) -> tuple[Any, ...]:
        at: Any = self
        found: tuple[Any, ...] = at.grad_out
        return found

    def _more(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        at: Any = self
        d = at._dbg
        lines = [f"node {d.index + 1} of {d.total}: {at.name}" + (f"  ({at.parameter})" if at.parameter else "") + (f"  in {at.module}" if at.module else "")]
        if at.source is not None:
            lines.append(f"  {at.source}")
        for kind, many in (("grad_in", at.grad_in), ("grad_out", self._shown())):
            lines += [f"  {kind.replace('_', ' ')}: {self._line(t, kind, i)}" for i, t in enumerate(many) if t is not None]
        lines += [f"  saved {n}: {self._line(v)}" for n, v in at.saved.items()]
        return "\n".join(lines + self._more())

    def _repr_markdown_(self) -> str:
        formula = str(getattr(self, "formula", ""))
        return "```text\n" + repr(self) + "\n```" + (f"\n\n$$\\begin{{gathered}}{formula}\\end{{gathered}}$$" if formula else "")


def about(at: Any) -> list[str]:
    """Lines about the hooks that run at a stop, and its times."""
    time = ", ".join(f"{name} {us:.3g} µs" for name, us in at.time.items() if us is not None)
    return [*([f"  hooks: {', '.join(at.hooks)}"] if at.hooks else []), *([f"  time: {time}"] if time else [])]


def stack_of(path: str) -> list[str]:
    """A module path and those that it lies in, outermost first."""
    parts = path.split(".") if path else []
    return [".".join(parts[:i + 1]) for i in range(len(parts))]
