"""Structures that several processes have in common: one file each, named by what is in it, beside the folders of the ranks.

A rank writes its rows into its own database while a structure grows. When a pass has ended with it, the file `structures/<digest>.bin` is written by whoever comes first,
and the rows give way to a reference: so no rank waits for another, and each can be read when any of the others has died.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..frame import Column, Frame
from ..graph import Counts
from .disk import Disk
from .schema import SHARED, TapeError, pack, read_layout, unpack

if TYPE_CHECKING:
    from ..graph import Graph
    from ..tape import Tape

FOLDER = "structures"
TABLES = {"op": "op_name", "src": "src_kind", "mod": "mod_parent", "node": "node_name", "site": "site_file"}      # a column that tells how many rows there are
FLAT = {"op_in": "op_inputs", "node_next": "node_nexts"}
_HEAD = struct.Struct("<I")


class Structures:
    """The blocks of structures in one recording, on their way to what is shared."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        self.blocks: dict[int, list[tuple[int, Frame]]] = {}
        self.settled: set[int] = set()

    def add(self, number: int, id: int, frame: Frame) -> None:
        """A block that has been written."""
        if frame.columns and number not in self.settled:
            self.blocks.setdefault(number, []).append((id, frame))

    def ready(self, tape: Tape, cursor: Any) -> list[Graph]:
        """Structures that will not grow any more, and that have been written whole."""
        read: dict[int, Counts] = cursor[0] if cursor else {}
        r = tape.recorder
        return [g for n, g in r.graphs.items() if n in self.blocks and g.first >= 0 and r.growing is not g and read.get(n, Counts())[:8] == g.counts()[:8]]

    def share(self, disk: Disk, g: Graph) -> None:
        """Puts a reference in the place of a structure's rows. Raises OSError where the shared folder cannot be written; the rows then stay."""
        text = content(g)
        name = put(self.shared, text)
        with disk.transaction():
            for id, frame in self.blocks[g.number]:
                count = {table: len(frame.columns.get(column, ())) for table, column in TABLES.items()}
                disk.replace(id, {**frame.meta, "shared": name, "count": count})
            disk.meta("schema", SHARED)
        del self.blocks[g.number]
        self.settled.add(g.number)

    def mark(self) -> tuple[Any, ...]:
        return {n: list(b) for n, b in self.blocks.items()}, set(self.settled)

    def reset(self, mark: tuple[Any, ...]) -> None:
        self.blocks, self.settled = mark


def content(g: Graph) -> bytes:
    """A structure by itself: its strings, then its columns, whose references count in those strings. The same structure is the same bytes in every process."""
    frame, _ = g.read(Counts(), False, 1 << 60, True)
    assert frame is not None
    texts: dict[str, int] = {}
    columns: dict[str, Column] = {}
    for name, c in frame.columns.items():
        columns[name] = c if c.dtype != np.uint32 else np.array([texts.setdefault(g.strings.list[i], len(texts)) for i in c.tolist()], np.uint32)
    layout, data = pack(columns)
    head = json.dumps({"layout": json.loads(layout), "strings": list(texts)}).encode()
    return _HEAD.pack(len(head)) + head + data


def put(folder: Path, text: bytes) -> str:
    """Writes a file under the name of its content, unless it is there; safe beside others who do the same."""
    name = hashlib.blake2b(text, digest_size=16).hexdigest()
    target = folder / f"{name}.bin"
    folder.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.read_bytes() == text:
        return name
    part = folder / f".{name}.{os.getpid()}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())                               # before any rank lets go of its own rows
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return name


def find(path: Path, name: Any) -> Path:
    """Where a structure lies to which the recording in `path` refers: inside it, where it was copied, or beside it. Raises TapeError when it is nowhere."""
    if not isinstance(name, str) or not re.fullmatch(r"[0-9a-f]{32}", name):
        raise TapeError(f"{path} refers to a structure by what is no name: {str(name)[:60]!r}")
    for folder in (path / FOLDER, path.parent / FOLDER):
        if (folder / f"{name}.bin").is_file():
            return folder / f"{name}.bin"
    raise TapeError(f"{path.parent / FOLDER / name}.bin is missing: ranks keep the structures that they share there. Copy the folder of the whole run, "
                    "or one rank of it by load_tape(...).save(...)")


def get(path: Path, name: Any) -> tuple[list[str], dict[str, Column]]:
    """(strings, columns) of a structure to which the recording in `path` refers. Raises TapeError for what is not there or not whole."""
    file = find(path, name)
    try:
        text = file.read_bytes()
        if hashlib.blake2b(text, digest_size=16).hexdigest() != name:
            raise ValueError("its content is not what its name says")
        (n,) = _HEAD.unpack_from(text)
        head = json.loads(text[_HEAD.size:_HEAD.size + n])
        strings = [str(s) for s in head["strings"]]
        return strings, unpack(read_layout(json.dumps(head["layout"])), text[_HEAD.size + n:])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as e:
        raise TapeError(f"{file} is damaged: {e}") from e


def part_of(whole: dict[str, Column], start: dict[str, Any], count: dict[str, Any]) -> dict[str, Column]:
    """The rows of one block."""
    found: dict[str, Column] = {}
    for name, c in whole.items():
        table = name.partition("_")[0]
        a, n = int(start[table]), int(count[table])
        if not n:
            continue
        if name in FLAT:
            each = whole[FLAT[name]].astype(np.int64)
            a, n = int(each[:a].sum()), int(each[a:a + n].sum())
        found[name] = c[a:a + n]
    return found
