"""What tests of breakpoints share, whichever engine runs the passes."""

from __future__ import annotations

from typing import Any

import tapescope as ts
from tapescope.debugger import settings


class Pauses:
    """Notes every pause; may move the pass."""

    def __init__(self, move: Any = lambda dbg: None) -> None:
        self.places: list[str] = []
        self.move = move
        settings.on_pause = self

    def __call__(self, dbg: Any) -> None:
        self.places.append(f"{dbg.at.name} {getattr(dbg.at, 'parameter', '')} {dbg.at.module}".replace("  ", " ").strip())
        self.move(dbg)


def forget() -> None:
    """No breakpoint is left, and nobody answers a pause."""
    ts.breakpoints.clear()
    settings.on_pause, settings.alone = None, "go on"


def named(v: Any) -> str:
    """A case in a test's id: the fields of a breakpoint."""
    return str([getattr(x, "__name__", x) for x in v.values()]) if isinstance(v, dict) else ""
