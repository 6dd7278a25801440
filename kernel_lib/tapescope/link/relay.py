"""From a pipe to the process that still writes a recording: commands and the pass that it holds go through the mailbox of `control`."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.say import say, told, told_of
from ..tape import Tape, registry
from ..tape.store.disk import being_written, lock
from .control import FOLDER, LOCK, LOOK, SESSION, THERE
from .framing import decode, encode

Send = Callable[[dict[str, Any], list[Any]], None]
SEQ = 1 << 40                      # numbers of frames that come from there, so that acknowledgements find their way
VERBS = ("control.", "debug.", "break.", "probe.")
PATIENCE = 0.6                     # seconds in which a lock that is only being looked at is tried again


class Refused(RuntimeError):
    """There is nobody who could carry a command out; the text says why."""


class Relay:
    """This process as the controller of one recording; opened when it is first needed."""

    def __init__(self, tape: Tape, number: int, send: Send) -> None:
        self.tape, self.base, self.send = tape, SEQ * number, send
        self.path = Path(tape.path) if tape.path is not None else Path()
        self.requests: dict[str, str] = {}                     # what has not been answered: request -> message type
        self._lock: int | None = None
        self._in: int | None = None
        self._out: Any = None
        self._rest = b""
        self._write = threading.Lock()

    @property
    def possible(self) -> bool:
        return bool(self.tape.capabilities.get("can_control")) and not self.tape.here and being_written(self.path)

    def open(self) -> None:
        """Becomes the controller. Raises Refused when the process has ended, has not opted in, or another one controls it."""
        if self._lock is not None:
            return
        name = self.tape.name
        if not being_written(self.path):
            raise Refused(say("the process that recorded {0} has ended: nothing of it can be changed any more", name))
        if not self.tape.capabilities.get("can_control") or not (self.path / FOLDER).is_dir():
            raise Refused(say("the process that records {0} is not controlled from outside: start it with ts.record(path, control=True)", name))
        handle, until = os.open(self.path / FOLDER / LOCK, os.O_RDWR | os.O_CREAT, 0o600), time.monotonic() + PATIENCE
        while not lock(handle):
            if time.monotonic() > until:
                os.close(handle)
                raise Refused(say("{0} is controlled by another window or program already; close its panel there first", name))
            time.sleep(0.02)
        session = uuid.uuid4().hex
        base = self.path / FOLDER
        self._lock, self._in = handle, os.open(base / f"{session}.in", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        part = base / f"{session}.part"
        part.write_text(session)
        part.replace(base / SESSION)
        self._out, self._rest = base / f"{session}.out", b""
        threading.Thread(target=self._run, name="tapescope-relay", daemon=True).start()

    def forward(self, message: dict[str, Any]) -> None:
        """Passes a message on. Raises Refused as `open` does."""
        self.open()
        request, kind = message.get("request"), message.get("type")
        if isinstance(request, str) and kind in ("command", "subscribe", "query"):
            self.requests[request] = str(kind)
        if kind == "ack":
            message = {**message, "seq": int(message["seq"]) - self.base}
        with self._write:
            if self._in is not None:
                os.write(self._in, encode(message, []))

    def _run(self) -> None:
        pipe, looked = None, time.monotonic()
        while self._lock is not None:
            time.sleep(LOOK)
            if pipe is None:
                with contextlib.suppress(OSError):
                    pipe = open(self._out, "rb")               # noqa: SIM115  (as long as the thread)
            new = b"" if pipe is None else pipe.read()
            if new:
                self._hear(new)
            elif time.monotonic() - looked > THERE:
                looked = time.monotonic()
                if not being_written(self.path):
                    break
        if pipe is not None:
            pipe.close()
        self.close(say("the process that records {0} has ended", self.tape.name))

    def _hear(self, new: bytes) -> None:
        pipe = io.BytesIO(self._rest + new)
        while True:
            at = pipe.tell()
            found = decode(pipe)
            if found is None:
                self._rest = pipe.getvalue()[at:]
                return
            content, buffers = found
            content = {**content, "recording": self.tape.id}
            if content.get("type") == "frame":
                content["seq"] += self.base
            elif content.get("type") == "reply" and (content.get("ok") is False or self.requests.get(str(content.get("request"))) != "subscribe"):
                self.requests.pop(str(content.get("request")), None)
            if content.get("type") in ("frame", "reply", "control"):
                self.send(content, buffers)

    def close(self, reason: str) -> None:
        """Lets the process go; what waits for an answer is told why there will be none."""
        with self._write:
            handle, self._lock = self._lock, None
            if handle is None:
                return
            if self._in is not None:
                os.close(self._in)
                self._in = None
            os.close(handle)
        waiting, self.requests = self.requests, {}
        for request, kind in waiting.items():
            if kind == "command":
                self.send({"type": "reply", "request": request, "ok": False, "error": str(reason), "said": told(reason)}, [])
        self.send({"type": "control", "recording": self.tape.id, "state": "none", "reason": str(reason), "said": told(reason)}, [])


class Relays:
    """Those of all recordings of a pipe."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._all: dict[str, Relay] = {}
        self._page = ""                                        # who attached last: the author of messages that name none

    def take(self, message: Any) -> bool:
        """Whether a message was for a process that still runs, which has it now."""
        if not isinstance(message, dict):
            return False
        kind = message.get("type")
        if kind == "attach":
            self._page = str(message.get("client"))
            return False
        found = self._whose(message)
        if found is None:
            return False
        try:
            found.forward({**message, "client": message.get("client", self._page)})
        except Refused as e:
            if kind != "command":
                return False                                   # the tape answers what it can
            self._send({"type": "reply", "request": message.get("request"), "ok": False, "error": str(e), "said": told_of(e)}, [])
        except OSError as e:
            reason = say("{0} cannot be reached: {1}", found.tape.name, e)
            self._send({"type": "reply", "request": message.get("request"), "ok": False, "error": str(reason), "said": told(reason)}, [])
        return True

    def _whose(self, message: dict[str, Any]) -> Relay | None:
        kind, request = message.get("type"), message.get("request")
        if kind == "ack":
            seq = message.get("seq")
            return next((r for r in self._all.values() if isinstance(seq, int) and r.base <= seq < r.base + SEQ), None)
        if kind in ("unsubscribe", "cancel"):
            return next((r for r in self._all.values() if r.requests.pop(str(request), None)), None)
        verb = str(message.get("verb"))
        if not (kind == "command" and verb.startswith(VERBS)) and not (kind in ("subscribe", "query") and message.get("kind") == "debug"):
            return None
        tape = registry.get(str(message.get("recording") or "latest"))
        if tape is None or tape.here or tape.path is None:
            return None
        found = self._all.get(tape.id) or self._all.setdefault(tape.id, Relay(tape, len(self._all) + 1, self._send))
        return found if found.possible or (kind == "command" and not verb.startswith("probe.")) else None

    def close(self) -> None:
        for relay in self._all.values():
            relay.close(say("the panel was closed"))
