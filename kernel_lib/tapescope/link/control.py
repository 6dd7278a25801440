"""What a process that opted in hears from outside: a mailbox in the folder of its recording, which works wherever the folder does, over no port.

`control/lock` is held by the one who controls, `control/session` names the pair of files through which he speaks: `<session>.in` has his messages, `<session>.out`
the answers, framed as on the pipe. Only what is safe is carried out: waiting, going on, what is read of values, where a pass stops, and moves of one that has stopped.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from ..core.say import say, told
from ..debugger.pause import settings
from ..tape import Tape
from ..tape.store.disk import held
from .client import Client
from .commands import register
from .framing import decode, encode
from .loop import service
from .pump import wait_for

FOLDER, LOCK, SESSION = "control", "lock", "session"
LOOK = 0.01                        # seconds between two looks into the mailbox
THERE = 0.5                        # seconds between two looks whether the controller lives
MOVES = ("step", "over", "back", "into", "out", "next_module", "continue", "run_to", "go")
SAFE = {"ping", "probe.set", "probe.clear", "debug.break_on", "debug.explain", *(f"debug.{m}" for m in MOVES),
        *(f"control.{v}" for v in ("pause", "step", "continue", "level")), *(f"break.{v}" for v in ("add", "edit", "remove", "clear", "list", "restore"))}
_controls: dict[str, Control] = {}


class Control:
    """The mailbox of one recording, and its training loop where it waits between two steps."""

    def __init__(self, tape: Tape) -> None:
        assert tape.path is not None
        self.tape, self.folder = tape, Path(tape.path) / FOLDER
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.client: Client | None = None
        self.session = ""
        self.paused = False
        self._left: int | None = None                          # steps until it waits, 0: it waits; None: it runs
        self._level: str | None = None
        self._turn = threading.Lock()                          # around what both threads write
        self._over = threading.Event()
        self._read, self._rest = 0, b""
        self._out: int | None = None
        self._send_lock = threading.Lock()
        self._looked = 0.0
        _controls[tape.id] = self
        service.watch()
        tape.at_step(self._at_step)
        tape.listen(self._changed)
        threading.Thread(target=self._run, name="tapescope-control", daemon=True).start()

    # -- the training thread --------------------------------------------------------------------------------------------------

    def _at_step(self) -> None:
        level, self._level = self._level, None
        if level is not None:
            self.tape.set_level(level)
        with self._turn:
            if self._left is None:
                return
            self._left = max(self._left - 1, 0)
        if self._left == 0:
            self._wait()

    def _wait(self) -> None:
        """Between two steps, until somebody says how it goes on, or nobody is there any more who could."""
        self._stand(True)
        gone = 0.0

        def over() -> bool:
            nonlocal gone
            if self.client is not None:
                gone = 0.0
            elif not gone:
                gone = time.monotonic()
            return self._left != 0 or bool(gone and time.monotonic() - gone > settings.grace)

        try:
            wait_for(over)
        finally:
            with self._turn:
                self._left = None if self._left == 0 else self._left
            self._stand(False)

    def _stand(self, paused: bool) -> None:
        self.paused = paused
        notes = {k: v for k, v in self.tape.notes.items() if k != "control"}
        self.tape.notes = {**notes, "control": f"paused after step {self.tape.step_number}"} if paused else notes
        self.tape.changed()
        self._tell()

    # -- what is asked, on the mailbox's thread -------------------------------------------------------------------------------

    def pause(self) -> dict[str, Any]:
        with self._turn:
            if self._left != 0:
                self._left = 1
        return {"step": self.tape.step_number}

    def go(self, steps: int | None) -> dict[str, Any]:
        """Goes on, for so many steps; one that is on its way to where it waits does not wait there. Raises RuntimeError when it runs."""
        with self._turn:
            if self._left is None:
                raise RuntimeError(say("{0} is not paused between two steps", self.tape.name))
            self._left = steps
        return {"step": self.tape.step_number}

    def level(self, values: str) -> dict[str, Any]:
        from ..tape.frame import level_of

        level_of(values)
        self._level = values
        if self.paused:                                        # nothing runs that could be disturbed
            self._level = None
            self.tape.set_level(values)
        return {"values": values}

    # -- the mailbox ------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.wait(LOOK):
            with contextlib.suppress(OSError):                 # the folder may be on its way to somewhere else
                self._look()
        with contextlib.suppress(OSError):
            self._leave()
        _controls.pop(self.tape.id, None)

    def _changed(self) -> None:
        if self.tape.state == "stopped":
            self._over.set()

    def _look(self) -> None:
        try:
            session = (self.folder / SESSION).read_text()
        except FileNotFoundError:
            return
        if session != self.session and session.isalnum():
            self._leave()
            self.session, self._read, self._rest, self._looked = session, 0, b"", time.monotonic()
            self._out = os.open(self.folder / f"{session}.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self.client = service.add(Client(f"control-{self.tape.id}-{session}", self._send))
            self._tell()
        if self.client is None:
            return
        if time.monotonic() - self._looked > THERE:
            self._looked = time.monotonic()
            if not held(self.folder / LOCK):
                self._leave()
                return
        with open(self.folder / f"{self.session}.in", "rb") as pipe:
            pipe.seek(self._read)
            new = pipe.read()
        self._read += len(new)
        if new:
            self._hear(new)

    def _hear(self, new: bytes) -> None:
        client, pipe = self.client, io.BytesIO(self._rest + new)
        while client is not None:
            at = pipe.tell()
            try:
                found = decode(pipe)
            except ValueError as e:
                client.send({"type": "reply", "request": None, "ok": False, "error": str(e)})
                self._rest = b""
                return
            if found is None:
                self._rest = pipe.getvalue()[at:]
                return
            message = found[0]
            if isinstance(message, dict):
                message["recording"] = self.tape.id
            why = refused(message)
            if why:
                client.send({"type": "reply", "request": message.get("request"), "ok": False, "error": str(why), "said": told(why)})
            else:
                client.receive(message)

    def _leave(self) -> None:
        """The controller has gone, or another has come."""
        client, self.client = self.client, None
        if client is not None:
            service.remove(client)
            client.close()
        with self._send_lock:
            if self._out is not None:
                os.close(self._out)
                self._out = None
        for end in ("in", "out"):
            with contextlib.suppress(OSError):
                (self.folder / f"{self.session}.{end}").unlink()

    def _send(self, content: dict[str, Any], buffers: list[Any]) -> None:
        data = encode(content, buffers)
        with self._send_lock:
            if self._out is None:
                raise ConnectionError("nobody controls this recording any more")
            os.write(self._out, data)

    def _tell(self) -> None:
        client = self.client
        if client is not None:
            client.send({"type": "control", "state": "paused" if self.paused else "running", "step": self.tape.step_number})


def refused(message: Any) -> str:
    """Why a message is not accepted from outside; "" when it is."""
    kind = message.get("type") if isinstance(message, dict) else None
    if kind in ("unsubscribe", "cancel", "ack") or (kind in ("subscribe", "query") and message.get("kind") == "debug"):
        return ""
    if kind == "command":
        return "" if message.get("verb") in SAFE else say("{0} is not accepted from outside the process that records; type it there", message.get("verb"))
    return say("{0} is not accepted from outside the process that records", repr(kind))


def _of(tape: Tape | None) -> Control:
    found = _controls.get(tape.id) if tape is not None else None
    if found is None:
        raise RuntimeError(say("this recording is not controlled from outside: start it with ts.record(path, control=True)"))
    return found


register("control.pause", lambda tape, args: _of(tape).pause(), anywhere=True)
register("control.step", lambda tape, args: _of(tape).go(1), anywhere=True)
register("control.continue", lambda tape, args: _of(tape).go(None), anywhere=True)
register("control.level", lambda tape, args: _of(tape).level(str(args.get("values"))), anywhere=True)
