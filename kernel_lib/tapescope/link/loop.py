"""The link thread: hears of new events, and lets every client send what it has room for. It never touches a live tensor."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import TYPE_CHECKING

from ..tape import registry
from . import commands, pump

if TYPE_CHECKING:
    from .client import Client

GAP = 0.01                         # seconds between two looks of the link thread
SHARE = 4                          # it rests this many times as long as it has worked: at most a fifth of one core
REST = 0.5                         # but no longer than this
FORGET = 600.0                     # seconds after which a client that wants nothing, or never answers, is let go; it may come back
STOP = 1.0                         # seconds that the exit of the process waits for the thread


class Service:
    """All clients of this process; the thread begins with the first of them."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._rest = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard: set[str] = set()
        self._watching = False
        self._hungry = False           # whether some page has room for more; one that has none wakes us by acknowledging
        self._changed = False
        self._stopping = False
        self.rounds = 0
        self.spent = 0.0               # seconds of processor time that the thread has used

    # -- who is here --------------------------------------------------------------------------------------------------------

    def add(self, client: Client) -> Client:
        """Takes in a client; an older one of the same name (the page was reloaded) makes room."""
        with self._lock:
            older = self._clients.pop(client.name, None)
            self._clients[client.name] = client
            self._start()
        if older is not None and older is not client:
            older.close()
        self._news.set()
        return client

    def adopt(self, client: Client) -> None:
        """A client has spoken: it is one of us, if it has been let go before or is new."""
        if not client.closed and self._clients.get(client.name) is not client:
            self.add(client)
        self._news.set()

    def hurry(self) -> None:
        """A command has been carried out: whoever sent it waits for what it has changed."""
        self._news.set()
        self._rest.set()

    def remove(self, client: Client) -> None:
        """Forgets a client, which may come back by speaking unless it was closed."""
        with self._lock:
            if self._clients.get(client.name) is client:
                del self._clients[client.name]

    def get(self, name: str) -> Client | None:
        return self._clients.get(name)

    @property
    def clients(self) -> list[Client]:
        with self._lock:
            return list(self._clients.values())

    # -- the thread ---------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._stopping or (self._thread is not None and self._thread.is_alive()):
            return
        self._watch()
        self._changed = True
        self._thread = threading.Thread(target=self._run, name="tapescope-link", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        """Serves the main shell at the steps of every recording, before there is a client: its first message may come that way."""
        with self._lock:
            self._watch()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            registry.listen(self._recordings_changed)
        self._follow()

    def _recordings_changed(self) -> None:
        if self._stopping:
            return
        with self._lock:
            self._follow()
        self._changed = True
        self._news.set()

    def _grown(self) -> None:
        """A recording has something new. Said hundreds of times a second, on the training thread."""
        if self._hungry:
            self._news.set()

    def _follow(self) -> None:
        for tape in registry.list():
            if tape.id not in self._heard:
                self._heard.add(tape.id)
                tape.listen(self._grown)
                tape.at_step(at_step)

    def _run(self) -> None:
        due: float | None = None
        while not self._stopping:
            self._news.wait(None if due is None else max(due - time.monotonic(), 0.0))
            self._news.clear()
            began = time.thread_time()
            due = self._round(time.monotonic())
            spent = time.thread_time() - began
            self.rounds += 1
            self.spent += spent
            # What comes meanwhile sets the event and wakes nobody: a loop of a thousand steps a second pays for a hundred looks.
            # What somebody has asked for is not kept waiting.
            self._rest.wait(min(max(GAP, SHARE * spent), REST))
            self._rest.clear()

    def _round(self, now: float) -> float | None:
        changed, self._changed = self._changed, False
        due = now + FORGET
        self._hungry = True                                 # until we have looked: what comes meanwhile must not be missed
        hungry = False
        for c in self.clients:
            if changed and not c.closed:
                c.recordings_changed()
            later = None if c.closed else c.pump(now)
            if c.closed or (c.idle(now) and now - c.heard > FORGET):
                self.remove(c)
                continue
            hungry = hungry or c.hungry()
            if later is not None:
                due = min(due, later)
        self._hungry = hungry
        return due

    def stop(self) -> None:
        """Ends the thread; called when the process exits."""
        self._stopping = True
        self._news.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP)
        with self._lock:
            self._clients.clear()


def at_step() -> None:
    """The end of a training step, on its thread: serves messages that only the main shell brings, then carries out commands."""
    pump.at_step()
    commands.drain()


service = Service()


def _forked() -> None:
    """A child has no link: its parent's thread did not come along, and its parent's sockets are not its own."""
    service.__init__()                                      # type: ignore[misc]
    service._stopping = True
    pump.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(service.stop)
