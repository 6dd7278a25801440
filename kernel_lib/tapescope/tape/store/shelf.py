"""A recording's folder as it is read: blocks by kind, key and number, copies by key, all checked before they are believed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..frame import Column
from . import structures
from .disk import being_written
from .schema import DATABASE, DTYPES, NEWEST, TABLES, NewerTape, TapeError, blob_name, checksum, read_layout, unpack

COPY = 1 << 30                   # bytes of a database that is copied where its folder does not let it be read in place
T = TypeVar("T")


class Block(NamedTuple):
    """A block as it lies on disk."""

    id: int
    key: int
    first: int
    last: int
    steps: tuple[int, int]
    n: int
    meta: dict[str, Any] | None
    columns: dict[str, Column]


class Shelf:
    """Reads one folder, from any thread, while another process may be writing it. Nothing in the folder is changed.

    Raises TapeError for what is no recording, is broken, or was written by a newer Tapescope.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / DATABASE
        self._lock = threading.RLock()
        self._temporary: str | None = None
        if not self.file.is_file():
            raise TapeError(f"{path} is no recording: it has no {DATABASE}")
        self._db = self._connect()
        self._blobs: dict[int, int] = {}
        self._kinds: dict[str, int] = {}
        self._layouts: dict[int, tuple[str, list[list[str]]]] = {}
        try:
            self.meta = self._guard(self._opened)
        except BaseException:
            self.close()
            raise

    # -- opening ------------------------------------------------------------------------------------------------------------

    def _connect(self) -> Any:
        uri = self.file.absolute().as_uri()
        tries: list[Callable[[], str]] = [lambda: uri + "?mode=ro", self._copied, lambda: uri + "?mode=ro&immutable=1"]
        error: Exception | None = None
        for name in tries:
            try:
                db = sqlite3.connect(name(), uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
                db.execute("PRAGMA trusted_schema=OFF")
                db.execute("PRAGMA cell_size_check=ON")
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return db
            except (sqlite3.OperationalError, OSError) as e:      # a folder that may not be written to, with a log that was left in it
                error = error or e
            except sqlite3.DatabaseError as e:
                raise TapeError(f"{self.file} is damaged or no database: {e}") from e
        raise TapeError(f"{self.file} cannot be opened: {error}")

    def _copied(self) -> str:
        log = self.file.with_name(DATABASE + "-wal")
        if not log.exists() or self.file.stat().st_size > COPY:
            raise OSError("not copied")
        self._temporary = tempfile.mkdtemp(prefix="tapescope-")
        for f in (self.file, log):
            shutil.copyfile(f, Path(self._temporary) / f.name)
        return (Path(self._temporary) / DATABASE).as_uri()

    def _opened(self) -> dict[str, Any]:
        try:
            found = {name: json.loads(value) for name, value in self._db.execute("SELECT name, value FROM meta")}
        except sqlite3.OperationalError as e:
            raise TapeError(f"{self.file} is a database, but no recording: {e}") from e
        schema = found.get("schema")
        if not isinstance(schema, int) or schema < 1:
            raise TapeError(f"{self.file} does not say which schema it has: it is no recording, or its beginning is lost")
        if schema > NEWEST:
            from ... import __version__

            raise NewerTape(f"{self.path} has schema {schema}, written by Tapescope {found.get('tapescope')}; this is {__version__}, which reads up to "
                            f"{NEWEST}: install tapescope>={found.get('needs')}")
        for name, kind, sql in self._db.execute("SELECT name, type, sql FROM sqlite_master"):
            if kind not in ("table", "index") or (sql is not None and sql.upper().startswith("CREATE VIRTUAL")) or (sql is not None and TABLES.get(name) != sql):
                raise TapeError(f"{self.file} has {kind} {name!r}, which no recording has: it is not read")
        return found

    def _guard(self, read: Callable[[], T]) -> T:
        """Runs a read; what is wrong with the file comes out as TapeError."""
        try:
            with self._lock:
                return read()
        except sqlite3.Error as e:
            raise TapeError(f"{self.file} is damaged: {e}. What can be read of it, `python -m tapescope verify` says") from e
        except (ValueError, TypeError, OverflowError, MemoryError) as e:
            raise TapeError(f"{self.file} is damaged: {e}") from e

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """All that is read inside is from one moment."""
        with self._lock:
            try:
                inner = self._db.in_transaction
                if not inner:
                    self._db.execute("BEGIN")
                try:
                    yield
                finally:
                    if not inner:
                        with contextlib.suppress(sqlite3.Error):
                            self._db.execute("COMMIT")
            except sqlite3.Error as e:
                raise TapeError(f"{self.file} is damaged: {e}") from e

    # -- reading ------------------------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Another number whenever somebody else has written."""
        return self._guard(lambda: int(self._db.execute("PRAGMA data_version").fetchone()[0]))

    def alive(self) -> bool:
        """Whether its writer lives."""
        return being_written(self.path)

    def strings(self, start: int) -> list[str]:
        def read() -> list[str]:
            found: list[str] = []
            for i, text in self._db.execute("SELECT id, text FROM string WHERE id >= ? ORDER BY id", (start,)):
                if i != start + len(found) or not isinstance(text, str):
                    raise ValueError(f"string {start + len(found)} is missing")
                found.append(text)
            return found

        return self._guard(read)

    def state(self, name: str) -> tuple[int, Any]:
        """(version, value); version 0 when nothing has been said yet."""
        def read() -> tuple[int, Any]:
            row = self._db.execute("SELECT version, value FROM state WHERE name = ?", (name,)).fetchone()
            return (0, None) if row is None else (int(row[0]), json.loads(row[1]))

        return self._guard(read)

    def written_state(self) -> str:
        def read() -> str:
            row = self._db.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
            return str(json.loads(row[0])) if row else "recording"

        return self._guard(read)

    def kinds(self) -> list[str]:
        return self._guard(lambda: [str(r[0]) for r in self._db.execute("SELECT name FROM kind ORDER BY id")])

    def _kind(self, name: str) -> int:
        known = self._kinds.get(name)
        if known is None:
            row = self._db.execute("SELECT id FROM kind WHERE name = ?", (name,)).fetchone()
            if row is None:
                return -1
            known = self._kinds[name] = int(row[0])
        return known

    def blocks(self, kind: str, cursor: int = 0, *, keys: set[int] | None = None, steps: tuple[int, int] | None = None, fresh: bool = True) -> Iterator[Block]:
        """Blocks with rows from number `cursor` on, in the order of their first rows; with `keys`, those of these keys and of many."""
        where, values = "kind = ?1 AND last > ?2", [self._kind(kind), cursor]
        if keys is not None and len(keys) <= 200:
            where += f" AND key IN ({','.join(str(int(k)) for k in sorted(keys | ({-1} if fresh else set())))})"
        if steps is not None:
            where += " AND step1 >= ?3 AND step0 <= ?4"
            values += [int(steps[0]), int(steps[1])]
        if cursor:                                             # `first` is what is indexed
            row = self._db.execute("SELECT min(first) FROM (SELECT first FROM block WHERE kind = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1)", values[:2]).fetchone()
            if row[0] is not None:
                where += f" AND first >= {int(row[0])}"
        for row in self._db.execute(f"SELECT id, key, first, last, step0, step1, n, layout, crc, meta, data FROM block WHERE {where} ORDER BY first, id", values):
            if keys is None or row[1] == -1 or row[1] in keys:
                yield self._block(kind, row)

    def newest(self, kind: str, most: int, cursor: int = 0, key: int | None = None) -> list[list[Block]]:
        """Blocks that were written together, at most so many times, spread evenly over what comes from `cursor` on; the newest are the last."""
        where, values = "kind = ?1" + ("" if key is None else " AND key = ?2"), [self._kind(kind)] + ([] if key is None else [key])
        top = self._db.execute(f"SELECT first, last FROM block WHERE {where} ORDER BY first DESC LIMIT 1", values).fetchone()
        if top is None or top[1] <= cursor:
            return []
        firsts = set()
        for j in range(most):
            target = cursor + (int(top[0]) - cursor) * (j + 1) // most
            row = self._db.execute(f"SELECT first, last FROM block WHERE {where} AND first <= {target} ORDER BY first DESC LIMIT 1", values).fetchone()
            if row is not None and row[1] > cursor:
                firsts.add(int(row[0]))
        return [[self._block(kind, row) for row in self._db.execute(
            f"SELECT id, key, first, last, step0, step1, n, layout, crc, meta, data FROM block WHERE {where} AND first = {first}", values)] for first in sorted(firsts)]

    def ends(self, kind: str) -> int:
        """The number of the next row of a kind."""
        row = self._db.execute("SELECT max(last) FROM (SELECT last FROM block WHERE kind = ? ORDER BY first DESC LIMIT 1)", (self._kind(kind),)).fetchone()
        return int(row[0] or 0)

    def count(self, kind: str) -> int:
        return self._guard(lambda: int(self._db.execute("SELECT count(*) FROM block WHERE kind = ?", (self._kind(kind),)).fetchone()[0]))

    def _block(self, kind: str, row: Any) -> Block:
        id, key, first, last, step0, step1, n, layout, crc, meta, data = row
        place = f"block {id} ({kind}, steps {step0} to {step1})"
        try:
            if layout not in self._layouts:
                found = self._db.execute("SELECT columns FROM layout WHERE id = ?", (layout,)).fetchone()
                if found is None:
                    raise ValueError(f"its layout {layout} is missing")
                self._layouts[layout] = (str(found[0]), read_layout(found[0]))
            if not isinstance(data, bytes) or checksum(key, first, last, n, self._layouts[layout][0], meta, data) != crc:
                raise ValueError("its checksum is wrong")
            return Block(int(id), int(key), int(first), int(last), (int(step0), int(step1)), int(n), None if meta is None else dict(json.loads(meta)),
                         unpack(self._layouts[layout][1], data))
        except (ValueError, TypeError) as e:
            raise TapeError(f"{self.file}: {place} is damaged: {e}") from e

    # -- copies of values ---------------------------------------------------------------------------------------------------

    def snapshots(self, cursor: int = 0, key: str | None = None, steps: tuple[int, int] | None = None) -> list[tuple[Any, ...]]:
        """(id, key, step, bytes) of copies from number `cursor` on; what they hold is read by `copy`."""
        where, values = "id > ?1 AND key != '' AND substr(key, 1, 5) != 'rows/'", [cursor]
        if key is not None:
            where, values = where + " AND key = ?2", [cursor, key]      # type: ignore[list-item]
        if steps is not None:
            where += f" AND step BETWEEN {int(steps[0])} AND {int(steps[1])}"
        return self._guard(lambda: self._db.execute(f"SELECT id, key, step, length FROM snapshot WHERE {where} ORDER BY id", values).fetchall())

    def snapshot_keys(self) -> list[str]:
        return self._guard(lambda: [str(r[0]) for r in self._db.execute("SELECT DISTINCT key FROM snapshot WHERE key != '' AND substr(key, 1, 5) != 'rows/'")])

    def known_rows(self, head: str, step: int) -> list[tuple[int, str]]:
        return self._guard(lambda: self._db.execute("SELECT id, key FROM snapshot WHERE step = ? AND substr(key, 1, ?) = ? ORDER BY id", (step, len(head), head)).fetchall())

    def last_snapshot(self) -> int:
        return self._guard(lambda: int(self._db.execute("SELECT max(id) FROM snapshot").fetchone()[0] or 0))

    def labels(self, step: int) -> Any:
        row = self._guard(lambda: self._db.execute("SELECT id FROM snapshot WHERE key = '' AND step = ?", (step,)).fetchone())
        return None if row is None else self.copy(row[0])[0]

    def copy(self, id: int) -> tuple[Column, tuple[int, ...], str]:
        """(array, shape of the whole value, its dtype) of a copy."""
        def read() -> tuple[Column, tuple[int, ...], str]:
            row = self._db.execute("SELECT key, step, dtype, shape, whole, of, file, start, length, crc FROM snapshot WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise ValueError(f"copy {id} is missing")
            key, step, dtype, shape, whole, of, file, start, length, crc = row
            shape, whole = _shape(shape), _shape(whole)
            if dtype not in DTYPES or not isinstance(length, int) or length != int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize:
                raise ValueError(f"copy {id} of {key!r} does not say what it is")
            data = self._bytes(int(file), int(start), length)
            if len(data) != length or zlib.crc32(data) != crc:
                raise TapeError(f"{self.path / blob_name(int(file))}: {key!r} at step {step} (bytes {start} to {start + length}) is damaged: "
                                + ("its checksum is wrong" if len(data) == length else f"only {len(data)} of {length} bytes are there"))
            return np.frombuffer(data, dtype).reshape(shape), whole, str(of)

        return self._guard(read)

    def _bytes(self, file: int, start: int, length: int) -> bytes:
        if not 0 <= file < 100_000 or start < 0:
            raise ValueError(f"there is no blob file {file}")
        handle = self._blobs.get(file)
        if handle is None:
            try:
                handle = self._blobs[file] = os.open(self.path / blob_name(file), os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
            except OSError as e:
                raise TapeError(f"{self.path / blob_name(file)} cannot be read: {e.strerror}") from e
        if length > os.fstat(handle).st_size:
            return b""
        os.lseek(handle, start, os.SEEK_SET)
        return os.read(handle, length) if length < 1 << 30 else b"".join(iter(lambda: os.read(handle, 1 << 24), b""))[:length]

    def verify(self) -> Iterator[str]:
        """What is damaged, one line each."""
        try:
            for (text,) in self._db.execute("PRAGMA integrity_check(20)"):
                if text != "ok":
                    yield f"{self.file}: {text}"
        except sqlite3.Error as e:
            yield f"{self.file}: {e}"
        for what, ids in (("block", self._ids("block")), ("snapshot", self._ids("snapshot"))):
            for id in ids:
                try:
                    if what == "snapshot":
                        self.copy(id)
                    else:
                        row = self._db.execute("SELECT id, key, first, last, step0, step1, n, layout, crc, meta, data FROM block WHERE id = ?", (id,)).fetchone()
                        kind = self._db.execute("SELECT name FROM kind JOIN block ON kind.id = block.kind WHERE block.id = ?", (id,)).fetchone()
                        if row is not None:
                            name = (self._block(str(kind[0]) if kind else "?", row).meta or {}).get("shared")
                            if name is not None:
                                structures.get(self.path, name)
                except TapeError as e:
                    yield str(e)
                except sqlite3.Error as e:
                    yield f"{self.file}: {what} {id}: {e}"

    def _ids(self, table: str) -> list[int]:
        try:
            return [int(r[0]) for r in self._db.execute(f"SELECT id FROM {table} ORDER BY id")]
        except (sqlite3.Error, TypeError, ValueError):
            return []

    def copy_to(self, path: Path, shared: Path | None = None) -> None:
        """Copies what is there at this moment into another folder, and the structures that it shares with other ranks into `shared`, or into the same."""
        path.mkdir(parents=True, exist_ok=True)
        with self._lock, contextlib.closing(sqlite3.connect(path / DATABASE)) as target:
            self._guard(lambda: self._db.backup(target))
        for blob in sorted(self.path.glob("blobs-*.bin")):
            shutil.copyfile(blob, path / blob.name, follow_symlinks=False)
        with self.moment():
            names = {str(b.meta["shared"]) for b in self.blocks("graph") if b.meta and "shared" in b.meta}
        for name in sorted(names):
            structures.put(shared or path / structures.FOLDER, structures.find(self.path, name).read_bytes())

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        for handle in self.__dict__.get("_blobs", {}).values():
            with contextlib.suppress(OSError):
                os.close(handle)
        self._blobs = {}
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __del__(self) -> None:
        if "_db" in self.__dict__:
            self.close()


def _shape(text: Any) -> tuple[int, ...]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in found):
        raise ValueError(f"{str(text)[:60]!r} is no shape")
    return tuple(found)
