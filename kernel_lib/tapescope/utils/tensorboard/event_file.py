"""Event files: an append-only file of records, written some events at a time."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import struct
import threading
import time
import weakref
from typing import Any

from ...formats import protobuf as pb
from ...formats.records import frame

VERSION = "brain.Event:2"
_number = itertools.count().__next__
_WALL = struct.Struct("<d").pack


def event(body: bytes, step: int | None = None, walltime: float | None = None) -> bytes:
    """An Event around some of its fields."""
    head = b"\x09" + _WALL(time.time() if walltime is None else walltime)
    return head + (b"\x10" + pb.varint(int(step)) if step else b"") + body


class FileWriter:
    """Writes events into a new file in `log_dir`: when `max_queue` wait, and at the latest `flush_secs` after the first of them."""

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "") -> None:
        self._dir = str(log_dir)
        os.makedirs(self._dir, exist_ok=True)
        self._name = os.path.join(self._dir, f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{_number()}{filename_suffix}")
        self._most, self._seconds = max(int(max_queue), 1), flush_secs
        self._waiting: list[bytes] = []
        self._since = 0.0
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._file: Any = open(self._name, "ab", 0)  # noqa: SIM115  (closed with the writer)
        self.add_event(event(pb.text(3, VERSION) + pb.chunk(10, pb.text(1, "tapescope"))))
        self.flush()
        _watch(self)

    def get_logdir(self) -> str:
        """The folder of the file."""
        return self._dir

    def add_event(self, data: bytes) -> None:
        """Adds an encoded Event. Raises ValueError when the file has been closed."""
        record = frame(data)
        with self._lock:
            if self._file is None:
                raise ValueError(f"the event file {self._name} has been closed")
            waiting = self._waiting
            if not waiting:
                self._since = time.monotonic()
            waiting.append(record)
            if len(waiting) >= self._most:
                self._write()

    def add_summary(self, summary: bytes, global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds an encoded Summary."""
        self.add_event(event(pb.chunk(5, summary), global_step, walltime))

    def _write(self) -> None:
        if self._waiting and os.getpid() == self._pid:         # a forked worker has a copy of what waits; it is not its to write
            data = memoryview(b"".join(self._waiting))
            while data:
                data = data[self._file.write(data):]
        self._waiting = []

    def flush(self) -> None:
        """Writes what waits."""
        with self._lock:
            if self._file is not None:
                self._write()

    def flush_if_due(self) -> None:
        """Writes what has waited for `flush_secs`."""
        if self._waiting and time.monotonic() - self._since >= self._seconds:
            self.flush()

    def close(self) -> None:
        """Writes what waits and closes the file."""
        with self._lock:
            if self._file is not None:
                self._write()
                self._file.close()
                self._file = None

    def reopen(self) -> None:
        """Opens the file again, behind what it holds."""
        with self._lock:
            if self._file is None:
                self._file = open(self._name, "ab", 0)  # noqa: SIM115


_open: weakref.WeakSet[FileWriter] = weakref.WeakSet()
_starting = threading.Lock()
_watcher: tuple[int, threading.Thread] | None = None


def _watch(writer: FileWriter) -> None:
    """One thread of the process writes what nobody else has written in time."""
    global _watcher
    with _starting:
        _open.add(writer)
        if _watcher is None or _watcher[0] != os.getpid():
            thread = threading.Thread(target=_run, name="tapescope-events", daemon=True)
            _watcher = (os.getpid(), thread)
            thread.start()


def _run() -> None:
    while True:
        writers = list(_open)
        soonest = min((w._seconds for w in writers), default=1.0)
        for w in writers:
            w.flush_if_due()
        del writers
        time.sleep(min(max(soonest / 4, 0.02), 1.0))


@atexit.register
def _at_exit() -> None:
    for w in list(_open):
        w.flush()
