"""Writes a recording to disk while it goes on: a thread that follows the tape in memory by cursors, and that training never waits for."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.say import say
from ...core.state import process
from ..frame import Column
from ..metric import DERIVED, Metric, digest, joined
from .disk import Disk, being_written
from .passes import clock_rows, gradient_rows
from .schema import DATABASE, DTYPES, TapeError, kind_of
from .series import KINDS as SERIES
from .series import Series
from .structures import FOLDER, Structures

if TYPE_CHECKING:
    from ..log import RowLog
    from ..tape import Tape

EVERY = 0.1                      # seconds between two looks at the tape: what is older than two of them is on disk
AGAIN = 5.0                      # seconds until a disk that could not be written is tried again
BUDGET = 8 << 20                 # bytes of one kind in one transaction
TOKENS = 5.0                     # seconds between two writings of what a model has read
RULES = 1.0                      # seconds between two looks of the rules, or twenty times what they took
OWN = {"graph", "clocks", "gradients", *SERIES, "tensor", "status"}        # kinds with a form of their own on disk; others go as the frames they are
_all: weakref.WeakSet[Follower] = weakref.WeakSet()


class Follower:
    """Brings one tape to one folder. Errors of the disk become troubles, never exceptions in the user's program."""

    def __init__(self, tape: Tape, path: str | os.PathLike[str], vfs: str | None = None, *, strict: bool = False) -> None:
        self.tape = tape
        self.troubles: dict[str, tuple[str, str, str, str]] = {}        # id -> severity, title, cause, fix
        self.disk: Disk | None = None
        self.path = Path(path)
        self._cursors: dict[str, Any] = {}
        self._counts: dict[str, int] = {}                      # rows of kinds that are not series
        self._series = {kind: Series(kind) for kind in SERIES}
        self._labelled: set[int] = set()
        self._unlabelled: set[int] = set()
        self._version = -1
        self._retry = 0.0
        self._rules_due = self._tokens_due = 0.0
        self._token_version = 0
        self._told = ""
        self._params: dict[str, Any] = {}
        self._metrics: dict[int, Metric] = {}                  # what each series has come to, so that a list of runs reads no rows
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.flushes, self.spent = 0, 0.0
        self._structures: Structures | None = None             # of a rank: what it shares with the others
        try:
            self.path = free(self.path, ranked := process.rank is not None and self.path.name == f"rank{process.rank}")
            if ranked:
                self._structures = Structures(self.path.parent / FOLDER)
            if self.path != Path(path):
                self._trouble("taken", "info", say("this recording is in {0}", self.path), say("{0} holds another one, which is kept", path),
                              say("give every run a path of its own, or remove the old one"))
            self.disk = Disk(self.path, self._meta(), vfs)
            for note in self.disk.notes:
                self._trouble("journal", "info", say("{0}: {1}", self.path, note), say("write-ahead logs need shared memory, which remote file systems do not have"),
                              say("record on a local disk and copy the folder afterwards"))
        except TapeError as error:
            if strict:
                raise
            self._trouble("open", "error", say("this recording is not on disk"), str(error), say("it goes on in memory: tape.save(path) writes it elsewhere"))
            warnings.warn(f"recording in memory only: {error}", RuntimeWarning, stacklevel=4)
        _all.add(self)

    def _meta(self) -> dict[str, Any]:
        from ... import __version__

        t = self.tape
        return {"tapescope": __version__, "name": t.name, "values": t.values, "every": t.recorder.every, "rank": t.rank, "capabilities": t.capabilities,
                "created": t.began, "pid": os.getpid(), "state": "recording",
                "program": os.path.basename(sys.argv[0]) if sys.argv else "", "python": sys.version.split()[0], "numpy": np.__version__}

    def start(self) -> Follower:
        """Follows from a thread of its own."""
        if self.disk is not None:
            self._thread = threading.Thread(target=self._run, name="tapescope-disk", daemon=True)
            self._thread.start()
        return self

    def _run(self) -> None:
        while not self._ending.wait(EVERY):
            self.flush()
        self._finish()

    def end(self) -> None:
        """Writes what is left and ends, without being waited for."""
        self._ending.set()

    def close(self) -> None:
        """Writes what is left and lets go of the folder; harmless when that has happened."""
        self._ending.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._finish()

    def _finish(self) -> None:
        with self._lock:
            disk = self.disk
            if disk is None:
                return
            self._retry = 0.0
            self._version = -1
            while self._write(True):
                pass
            self.disk = None
            with contextlib.suppress(sqlite3.Error, OSError):
                disk.close()
            disk.abandon()

    # -- a flush --------------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Brings to disk what is new."""
        with self._lock:
            if self.disk is None:
                return
            began = time.thread_time()
            while self._write(False):
                if self._ending.is_set():
                    break
            self.spent += time.thread_time() - began

    def _write(self, ending: bool) -> bool:
        """One transaction; True when there is more than went into it."""
        disk, tape = self.disk, self.tape
        if disk is None or tape.version == self._version or time.monotonic() < self._retry:
            return False
        if disk.gone():
            self._lose(disk)
            return False
        version = tape.version
        cursors, counts, labelled = dict(self._cursors), dict(self._counts), (set(self._labelled), set(self._unlabelled))
        marks = {k: s.mark() for k, s in self._series.items()}
        shared = self._structures.mark() if self._structures else None
        try:
            if name := disk.torn():
                self._trouble("torn", "error", say("{0} is torn", self.path / name), say("it was removed or cut while it was written: copies of values that lay in it are lost"),
                              say("tape.save(path) writes those that are still in memory elsewhere"))
            with disk.transaction():
                more = self._bring(disk, ending)
            cursors, counts, labelled = dict(self._cursors), dict(self._counts), (set(self._labelled), set(self._unlabelled))
            marks = {k: s.mark() for k, s in self._series.items()}
            shared = self._share(disk)
            for s in self._series.values():
                if s.full or (ending and not more):
                    with disk.transaction():
                        s.sort(disk)
                    s.settled()
                    marks[s.kind] = s.mark()
            if ending and not more:
                with disk.transaction():
                    disk.meta("state", "stopped")
            self._version = version if not more else -1
            self.flushes += 1
            if self.troubles.pop("full", None) is not None:
                tape.note("disk", f"{self.path} can be written again")
            return more
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:
            self._cursors, self._counts = cursors, counts
            self._labelled, self._unlabelled = labelled
            for k, s in self._series.items():
                s.reset(marks[k])
            if self._structures and shared is not None:
                self._structures.reset(shared)
            self._retry = time.monotonic() + AGAIN
            self._trouble("full", "error", say("{0} cannot be written", self.path), f"{type(error).__name__}: {error}",
                          say("make room or mend the folder: it is tried again every {0} s, and what is still in memory is then written", f"{AGAIN:.0f}"))
            return False

    def _lose(self, disk: Disk) -> None:
        """The folder has been removed while it was written; it is not made again, somebody did not want it."""
        self.disk = self.tape.path = None
        disk.disown()
        self._ending.set()
        self._trouble("gone", "error", say("{0} is gone", self.path), say("the folder was removed while this recording was written to it"), say("the recording goes on in memory: tape.save(path) writes what is still there elsewhere"))

    def _bring(self, disk: Disk, ending: bool) -> bool:
        tape, r = self.tape, self.tape.recorder
        v = r.values
        more = False
        rows = []
        # what refers to other tables is read before them, so that nothing refers to what is not there
        clocks, self._cursors["clocks"] = r.clocks.read(self._cursors.get("clocks", 0), BUDGET)
        gradients, self._cursors["gradients"] = r.gradients.read(self._cursors.get("gradients", 0), BUDGET)
        more |= self._cursors["clocks"] < r.clocks.next or self._cursors["gradients"] < r.gradients.next
        v.flush()
        series: dict[str, list[dict[str, Column]]] = {kind: [] for kind in SERIES}
        for kind, log in (("scalars", v.scalars), ("stats", v.stats)):
            more |= self._rows(kind, log, series[kind])
        items, self._cursors["histograms"] = v.histograms.read(self._cursors.get("histograms", 0), BUDGET)
        more |= self._cursors["histograms"] < v.histograms.next
        if items:
            series["histograms"].append({
                "key": np.concatenate([i.data[0] for i in items]).astype(np.uint32),
                "step": np.repeat(np.array([i.step for i in items], np.int32), [len(i.data[0]) for i in items]),
                "first": np.concatenate([i.data[1] for i in items]).astype(np.uint16), "length": np.concatenate([i.data[2] for i in items]).astype(np.uint16),
                "count": np.concatenate([i.data[3] for i in items]).astype(np.uint32)})
        frames: list[tuple[str, Any]] = []
        for kind in ("graph", *others(tape)):
            found, self._cursors[kind] = tape.frames(kind, self._cursors.get(kind), max_bytes=1 << 20)
            frames += [(kind, f) for f in found]
            more |= sum(f.nbytes for f in found) > 1 << 18
        copies, self._cursors["tensor"] = v.probes.log.read(self._cursors.get("tensor", 0), 2 * BUDGET)
        more |= self._cursors["tensor"] < v.probes.log.next
        known, self._cursors["rows"] = v.probes.rows.read(self._cursors.get("rows", 0), BUDGET)
        more |= self._cursors["rows"] < v.probes.rows.next
        status = tape.status()
        self._tokens(disk, ending)
        self._rules(disk, ending)
        disk.strings(list(tape.strings))
        for kind, f in frames:
            n, step = self._count(kind, 1), int(f.meta.get("step", -1))
            row, number = disk.row(kind, f.columns, first=n, last=n + 1, steps=(step, step), n=1, key=int(f.meta.get("graph", -1)), meta=f.meta), int(f.meta.get("graph", -1))
            if kind == "graph" and self._structures:
                self._structures.add(number, disk.insert([row]), f)
            else:
                rows.append(row)
        if clocks:
            rows += clock_rows(disk, clocks, self._count("clocks", len(clocks)))
        if gradients:
            rows += gradient_rows(disk, gradients, self._count("gradients", len(gradients)))
        disk.insert(rows)
        for kind, parts in series.items():
            for columns in parts:
                self._series[kind].add(disk, columns)
        disk.snapshots([(i.key, i.step, _plain(i.data[0]), i.data[1], i.data[2]) for i in [*copies, *known]])
        self._label(disk, {i.step for i in copies})
        disk.state("status", status)
        if series["scalars"] or ending:
            strings = tape.strings
            disk.state("metrics", {t: list(m) for k, m in self._metrics.items() if not (t := strings[k]).startswith(DERIVED)})
        if tape.params != self._params:
            self._params = dict(tape.params)
            disk.state("params", self._params)
        return bool(more)

    def _share(self, disk: Disk) -> Any:
        """Structures that are complete go where all ranks have them once; where that cannot be written, each keeps its own."""
        if self._structures is None:
            return None
        try:
            for g in self._structures.ready(self.tape, self._cursors.get("graph")):
                self._structures.share(disk, g)
        except OSError as error:
            self._trouble("structures", "info", say("{0} keeps its structure itself", self.path), say("{0} cannot be written: {1}", self._structures.shared, error),
                          say("nothing is lost; it takes more room"))
            self._structures = None
            return None
        return self._structures.mark()

    def _count(self, kind: str, n: int) -> int:
        first = self._counts.get(kind, 0)
        self._counts[kind] = first + n
        return first

    def _rows(self, kind: str, log: RowLog, found: list[dict[str, Column]]) -> bool:
        at = self._cursors.get(kind, 0)
        block, cursor = log.read(at, BUDGET // (8 + 4 * log.width))
        self._cursors[kind] = cursor
        if block is None or not len(block.key):
            return False
        lost = cursor - at - len(block.key)
        if lost:
            self._trouble("behind", "warning", say("{0} could not be written fast enough", self.path), say("rows of {0} were thinned in memory before they were on disk", kind),
                          say("record every k-th step (every=k), or on a faster disk"))
        columns: dict[str, Column] = {"key": block.key.astype(np.uint32), "step": block.step.astype(np.int32), "time": block.time.astype(np.float64)}
        if log.width == 1:
            for key, m in digest(block.key, block.values[:, 0]).items():
                self._metrics[key] = joined(self._metrics.get(key), m)
        columns["value" if log.width == 1 else "moments"] = block.values[:, 0] if log.width == 1 else block.values.astype(np.float32)
        found.append(columns)
        return bool(cursor < log.next)

    def _label(self, disk: Disk, steps: set[int]) -> None:
        """The labels of the steps whose values are kept; those of the step that runs may still come."""
        known, now = self.tape.recorder.values.labels, self.tape.step_number
        self._unlabelled |= steps - self._labelled
        for step in sorted(self._unlabelled):
            labels = known.get(step)
            if labels is not None and np.asarray(labels).dtype.kind in "iufb":
                disk.snapshots([("", step, np.asarray(labels), np.shape(labels), "labels")])
                self._labelled.add(step)
            if labels is not None or step < now:
                self._unlabelled.discard(step)

    def _tokens(self, disk: Disk, ending: bool) -> None:
        """What the model has read, at first and at the end, and not more than once in a while."""
        known = self.tape.words
        if known is None or known.version == self._token_version or (time.monotonic() < self._tokens_due and not ending):
            return
        self._token_version, self._tokens_due = known.version, time.monotonic() + TOKENS
        disk.state("tokens", known.to_dict())

    def _rules(self, disk: Disk, ending: bool) -> None:
        """What the rules say, now and then; they belong to a room above, which may not be there."""
        from ..tape import provided

        now = time.monotonic()
        if (now < self._rules_due and not ending) or not provided("findings"):
            return
        frames, _ = self.tape.frames("findings")
        self._rules_due = now + max(RULES, 20 * (time.monotonic() - now))
        if frames:
            found = frames[-1].meta["findings"]
            told = repr(found)
            if told != self._told:
                disk.state("findings", found)
                self._told = told

    def _trouble(self, id: str, severity: str, title: str, cause: str, fix: str) -> None:
        self.troubles = {**self.troubles, id: (severity, title, cause, fix)}
        self.tape.note("disk/" + id, f"{title}: {cause}")
        self.tape.changed()

    def forked(self) -> None:
        """In a child: the files belong to the parent, and closing them would disturb it."""
        import ctypes

        disk, self.disk, self._thread = self.disk, None, None
        self._lock = threading.Lock()
        if disk is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(disk._db))      # never closed here, not even at exit


def others(tape: Tape) -> list[str]:
    """Kinds that the tape holds and that have no form of their own on disk."""
    return sorted({n[6:] for n in dir(type(tape)) if n.startswith("_read_")} - OWN)


def free(path: Path, ranked: bool = False) -> Path:
    """The path, or with a number behind it when a recording is there already; of a rank it is the run that gets the number."""
    if path.exists() and not path.is_dir():
        raise TapeError(f"{path} is a file; a recording is a folder")
    n, found = 1, path
    while (found / DATABASE).exists() or being_written(found):
        n += 1
        found = path.parent.with_name(f"{path.parent.name}-{n}") / path.name if ranked else path.with_name(f"{path.name}-{n}")
    return found


def _plain(array: Any) -> Column:
    """An array as a tape can hold it: what NumPy itself does not know, such as bfloat16, as float32."""
    try:
        return array if kind_of(array.dtype) in DTYPES else np.asarray(array, np.float32)
    except TypeError:
        return np.asarray(array, np.float32)


def save(tape: Tape, path: str | os.PathLike[str]) -> Path:
    """Writes what a tape in memory holds into a folder, which is given back. Raises TapeError when that cannot be done."""
    follower = Follower(tape, path, strict=True)
    follower.close()
    if "full" in follower.troubles:
        raise TapeError(follower.troubles["full"][2])
    return follower.path


@atexit.register
def _exit() -> None:
    """The program ends and has not ended its recordings."""
    for follower in list(_all):
        follower.close()


def _forked() -> None:
    for follower in list(_all):
        follower.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
