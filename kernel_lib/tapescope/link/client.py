"""One listener at the other end of the wire: its subscriptions are cursors into tapes, so that nothing is queued for a slow one."""

from __future__ import annotations

import math
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tape import Frame, Tape, registry
from . import commands

PROTOCOL = 1
KERNEL = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
WINDOW = 2                          # frames that may be on their way without an acknowledgement
GAP = 1 / 60                        # seconds between two frames to one client
MAX_BYTES = 256 * 1024
KINDS = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "tensor", "status", "findings", "projection", "debug")

_DTYPES = {"b": "u1", "i8": "i4", "u8": "u4", "f2": "f4"}
Send = Callable[[dict[str, Any], list[Any]], None]


class Subscription:
    """What a client wants to see, and how far it has seen it."""

    __slots__ = ("cursor", "id", "kind", "max_bytes", "once", "pending", "request", "spec", "steps", "tape")

    def __init__(self, request: str, spec: str, kind: str, id: str | None, steps: Any, max_bytes: int, once: bool) -> None:
        self.request, self.spec, self.kind, self.id, self.once = request, spec, kind, id, once
        self.steps = tuple(steps) if steps else None
        self.max_bytes = max_bytes
        self.tape: Tape | None = None
        self.cursor: Any = None
        self.pending: deque[Frame] = deque()

    def follow(self) -> bool:
        """Finds the recording; True when there is one."""
        tape = registry.get(self.spec)
        if tape is not self.tape and tape is not None:
            self.tape, self.cursor = tape, None
            self.pending.clear()
        return self.tape is not None

    def read(self) -> Frame | None:
        """The next frame, or None when there is nothing new."""
        if not self.pending and self.follow():
            assert self.tape is not None
            frames, self.cursor = self.tape.frames(self.kind, self.cursor, id=self.id, steps=self.steps, max_bytes=self.max_bytes)
            self.pending.extend(frames)
        return self.pending.popleft() if self.pending else None


class Client:
    """A comm, an anywidget or a test. `send(content, buffers)` may be called from the link thread."""

    def __init__(self, name: str, send: Send, *, control: bool = False) -> None:
        self.name = name
        self.control = control
        self._send = send
        self._lock = threading.RLock()
        self._subscriptions: dict[str, Subscription] = {}
        self._known: dict[str, int] = {}                    # strings that each recording has already sent
        self._unacknowledged: set[int] = set()
        self._seq = 0
        self._turn = 0
        self._next = 0.0
        self.heard = time.monotonic()
        self.closed = False

    # -- in -----------------------------------------------------------------------------------------------------------------

    def receive(self, message: Any) -> None:
        """Handles one message, on whatever thread it came; never raises."""
        self.heard = time.monotonic()
        try:
            kind = message.get("type") if isinstance(message, dict) else None
            handler = getattr(self, f"_on_{kind}", None) if isinstance(kind, str) else None
            if handler is None:
                self._refuse(message, f"unknown message type {kind!r}; known are attach, subscribe, unsubscribe, query, cancel, ack, command")
                return
            handler(message)
        except Exception as error:
            self._refuse(message, f"{type(error).__name__}: {error}")

    def _refuse(self, message: Any, error: str) -> None:
        request = message.get("request") if isinstance(message, dict) else None
        self.send({"type": "reply", "request": request, "ok": False, "error": error})

    def _on_attach(self, message: dict[str, Any]) -> None:
        from .. import __version__

        wanted = message.get("protocol", PROTOCOL)
        if not isinstance(wanted, int) or wanted < 1:
            self._refuse(message, f"protocol {wanted!r} is not a protocol; this kernel speaks {PROTOCOL}")
            return
        self.send({"type": "attached", "request": message.get("request"), "protocol": min(wanted, PROTOCOL), "kernel": KERNEL, "version": __version__,
                   "control": self.control, "recordings": listing()})

    def _on_subscribe(self, message: dict[str, Any], once: bool = False) -> None:
        kind = message.get("kind")
        if kind not in KINDS:
            self._refuse(message, f"unknown kind {kind!r}; known are {', '.join(KINDS)}")
            return
        request = str(message.get("request"))
        spec = str(message.get("recording") or "latest")
        if spec != "latest" and registry.get(spec) is None:
            self._refuse(message, f"there is no recording {spec!r}; there are {', '.join(r['id'] for r in listing()) or 'none'}")
            return
        size = min(int(message.get("max_bytes") or MAX_BYTES), MAX_BYTES)
        with self._lock:
            self._subscriptions[request] = Subscription(request, spec, kind, message.get("id"), message.get("steps"), size, once)
        wake()

    def _on_query(self, message: dict[str, Any]) -> None:
        self._on_subscribe(message, once=True)

    def _on_unsubscribe(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._subscriptions.pop(str(message.get("request")), None)

    _on_cancel = _on_unsubscribe

    def _on_ack(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._unacknowledged.discard(int(message.get("seq", -1)))
        wake()

    def _on_command(self, message: dict[str, Any]) -> None:
        commands.put(message, lambda reply: self.send({"type": "reply", "request": message.get("request"), **reply}))

    # -- out ----------------------------------------------------------------------------------------------------------------

    def send(self, content: dict[str, Any], buffers: list[Any] | None = None) -> None:
        """Sends at once; a transport that is gone closes the client."""
        if self.closed:
            return
        try:
            self._send(content, buffers or [])
        except Exception:
            self.closed = True

    def pump(self, now: float) -> float | None:
        """Sends what is new while the client keeps up. Returns when to come back, or None to wait for something new."""
        with self._lock:
            order = list(self._subscriptions.values())
            idle = 0
            while order and idle < len(order) and not self.closed:
                if len(self._unacknowledged) >= WINDOW:
                    return None                             # the acknowledgement wakes us
                if now < self._next:
                    return self._next
                self._turn = (self._turn + 1) % len(order)
                s = order[self._turn]
                try:
                    frame = s.read()
                except Exception as error:
                    self._subscriptions.pop(s.request, None)
                    self.send({"type": "reply", "request": s.request, "ok": False, "error": f"{type(error).__name__}: {error}"})
                    return now
                if frame is None:
                    if s.once and s.tape is not None:
                        self._end(s)
                        return now
                    idle += 1
                    continue
                idle = 0
                self._frame(s, frame)
                self._next = now + GAP
            return None

    def _end(self, s: Subscription) -> None:
        """A query has been answered."""
        self._subscriptions.pop(s.request, None)
        self.send({"type": "reply", "request": s.request, "ok": True, "result": None})

    def _frame(self, s: Subscription, frame: Frame) -> None:
        assert s.tape is not None
        self._seq += 1
        columns, buffers = [], []
        for name, column in frame.columns.items():
            a = np.asarray(column)
            kind = _DTYPES.get(a.dtype.kind, _DTYPES.get(a.dtype.str[1:], a.dtype.str[1:]))
            fresh = np.array(a, dtype=kind, copy=True, order="C").reshape(-1)          # never the tape's memory: it may change before it is sent
            columns.append([name, kind, int(fresh.size)])
            buffers.append(fresh)
        message: dict[str, Any] = {"type": "frame", "seq": self._seq, "request": s.request, "recording": s.tape.id, "kind": frame.kind,
                                   "meta": plain(frame.meta), "columns": columns, "more": bool(s.pending)}
        strings = s.tape.strings
        n, known = len(strings), self._known.get(s.tape.id, 0)
        if n > known:
            message["strings"] = [known, strings[known:n]]
            self._known[s.tape.id] = n
        self._unacknowledged.add(self._seq)
        self.send(message, buffers)

    def recordings_changed(self) -> None:
        self.send({"type": "recordings", "recordings": listing()})

    @property
    def waiting(self) -> bool:
        return bool(self._subscriptions)


def listing() -> list[dict[str, Any]]:
    """The recordings of this process, oldest first, as the wire says them."""
    return [{"id": t.id, "name": t.name, "state": t.state, "step": t.step_number, "capabilities": dict(t.capabilities)} for t in registry.list()]


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numbers that are none become null, NumPy's become Python's."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return str(value)


def wake() -> None:
    """Tells the link thread that there is something to do."""
    from .service import service

    service.wake()
