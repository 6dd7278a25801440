"""Where a paused cell waits: hosts that can move the pass are asked in turn, and where there is none the pass goes on and says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .frames import hold

Host = Callable[[Any], bool]       # serves a paused machine until it has moved on; False when nobody is there who could move it


class BreakpointWarning(UserWarning):
    """A breakpoint was met where nobody could answer."""


class Unattended(RuntimeError):
    """A breakpoint was met where nobody could answer, and `settings.alone` is "raise"."""


class Settings:
    """What happens at a breakpoint: `tapescope.debugger.settings`.

    `on_pause`: a function that is given the paused Debugger and moves it, instead of any view; what it leaves held goes on when it returns.
    `alone`: without a page or terminal that could move the pass, "go on" with a warning, or "raise" an exception that ends the cell.
    `timeout`: seconds that a pause may last before the pass goes on; None for as long as somebody is there.
    `grace`: seconds that a paused cell waits for a page to come back that has gone.
    """

    def __init__(self) -> None:
        self.on_pause: Callable[[Any], Any] | None = None
        self.alone = "go on"
        self.timeout: float | None = None
        self.grace = 30.0

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("on_pause", "alone", "timeout", "grace"):
            raise AttributeError(f"the debugger has no setting {name!r}; it has on_pause, alone, timeout, grace")
        if name == "alone" and value not in ("go on", "raise"):
            raise ValueError(f'alone is "go on" or "raise", not {value!r}')
        if name == "timeout" and value is not None and not value > 0:
            raise ValueError(f"timeout is a number of seconds above 0, or None, not {value!r}")
        self.__dict__[name] = value

    def __repr__(self) -> str:
        return "\n".join(f"{n} = {v!r}" for n, v in self.__dict__.items())


settings = Settings()
hosts: list[Host] = []             # the link and the terminal enter themselves here


def pause(machine: Any) -> None:
    """Holds the thread until the machine has left this stop, or nobody is there."""
    hold(machine)
    machine._tell()
    if settings.on_pause is not None:
        settings.on_pause(machine)
        return
    for host in hosts:
        if host(machine):
            return
    text = f"paused at {machine.reason}, before {machine.place()}, but no page and no terminal is here that could move the pass"
    if settings.alone == "raise":
        raise Unattended(f"{text}. Open the Tapescope panel or a view before the loop, run `python -m tapescope.debugger script.py`, "
                         "or hold a pass yourself: dbg = ts.debug(loss)")
    warnings.warn(f"{text}: it goes on. (ts.debugger.settings.on_pause answers in Python, settings.alone = 'raise' stops here)", BreakpointWarning,
                  stacklevel=_depth())


def _depth() -> int:
    """How many frames up the user's line is."""
    import sys

    from ..core.site import PACKAGES

    frame, n = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__package__") in PACKAGES:
        frame, n = frame.f_back, n + 1
    return n
