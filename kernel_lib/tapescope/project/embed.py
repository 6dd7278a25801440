"""Embeddings that take a while: something beside the program computes, whoever looks is told how far it is."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..tape import Frame, Tape
from .rows import Rows, labelled
from .tsne import HEAD, ROWS

_TSNE = re.compile(r"tsne([23]):(.+)", re.S)
_OWN = re.compile(r"own:([^:]+):(.+)", re.S)
OWN_ROWS = 5000                    # a callable of the user's is given at most so many rows


def is_embedding(id: str) -> bool:
    """Whether an id of a projection is one of these: "tsne2:activation/fc1", or "own:<name>:<key>" for a callable that was registered by `embed`."""
    return _TSNE.fullmatch(id) is not None or _OWN.fullmatch(id) is not None


class Job:
    """One key by one method: the newest copy, then the next newest, each begun where the last has ended."""

    method, rows = "", ROWS

    def __init__(self, tape: Tape, id: str, key: str) -> None:
        self.tape, self.id, self.key = tape, id, key
        self.results: dict[int, tuple[int, Frame]] = {}     # step -> (serial, the newest picture of it)
        self.error = ""
        self.wanted = False
        self._serial = 0
        self._step = -1
        self._last: tuple[Any, Any] | None = None           # rows and positions of the step that is done
        self._lock = threading.Lock()
        self._run: object | None = None                     # what is under way

    def start(self) -> None:
        """Goes on, or begins."""
        self.wanted, self.error = True, ""
        self.follow()

    def stop(self) -> None:
        """Ends what is under way; what has been drawn stays."""
        self.wanted = False
        with self._lock:
            self._run = None

    def follow(self) -> None:
        """Begins with the newest copy, if nothing is under way and it is not done."""
        with self._lock:
            if not self.wanted or self._run is not None or self.error:
                return
            items, _ = self.tape.copies(self.key, None, 1 << 20, most=1)
            if not items or items[-1].step == self._step:
                return
            item = items[-1]
            rows = labelled(self.tape, self.key, item, self.rows)
            self._step = item.step
            if not len(rows.pick):
                return
            init = self._last[1] if self._last is not None and np.array_equal(self._last[0], rows.pick) else None
            self._run = run = self._begin()
        threading.Thread(target=self._follow_run, args=(run, item.step, rows, init), name="tapescope-embedding", daemon=True).start()

    def _follow_run(self, run: Any, step: int, rows: Rows, init: Any) -> None:
        y, why = None, ""
        try:
            for i, rounds, y, divergence in self._positions(run, rows.x, init):
                if self._run is not run:
                    break
                self._serial += 1
                self.results[step] = self._serial, rows.frame(self.id, step, y, self.method, progress=[i, rounds], divergence=divergence)
                self.tape.changed()
        except Exception as error:
            why = f"{self.method} of {self.key}: {error or type(error).__name__}"
        with self._lock:
            mine = self._run is run
            if mine:
                self._run = None
                if y is not None and not why:
                    self._last = rows.pick, y                   # before whoever looks begins the next
        if mine and why:
            self.error, self._serial = why, self._serial + 1
            self.results[step] = self._serial, rows.nothing(self.id, step, self.method, why)
        elif mine:
            self.follow()
        self.tape.changed()

    def _begin(self) -> Any:
        """What stands for one run; on the thread that asked."""
        return object()

    def _positions(self, run: Any, x: Any, init: Any) -> Iterator[tuple[int, int, Any, float]]:
        """(iteration, of how many, positions, divergence), as they come to be."""
        raise NotImplementedError

    def frames(self, cursor: Any) -> tuple[list[Frame], Any]:
        """Pictures that have changed since `cursor`."""
        self.follow()
        since = cursor or 0
        found = sorted(((s, f) for s, f in list(self.results.values()) if s > since), key=lambda pair: pair[0])
        return [f for _, f in found], found[-1][0] if found else since


class Tsne(Job):
    """t-SNE in so many dimensions, in a process of its own."""

    method = "t-SNE"

    def __init__(self, tape: Tape, id: str, key: str, k: int) -> None:
        super().__init__(tape, id, key)
        self.k = k

    def stop(self) -> None:
        process = self._run
        super().stop()
        if isinstance(process, subprocess.Popen):
            process.kill()

    def _begin(self) -> Any:
        return subprocess.Popen([sys.executable, "-m", __package__ + ".worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _positions(self, run: Any, x: Any, init: Any) -> Iterator[tuple[int, int, Any, float]]:
        task = io.BytesIO()
        np.savez(task, x=x, k=self.k, **({} if init is None else {"init": init}))
        with contextlib.suppress(OSError):
            run.stdin.write(task.getvalue())
            run.stdin.close()
        while len(head := run.stdout.read(HEAD.size)) == HEAD.size:
            i, rounds, divergence, size = HEAD.unpack(head)
            yield i, rounds, np.frombuffer(run.stdout.read(size), np.float32).reshape(-1, self.k), divergence
        said = run.stderr.read().decode(errors="replace").strip().splitlines()
        for pipe in (run.stdout, run.stderr):
            pipe.close()
        if code := run.wait():
            raise RuntimeError(said[-1] if said else f"its process ended with {code}")


class Own(Job):
    """A callable of the user's, on a thread of its own; steps are turned to agree with the one before."""

    rows = OWN_ROWS

    def __init__(self, tape: Tape, id: str, key: str, name: str, fn: Callable[[Any], Any]) -> None:
        super().__init__(tape, id, key)
        self.method, self.fn = name, fn

    def _positions(self, run: Any, x: Any, init: Any) -> Iterator[tuple[int, int, Any, float]]:
        y = np.asarray(getattr(y := self.fn(x.astype(np.float32)), "_array", y), np.float64)
        if y.ndim != 2 or len(y) != len(x) or not y.shape[1] >= 1:
            raise ValueError(f"it was given rows [{len(x)}, {x.shape[1]}] and must give positions [{len(x)}, 2 or 3], not {list(y.shape)}")
        y = y[:, :3] - y[:, :3].mean(0)
        if init is not None and init.shape == y.shape:
            u, _, vt = np.linalg.svd(y.T @ init)
            y = y @ (u @ vt)
        yield 1, 1, y.astype(np.float32), 0.0


def embed(tape: Tape, method: Any) -> str:
    """Makes a method known to the views of `tape`: a callable from rows [n, d] to positions [n, 2 or 3], or something with `fit_transform` (UMAP, scikit-learn's); gives its name.

    Raises TypeError for anything else.
    """
    fn = getattr(method, "fit_transform", method)
    if not callable(fn):
        raise TypeError(f"method is 'pca', 'tsne', a callable that gives rows [n, d] positions [n, 2 or 3], or has fit_transform, not {type(method).__name__}")
    name = str(getattr(method, "__name__", type(method).__name__)).strip("<>").replace(":", " ")
    known = tape.memory.setdefault("project.own", {})
    known[name] = fn
    for id in [i for i in tape.memory.get("project.jobs", {}) if i.startswith(f"own:{name}:")]:
        tape.memory["project.jobs"].pop(id).stop()              # the name means something else now
    return name


def job(tape: Tape, id: str) -> Job:
    """The job of an id, made when first asked for."""
    jobs = tape.memory.setdefault("project.jobs", {})
    if id not in jobs:
        if found := _TSNE.fullmatch(id):
            made: Job = Tsne(tape, id, found[2], int(found[1]))
        elif found := _OWN.fullmatch(id):
            fns = tape.memory.get("project.own", {})
            if found[1] not in fns:
                raise ValueError(f"there is no method {found[1]!r} here: tape.projector(key, method={found[1]}) makes it known")
            made = Own(tape, id, found[2], found[1], fns[found[1]])
        else:
            raise ValueError(f"an embedding is named tsne2:<key>, tsne3:<key> or own:<method>:<key>, such as tsne2:activation/fc1, not {id!r}")
        jobs[id] = made
    return jobs[id]  # type: ignore[no-any-return]
