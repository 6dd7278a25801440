"""The files of one recording while they are written: a database and its blobs, in one folder, by one process."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.say import say
from ..frame import Column
from .schema import BLOB_BYTES, BLOCK_COLUMNS, DATABASE, LOCK, NEEDS, SCHEMA, TABLES, TapeError, blob_name, checksum, kind_of, pack

_BATCHES = (256, 64, 16, 4, 1)                                # rows of one INSERT: each is one call for which the interpreter's lock is let go
_INSERT = {n: "INSERT INTO block(kind, key, first, last, step0, step1, n, layout, crc, meta, data) VALUES "
           + ",".join(["(" + ",".join("?" * BLOCK_COLUMNS) + ")"] * n) for n in _BATCHES}
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "lustre", "beegfs", "ceph", "gpfs", "virtiofs"}
_writing: set[str] = set()                                    # folders that this process writes: a lock of our own is invisible to us


class Row(NamedTuple):
    """A block that is about to be written."""

    kind: int
    key: int
    first: int
    last: int
    step0: int
    step1: int
    n: int
    layout: int
    crc: int
    meta: str | None
    data: Any


class Disk:
    """One folder that is being written. Not thread-safe: it belongs to the thread that made it.

    Raises TapeError when the folder cannot be made or written, or is being written by somebody else.
    """

    def __init__(self, path: Path, meta: dict[str, Any], vfs: str | None = None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._lock_file: int | None = None
        self._db: Any = None
        self._blob: Any = None
        self._blob_number = 0
        self._blob_end = 0
        self._kinds: dict[str, int] = {}
        self._layouts: dict[str, int] = {}
        self._strings = 0
        self._name = os.path.realpath(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._take()
            if (path / DATABASE).exists():
                raise TapeError(f"{path} holds a recording already")
            self._open(meta, vfs)
        except (OSError, sqlite3.Error) as error:
            self.abandon()
            raise TapeError(f"{path} cannot be written: {error}") from error
        except TapeError:
            self.abandon()
            raise

    # -- who writes ---------------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        if self._name in _writing:
            raise TapeError(f"{self.path} is being written by another recording of this process")
        handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        if not lock(handle):
            os.close(handle)
            raise TapeError(f"{self.path} is being written by another process")
        self._lock_file = handle
        _writing.add(self._name)

    def _open(self, meta: dict[str, Any], vfs: str | None) -> None:
        uri = (self.path / DATABASE).absolute().as_uri() + ("" if vfs is None else f"?vfs={vfs}")
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0, cached_statements=256)
        run = self._db.execute
        self.wal = False
        system = file_system(self.path)
        if system not in REMOTE:
            with contextlib.suppress(sqlite3.OperationalError):
                self.wal = run("PRAGMA journal_mode=WAL").fetchone()[0] == "wal"
        if not self.wal:
            run("PRAGMA journal_mode=DELETE")
            self.notes.append(say("no write-ahead log on this file system ({0}): readers and the writer wait for each other", system) if system in REMOTE
                              else say("no write-ahead log on this file system: readers and the writer wait for each other"))
        run("PRAGMA synchronous=NORMAL")
        with self.transaction():
            for sql in TABLES.values():
                run(sql)
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in
                                                                    {"schema": SCHEMA, "needs": NEEDS, **meta}.items()])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; blobs that were written for nothing are written over."""
        if self._blob is None or self._blob_end > BLOB_BYTES:
            self._next_blob()
        end = self._blob_end
        self._db.execute("BEGIN IMMEDIATE")
        known = (dict(self._kinds), dict(self._layouts), self._strings)
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._kinds, self._layouts, self._strings = known
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._blob_end = end
            raise

    # -- what is written ----------------------------------------------------------------------------------------------------

    def strings(self, table: list[str]) -> None:
        """Adds what is new of the intern table; before the rows that refer to it."""
        n = len(table)
        for a in range(self._strings, n, 400):
            part = table[a:min(a + 400, n)]
            flat = [x for i, text in enumerate(part) for x in (a + i, text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))]
            self._db.execute("INSERT INTO string VALUES " + ",".join(["(?,?)"] * len(part)), flat)
        self._strings = n

    def kind(self, name: str) -> int:
        known = self._kinds.get(name)
        if known is None:
            known = self._kinds[name] = len(self._kinds) + 1
            self._db.execute("INSERT INTO kind VALUES (?, ?)", (known, name))
        return known

    def layout(self, text: str) -> int:
        known = self._layouts.get(text)
        if known is None:
            known = self._layouts[text] = len(self._layouts) + 1
            self._db.execute("INSERT INTO layout VALUES (?, ?)", (known, text))
        return known

    def row(self, kind: str, columns: dict[str, Column], *, first: int, last: int, steps: tuple[int, int], n: int, key: int = -1,
            meta: dict[str, Any] | None = None) -> Row:
        """A block of columns, to be given to `insert`."""
        layout, data = pack(columns)
        text = None if meta is None else json.dumps(meta)
        return Row(self.kind(kind), key, first, last, steps[0], steps[1], n, self.layout(layout), checksum(key, first, last, n, layout, text, data), text, data)

    def insert(self, rows: list[Row]) -> int:
        """Writes blocks in a few statements; the id of the last."""
        at, last = 0, 0
        for n in _BATCHES:
            while len(rows) - at >= n:
                last = self._db.execute(_INSERT[n], [x for row in rows[at:at + n] for x in row]).lastrowid
                at += n
        return last

    def replace(self, id: int, meta: dict[str, Any]) -> None:
        """Takes the columns of a block away; what its meta says stands for them."""
        key, first, last, n = self._db.execute("SELECT key, first, last, n FROM block WHERE id = ?", (id,)).fetchone()
        layout, data = pack({})
        text = json.dumps(meta)
        self._db.execute("UPDATE block SET layout = ?, crc = ?, meta = ?, data = ? WHERE id = ?", (self.layout(layout), checksum(key, first, last, n, layout, text, data), text, data, id))

    def forget(self, kind: str, ids: list[int]) -> None:
        """Removes blocks whose rows have been written anew."""
        for a in range(0, len(ids), 400):
            part = ids[a:a + 400]
            self._db.execute(f"DELETE FROM block WHERE id IN ({','.join('?' * len(part))})", part)

    def state(self, name: str, value: Any) -> None:
        """Overwrites a small fact: the status, the findings."""
        self._db.execute("INSERT INTO state VALUES (?, 1, ?) ON CONFLICT(name) DO UPDATE SET version = version + 1, value = excluded.value",
                         (name, json.dumps(value)))

    def meta(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def snapshots(self, items: list[tuple[str, int, Column, tuple[int, ...], str]]) -> None:
        """Appends copies (key, step, array, shape of the whole, its dtype) to the blob file, then enters where they lie."""
        for key, step, array, whole, of in items:
            array = np.asarray(array, order="C")                # what has no axes gets none
            data = memoryview(array.reshape(-1).view(np.uint8).data) if array.size else memoryview(b"")
            start = self._append(data)
            self._db.execute("INSERT INTO snapshot VALUES (NULL,?,?,?,?,?,?,?,?,?,?)",
                             (key, step, kind_of(array.dtype), json.dumps(array.shape), json.dumps(list(whole)), of, self._blob_number, start, len(data),
                              zlib.crc32(data)))

    def _next_blob(self) -> None:
        if self._blob is not None:
            os.close(self._blob)
            self._blob = None
            self._blob_number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._blob = os.open(self.path / blob_name(self._blob_number), flags, 0o644)
        self._blob_end = 0

    def _append(self, data: memoryview) -> int:
        start = self._blob_end
        os.lseek(self._blob, start, os.SEEK_SET)
        at = 0
        while at < len(data):
            at += os.write(self._blob, data[at:])
        self._blob_end = start + len(data)
        return start

    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.stat().st_size for f in self.path.iterdir() if f.name.startswith((DATABASE, "blobs-")))

    # -- what others do to it -----------------------------------------------------------------------------------------------

    def gone(self) -> bool:
        """Whether somebody has removed the database, and perhaps put another in its place: what is still written goes nowhere."""
        return not (self.path / DATABASE).exists() or (self._lock_file is not None and os.fstat(self._lock_file).st_nlink == 0)

    def torn(self) -> str:
        """The blob file, where somebody has removed or cut it, which is said once: copies go into a new one from now on; else ""."""
        name = blob_name(self._blob_number)
        if self._blob is None:
            return ""
        try:
            whole = (self.path / name).stat().st_size >= self._blob_end
        except OSError:
            whole = False
        if whole:
            return ""
        self._next_blob()
        return name

    def disown(self) -> None:
        """Lets go of all files without closing the database: closing it removes files by their names, which may be another's by now."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))             # never closed, not even at exit
        self._db = None
        self.abandon()

    # -- the end ------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Everything into the database, and nothing left beside it."""
        try:
            if self._db is not None and self.wal:
                with contextlib.suppress(sqlite3.OperationalError):       # a reader is in it
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Lets go of all files."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        if self._blob is not None:
            os.close(self._blob)
        if self._lock_file is not None:
            os.close(self._lock_file)
            _writing.discard(self._name)
        self._db = self._blob = self._lock_file = None


def lock(handle: int) -> bool:
    """Takes a file for this process until it closes it or dies; a forked child does not inherit it. False when another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)         # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        import errno

        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)      # where files cannot be locked, nobody is kept out
    return True


def being_written(path: Path) -> bool:
    """Whether a process that lives writes this folder."""
    return os.path.realpath(path) in _writing or held(path / LOCK)


def held(path: Path) -> bool:
    """Whether a process that lives holds a lock file."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return not lock(handle)
    finally:
        os.close(handle)


def file_system(path: Path) -> str:
    """The type of file system that a path lies on ("ext4", "nfs"), or "" where that cannot be known."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    where, best = os.path.realpath(path), ("", "")
    for line in lines:
        parts = line.split(" ")
        if len(parts) > 2:
            point = parts[1].replace("\\040", " ")
            if (where == point or where.startswith(point.rstrip("/") + "/")) and len(point) >= len(best[0]):
                best = (point, parts[2])
    return best[1]



def _forked() -> None:
    _writing.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
