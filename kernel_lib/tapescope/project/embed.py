"""Embeddings that take a while: a process of its own computes, whoever looks is told how far it is."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np

from ..tape import Frame, Tape
from .rows import labelled
from .tsne import HEAD, ROWS

_ID = re.compile(r"tsne([23]):(.+)", re.S)


def is_embedding(id: str) -> bool:
    """Whether an id of a projection is one of these: "tsne2:activation/fc1"."""
    return _ID.fullmatch(id) is not None


class Job:
    """One key in so many dimensions: the newest copy, then the next newest, each begun where the last has ended."""

    def __init__(self, tape: Tape, id: str) -> None:
        found = _ID.fullmatch(id)
        assert found
        self.tape, self.id, self.k, self.key = tape, id, int(found[1]), found[2]
        self.results: dict[int, tuple[int, Frame]] = {}     # step -> (serial, the newest picture of it)
        self.error = ""
        self.wanted = False
        self._serial = 0
        self._step = -1
        self._last: tuple[Any, Any] | None = None           # rows and positions of the step that is done
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Goes on, or begins."""
        self.wanted, self.error = True, ""
        self.follow()

    def stop(self) -> None:
        """Ends what is under way; what has been drawn stays."""
        self.wanted = False
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()

    def follow(self) -> None:
        """Begins with the newest copy, if nothing is under way and it is not done."""
        with self._lock:
            if not self.wanted or self._process is not None or self.error:
                return
            items, _ = self.tape.copies(self.key, None, 1 << 20, most=1)
            if not items or items[-1].step == self._step:
                return
            item = items[-1]
            x, pick, label, about = labelled(self.tape, self.key, item, ROWS)
            self._step = item.step
            if not len(pick):
                return
            init = self._last[1] if self._last is not None and np.array_equal(self._last[0], pick) else None
            self._process = process = subprocess.Popen([sys.executable, "-m", __package__ + ".worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        threading.Thread(target=self._run, args=(process, item.step, x, pick, label, init, about), name="tapescope-tsne", daemon=True).start()

    def _run(self, process: subprocess.Popen[bytes], step: int, x: Any, pick: Any, label: Any, init: Any, about: dict[str, Any]) -> None:
        assert process.stdin and process.stdout and process.stderr
        task = io.BytesIO()
        np.savez(task, x=x, k=self.k, **({} if init is None else {"init": init}))
        with contextlib.suppress(OSError):
            process.stdin.write(task.getvalue())
            process.stdin.close()
        y = None
        while len(head := process.stdout.read(HEAD.size)) == HEAD.size:
            i, rounds, divergence, size = HEAD.unpack(head)
            y = np.frombuffer(process.stdout.read(size), np.float32).reshape(-1, self.k)
            xyz = np.zeros((len(y), 3), np.float32)
            xyz[:, :self.k] = y
            columns = {"xyz": xyz.ravel(), "row": pick.astype(np.int32), **({} if label is None else {"label": label})}
            meta = {"key": self.id, "step": step, "n": len(y), "method": "t-SNE", "explained": [], "width": int(x.shape[1]), "progress": [i, rounds], "divergence": divergence, **about}
            self._serial += 1
            self.results[step] = self._serial, Frame("projection", meta, columns)
            self.tape.changed()
        why = process.stderr.read().decode(errors="replace").strip().splitlines()
        for pipe in (process.stdout, process.stderr):
            pipe.close()
        code = process.wait()
        with self._lock:
            mine = self._process is process
            if mine:
                self._process = None
        if mine and code:
            self.error = why[-1] if why else f"its process ended with {code}"
        elif mine and y is not None:
            self._last = pick, y
            self.follow()
        self.tape.changed()

    def frames(self, cursor: Any) -> tuple[list[Frame], Any]:
        """Pictures that have changed since `cursor`."""
        self.follow()
        if self.error:
            error, self.error, self.wanted = self.error, "", False
            raise RuntimeError(f"t-SNE of {self.key}: {error}")
        since = cursor or 0
        found = sorted(((s, f) for s, f in list(self.results.values()) if s > since), key=lambda pair: pair[0])
        return [f for _, f in found], found[-1][0] if found else since


def job(tape: Tape, id: str) -> Job:
    """The job of an id, made when first asked for."""
    if not is_embedding(id):
        raise ValueError(f"an embedding is named tsne2:<key> or tsne3:<key>, such as tsne2:activation/fc1, not {id!r}")
    return tape.memory.setdefault("project.jobs", {}).setdefault(id, Job(tape, id))  # type: ignore[no-any-return]
