"""The link thread: hears of new events, and lets every client send what it has room for. It never touches a live tensor."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import Any

from ..tape import registry
from . import commands
from .client import Client

FORGET = 300.0                     # seconds after which a client that says nothing and takes nothing is dropped


class Service:
    """All clients of this process; the thread begins with the first of them."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard: dict[str, Any] = {}
        self._changed = False
        self._pid = os.getpid()

    def add(self, client: Client) -> Client:
        """Takes in a client; an older one of the same name (a page that was reloaded) makes room."""
        with self._lock:
            older = self._clients.pop(client.name, None)
            self._clients[client.name] = client
            if self._thread is None or not self._thread.is_alive():
                self._start()
        if older is not None:
            older.closed = True
        self.wake()
        return client

    def remove(self, client: Client) -> None:
        client.closed = True
        with self._lock:
            if self._clients.get(client.name) is client:
                del self._clients[client.name]

    def get(self, name: str) -> Client | None:
        return self._clients.get(name)

    @property
    def clients(self) -> list[Client]:
        return list(self._clients.values())

    def wake(self) -> None:
        self._event.set()

    def _start(self) -> None:
        registry.listen(self._recordings_changed)
        self._follow()
        self._thread = threading.Thread(target=self._run, name="tapescope-link", daemon=True)
        self._thread.start()

    def _recordings_changed(self) -> None:
        self._changed = True
        self._event.set()

    def _follow(self) -> None:
        """Listens to every recording once, and lets commands be run at its steps."""
        for tape in registry.list():
            if tape.id not in self._heard:
                self._heard[tape.id] = (tape.listen(self._event.set), tape.at_step(commands.drain))

    def _run(self) -> None:
        due: float | None = None
        while True:
            now = time.monotonic()
            self._event.wait(timeout=1.0 if due is None else max(due - now, 0.001))
            self._event.clear()
            if os.getpid() != self._pid:
                return                                      # a forked child has no link
            if self._changed:
                self._changed = False
                self._follow()
                for c in self.clients:
                    c.recordings_changed()
            due = None
            now = time.monotonic()
            for c in self.clients:
                if c.closed or (not c.waiting and now - c.heard > FORGET):
                    self.remove(c)
                    continue
                later = c.pump(now)
                if later is not None:
                    due = later if due is None else min(due, later)


service = Service()


def _forked() -> None:
    """A child begins without clients: its parent's sockets are not its own."""
    global service
    service.__init__()                                      # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(lambda: service._clients.clear())
