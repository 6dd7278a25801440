"""Serves waiting comm messages from inside a running cell, for hosts whose messages come by the main shell only.

Touches private names of ipykernel; each is looked for, and without it the pump says that it cannot work.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from . import commands

KINDS = {"comm_open", "comm_msg", "comm_close"}


class Pump:
    """Call it in a loop on the main thread; other messages keep their turn."""

    def __init__(self, gap: float = 0.02) -> None:
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        self.kernel: Any = getattr(shell, "kernel", None)
        self.socket: Any = None
        self.gap, self.next = gap, 0.0
        manager = getattr(getattr(self.kernel, "shell_channel_thread", None), "manager", None)
        self.v7 = manager is not None
        if self.v7:
            self.socket = getattr(getattr(manager, "_shell_channel_to_main", None), "to_socket", None)
        elif self.kernel is not None:
            self.socket = getattr(getattr(self.kernel, "shell_stream", None), "socket", None)

    @property
    def works(self) -> bool:
        return self.socket is not None

    def __call__(self) -> int:
        """Handles what waits, at most every `gap` seconds; returns how many comm messages there were."""
        now = time.monotonic()
        if not self.works or now < self.next:
            return 0
        import zmq

        self.next, served, kernel = now + self.gap, 0, self.kernel
        while self.socket.poll(0, zmq.POLLIN):
            frames = self.socket.recv_multipart(copy=False)
            if len(frames) > 1:
                ident, rest = kernel.session.feed_identities(frames, copy=False)
                kind = kernel.session.unpack(rest[1].bytes)["msg_type"]        # a look at the header only: deserialize() burns the signature
                if kind in KINDS:
                    message = kernel.session.deserialize(rest, content=True, copy=False)
                    try:
                        getattr(kernel.comm_manager, kind)(None, ident, message)
                    except Exception:
                        kernel.log.exception("comm handler")
                    served += 1
                    continue
            if self.v7:
                task = asyncio.get_event_loop().create_task(kernel.shell_main(None, frames))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
            else:
                kernel.schedule_dispatch(kernel.dispatch_shell, frames)
        return served


_tasks: set[Any] = set()


def wait_for(done: Any, pump: Pump | None = None) -> None:
    """Holds the main thread until `done()` is true, carrying out commands that arrive; an interrupt of the kernel ends it."""
    pump = pump or Pump()
    while not done():
        commands.wake.wait(0.02)
        commands.drain()
        pump()
