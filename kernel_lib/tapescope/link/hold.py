"""A paused cell: the thread that runs waits here, and carries out what pages ask, until the pass has moved on."""

from __future__ import annotations

import time
from typing import Any

from ..core.say import say
from . import door
from .loop import service
from .pump import wait_for


def anybody(grace: float) -> bool:
    """Whether a page is here that could send a command: one that looks at something, or has just spoken."""
    now = time.monotonic()
    return any(not c.closed and (not c.idle(now) or now - c.heard < grace) for c in service.clients)


CALL = 4.0                         # seconds that a page has to come when a pause calls it: its connection may still be on its way
AGAIN = 4.0                        # seconds of silence after which a paused cell calls again; later it calls less often
SILENCE = 60.0                     # seconds for which nobody is called again when nobody came
_silent = 0.0


def _come(grace: float) -> bool:
    """Calls pages that are open and do not look at this kernel yet; whether one has come."""
    global _silent
    now = time.monotonic()
    if now < _silent or not door.announce_breakpoints():
        return False
    wait_for(lambda: anybody(grace) or time.monotonic() - now > CALL)
    if not anybody(grace):
        _silent = time.monotonic() + SILENCE
        return False
    return True


def serve(machine: Any, settings: Any) -> bool:
    """Waits until the machine has left the stop at which it is; False when no page is here. An interrupt of the kernel ends it.

    A page that goes may come back within `settings.grace` seconds (a reload); after `settings.timeout` the pass goes on by itself.
    """
    if not anybody(settings.grace) and not _come(settings.grace):
        return False
    began = seen = called = time.monotonic()

    def over() -> bool:
        nonlocal seen, called
        now = time.monotonic()
        if not machine.waiting():
            return True
        if anybody(settings.grace):
            seen = now
        if now - max(called, *(c.heard for c in service.clients), 0.0) > (AGAIN if now - began < SILENCE else SILENCE):
            called = now
            door.announce_breakpoints()                     # a page that was reloaded has not said that it is gone, nor knows that it is waited for
        return now - seen > settings.grace or (settings.timeout is not None and now - began > settings.timeout)

    wait_for(over)
    if machine.waiting():
        machine.note = say("went on by itself: nobody has answered")
    return True
