"""The recordings of this process, and which of them hears a thread's events: the innermost that still runs."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.state import mode, set_calls, set_sink

if TYPE_CHECKING:
    from .tape import Tape

KEEP = 4                          # recordings held strongly; older ones live as long as somebody holds them
Listener = Callable[[], None]


class Registry:
    """All recordings: `list()`, `newest()`, `get(id)`, and `listen` for changes of the list or of a state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, weakref.ref[Tape]] = {}
        self._held: list[Tape] = []
        self._listeners: list[Listener] = []
        self._number = itertools.count(1).__next__
        self._names: dict[Any, str] = {}

    def new_id(self) -> str:
        return f"r{self._number()}"

    def name_for(self, place: Any) -> str:
        """The same name for the same line of code: running a cell again is another run of it."""
        with self._lock:
            return self._names.setdefault(place, f"run {len(self._names) + 1}")

    def add(self, tape: Tape) -> None:
        with self._lock:
            self._all[tape.id] = weakref.ref(tape)
            running = [t for t in self._held if t.state == "recording"]
            rest = [t for t in self._held if t.state != "recording"]
            self._held = [*rest[-(KEEP - 1):], *running, tape]
        self.changed()

    def show(self, tape: Tape) -> None:
        """Enters a recording that was made without standing in the list."""
        if not tape.shown:
            tape.shown = True
            self.add(tape)

    def list(self) -> list[Tape]:
        """Recordings that are still there, oldest first."""
        with self._lock:
            found = [(i, r()) for i, r in self._all.items()]
            self._all = {i: r for (i, t), r in zip(found, self._all.values(), strict=True) if t is not None}
        return [t for _, t in found if t is not None]

    def newest(self) -> Tape | None:
        """The recording that began last."""
        tapes = self.list()
        return tapes[-1] if tapes else None

    def get(self, id: str) -> Tape | None:
        """A recording by id; "latest" is the newest."""
        if id == "latest":
            return self.newest()
        ref = self._all.get(id)
        return None if ref is None else ref()

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Calls `callback()` when the list or a state changes; returns what ends that."""
        self._listeners = [*self._listeners, callback]

        def unlisten() -> None:
            self._listeners = [c for c in self._listeners if c is not callback]

        return unlisten

    def changed(self) -> None:
        for callback in self._listeners:
            try:
                callback()
            except Exception:                                  # a listener's trouble is not the user's
                self._listeners = [c for c in self._listeners if c is not callback]


registry = Registry()


class _Stack(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Tape] = []
        self.below: Any = None                                 # what listened before the first of them
        self.ear: Any = None                                   # who hears everything before they do: a breakpoint's
        self.calls = False                                     # it needs no more than module calls, where nobody records


_stack = _Stack()


def push(tape: Tape) -> None:
    """From now on `tape` hears this thread."""
    stack = _stack
    if not stack.tapes:
        stack.below = None if mode.sink is stack.ear else mode.sink
    stack.tapes.append(tape)
    _settle()


def pop(tape: Tape) -> bool:
    """Takes `tape` from this thread's stack; False when it is not there."""
    stack = _stack
    if tape not in stack.tapes:
        return False
    stack.tapes.remove(tape)
    while stack.tapes and stack.tapes[-1].state != "recording":
        stack.tapes.pop()
    if mode.sink is tape.recorder or mode.sink is None or mode.sink is stack.ear:
        _settle()
        if not stack.tapes:
            stack.below = None
    return True


def overhear(ear: Any, calls: bool = False) -> None:
    """Puts `ear` before whatever hears this thread, or takes it away (None). `ear.over(sink)` is what then listens; where nobody else does, and `calls`
    says that this is enough, to module calls alone."""
    stack = _stack
    stack.calls = calls
    if not stack.tapes and mode.sink is not stack.ear:
        stack.below = mode.sink
    stack.ear = ear
    _settle()
    if not stack.tapes and ear is None:
        stack.below = None


def _settle() -> None:
    stack = _stack
    top = stack.tapes[-1].recorder if stack.tapes else stack.below
    ear = stack.ear
    alone = ear is not None and top is None and stack.calls
    set_calls(ear.over(None) if alone else None)
    set_sink(top if ear is None or alone else ear.over(top))


def active() -> Tape | None:
    """The recording that hears this thread."""
    return _stack.tapes[-1] if _stack.tapes else None
