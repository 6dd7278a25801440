"""Serves waiting comm messages from inside a running cell, for hosts whose messages come by the main shell only.

Touches private names of ipykernel, here and nowhere else; each is looked for, and without them the pump does nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from . import commands

KINDS = {"comm_open", "comm_msg", "comm_close"}


class Pump:
    """Call it often on the main thread: comm messages are handled, all others keep their turn."""

    def __init__(self, gap: float = 0.02) -> None:
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        self.kernel: Any = getattr(shell, "kernel", None)
        self.socket: Any = None
        self.callback: Any = None
        self.gap, self.next = gap, 0.0
        manager = getattr(getattr(self.kernel, "shell_channel_thread", None), "manager", None)
        self.v7 = manager is not None                       # ipykernel 7: a thread reads the shell channel and passes messages on
        if self.v7:
            pair = getattr(manager, "_shell_channel_to_main", None)
            self.callback = getattr(getattr(pair, "to_stream", None), "_recv_callback", None)
            if self.callback is not None:
                self.socket = getattr(pair, "to_socket", None)
        elif hasattr(self.kernel, "schedule_dispatch"):
            self.socket = getattr(getattr(self.kernel, "shell_stream", None), "socket", None)
        self.works = self.socket is not None and not _in_child

    def __call__(self) -> int:
        """Handles what waits, at most every `gap` seconds; returns how many comm messages there were."""
        now = time.monotonic()
        if now < self.next or not self.works or _in_child or threading.current_thread() is not threading.main_thread():
            return 0
        self.next, served, kernel = now + self.gap, 0, self.kernel
        while self.socket.poll(0):
            frames = self.socket.recv_multipart(copy=False)
            if len(frames) > 1:
                ident, rest = kernel.session.feed_identities(frames, copy=False)
                # A look at the header only: Session.deserialize burns the signature, and a message handed on would be refused as a copy.
                kind = kernel.session.unpack(rest[1].bytes)["msg_type"]
                if kind in KINDS:
                    self._serve(kind, ident, kernel.session.deserialize(rest, content=True, copy=False))
                    served += 1
                    continue
            if self.v7:
                # The way that the kernel itself takes, to the last hop: the message before it may be half way there already.
                import asyncio

                task = asyncio.get_event_loop().create_task(self.callback(frames))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
            else:
                kernel.schedule_dispatch(kernel.dispatch_shell, frames)
        return served

    def _serve(self, kind: str, ident: Any, message: Any) -> None:
        try:
            getattr(self.kernel.comm_manager, kind)(None, ident, message)
        except Exception:                                   # a widget's own trouble is not the training loop's
            self.kernel.log.exception("comm handler")


_tasks: set[Any] = set()
_at_step: Pump | None = None
_in_child = False


def forked() -> None:
    """A child must not touch its parent's sockets: a poll would never return."""
    global _at_step, _in_child
    _at_step, _in_child = None, True


def at_step() -> None:
    """The end of a training step: looks for comm messages now and then."""
    global _at_step
    if _at_step is None:
        _at_step = Pump(gap=0.03)
    if _at_step.works:
        _at_step()


def wait_for(done: Callable[[], bool], pump: Pump | None = None) -> None:
    """Holds the main thread until `done()` is true, carrying out commands that arrive; an interrupt of the kernel ends it."""
    pump = pump or Pump()
    while not done():
        commands.wake.wait(0.02)
        commands.drain()
        pump()
