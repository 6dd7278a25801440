"""One way to the kernel, and the pages at its other end: a page gets as much as it acknowledges, and nothing waits for it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from . import commands, providers  # noqa: F401  (providers: kinds that the tape does not answer itself)
from .loop import service
from .subscription import GAP, Subscription
from .wire import encode, listing

PROTOCOL = 1
KERNEL = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
SPACE = 1 / 60                      # seconds between two frames to a page, on average
WINDOW = 2                          # frames to a page that may be on their way without an acknowledgement
SILENT = 60.0                       # seconds after which a page that does not answer is left alone until it does
PAGES = 16                          # pages of one way that are remembered

Send = Callable[[dict[str, Any], list[Any]], None]


class Page:
    """One reader behind a way. Two tabs that show the same widget are two pages, and so is one tab before and after a reload."""

    __slots__ = ("asked", "due", "known", "subscriptions", "turn", "unacknowledged")

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.known: dict[str, int] = {}                     # strings of each recording that it has
        self.unacknowledged: set[int] = set()
        self.asked: float | None = None                     # when the first frame went out that it has not answered by anything
        self.turn = 0
        self.due = 0.0

    def asleep(self, now: float) -> bool:
        return self.asked is not None and now - self.asked > SILENT


class Client:
    """A comm, a widget or a test. `send(content, buffers)` may be called from any thread; `close` tells the transport that it is over."""

    def __init__(self, name: str, send: Send, *, control: bool = False, close: Callable[[], None] | None = None) -> None:
        self.name = name
        self.control = control                              # whether control requests reach it too
        self._send, self._close = send, close
        self._lock = threading.RLock()
        self._pages: dict[str, Page] = {}
        self._page = ""                                     # who attached last: the author of messages that name none
        self._seq = 0
        self.heard = time.monotonic()
        self.closed = False

    # -- in -----------------------------------------------------------------------------------------------------------------

    def receive(self, message: Any) -> None:
        """Handles one message, on whatever thread it came; never raises."""
        try:
            if not isinstance(message, dict):
                raise TypeError(f"a message is an object with a type, not {type(message).__name__}")
            kind = message.get("type")
            handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
            if self.closed:
                return
            if handler is None:
                raise ValueError(f"unknown message type {kind!r}; known are {', '.join(_HANDLERS)}")
            self.heard = time.monotonic()
            with self._lock:
                page = self._author(message)
                page.asked = None
                handler(self, page, message)
            service.adopt(self)
        except Exception as error:
            request = message.get("request") if isinstance(message, dict) else None
            self.send({"type": "reply", "request": request, "ok": False, "error": str(error) or type(error).__name__})

    def _author(self, message: dict[str, Any]) -> Page:
        name = message.get("client")
        name = name if isinstance(name, str) else self._page
        if message.get("type") == "attach":
            self._page = name
        page = self._pages.pop(name, None) or Page()
        self._pages[name] = page                            # the newest is the last
        while len(self._pages) > PAGES:
            del self._pages[next(iter(self._pages))]
        return page

    def _attach(self, page: Page, message: dict[str, Any]) -> None:
        from .. import __version__

        wanted = message.get("protocol", PROTOCOL)
        if not isinstance(wanted, int) or wanted < 1:
            raise ValueError(f"protocol {wanted!r} is not known here: this kernel speaks 1 to {PROTOCOL}")
        page.known.clear()
        page.unacknowledged.clear()
        self.send({"type": "attached", "request": message.get("request"), "protocol": min(wanted, PROTOCOL), "kernel": KERNEL, "version": __version__,
                   "control": self.control, "recordings": listing()})

    def _subscribe(self, page: Page, message: dict[str, Any], once: bool = False) -> None:
        s = Subscription(message, once)
        page.subscriptions[s.request] = s

    def _query(self, page: Page, message: dict[str, Any]) -> None:
        self._subscribe(page, message, once=True)

    def _unsubscribe(self, page: Page, message: dict[str, Any]) -> None:
        page.subscriptions.pop(str(message.get("request")), None)

    def _ack(self, page: Page, message: dict[str, Any]) -> None:
        page.unacknowledged.discard(message.get("seq", -1))

    def _command(self, page: Page, message: dict[str, Any]) -> None:
        request = message.get("request")

        def reply(answer: dict[str, Any]) -> None:
            self.send({"type": "reply", "request": request, **answer})
            service.hurry()

        commands.put(message, reply)

    # -- out ----------------------------------------------------------------------------------------------------------------

    def send(self, content: dict[str, Any], buffers: list[Any] | None = None) -> None:
        """Sends at once; a transport that is gone closes the client."""
        if self.closed:
            return
        try:
            self._send(content, buffers or [])
        except Exception:
            self.closed = True

    def close(self) -> None:
        """Another connection has taken this one's place."""
        if not self.closed:
            self.closed = True
            if self._close is not None:
                self._close()

    def recordings_changed(self) -> None:
        self.send({"type": "recordings", "recordings": listing()})

    def idle(self, now: float) -> bool:
        """Whether nobody here wants anything that could be sent."""
        return not any(p.subscriptions and not p.asleep(now) for p in list(self._pages.values()))

    def hungry(self) -> bool:
        """Whether a page here has room for a frame."""
        return any(p.subscriptions and len(p.unacknowledged) < WINDOW for p in list(self._pages.values()))

    def pump(self, now: float) -> float | None:
        """Sends what is new while pages keep up. Returns when to come back, or None to wait for something new."""
        due: float | None = None
        with self._lock:
            for page in self._pages.values():
                later = self._pump(page, now)
                if later is not None:
                    due = later if due is None else min(due, later)
        return due

    def _pump(self, page: Page, now: float) -> float | None:
        if now < page.due:
            return page.due
        due: float | None = None
        order = list(page.subscriptions.values())
        start, sent = page.turn, 0
        for i in range(len(order)):
            if len(page.unacknowledged) >= WINDOW or self.closed:
                due = None                                  # the acknowledgement wakes us
                break
            s = order[(start + i) % len(order)]
            if now >= s.due:
                try:
                    if not self._next(page, s):
                        continue
                except Exception as error:
                    page.subscriptions.pop(s.request, None)
                    self.send({"type": "reply", "request": s.request, "ok": False, "error": str(error) or type(error).__name__})
                    continue
                s.due = now + (0 if s.once else GAP)
                page.turn = (start + i + 1) % len(order)    # who was served last comes last in the next round
                sent += 1
            due = s.due if due is None else min(due, s.due)
        if sent:
            page.asked = page.asked or now
            page.due = now + sent * SPACE
            due = due and max(due, page.due)
        return due

    def _next(self, page: Page, s: Subscription) -> bool:
        """Sends the next frame of a subscription, if there is one."""
        if s.follow() and not any(o is not s and o.tape is s.tape for o in page.subscriptions.values()):
            page.known.pop(s.tape.id if s.tape else "", None)   # a page may have dropped a recording that it no longer looked at
        frame = s.read()
        tape = s.tape
        if frame is None or tape is None:
            if s.once:
                self._answered(page, s)
            return False
        header, buffers, highest = encode(frame)
        self._seq += 1
        header |= {"seq": self._seq, "request": s.request, "recording": tape.id, "more": s.once and s.more()}
        known = page.known.get(tape.id, 0)
        if highest >= known:                                # as far as this frame refers, so that a huge table comes in pages as well
            header["strings"] = [known, tape.strings[known:highest + 1]]
            page.known[tape.id] = highest + 1
        page.unacknowledged.add(self._seq)
        self.send(header, buffers)
        if s.once and not header["more"]:
            self._answered(page, s)
        return True

    def _answered(self, page: Page, s: Subscription) -> None:
        """The end of a query, said also when there was nothing to send."""
        page.subscriptions.pop(s.request, None)
        self.send({"type": "reply", "request": s.request, "ok": True, "result": None})


_HANDLERS: dict[str, Callable[[Client, Page, dict[str, Any]], None]] = {
    "attach": Client._attach, "subscribe": Client._subscribe, "unsubscribe": Client._unsubscribe, "query": Client._query,
    "cancel": Client._unsubscribe, "ack": Client._ack, "command": Client._command}
