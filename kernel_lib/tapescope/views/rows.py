"""Rows of scalars, statistics and histograms gathered by key, with a bound on memory, and thinned by steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from ..tape import Frame, Tape

READ = 96 << 20                      # bytes of rows that are held while a recording is read; beyond it every second step goes
Columns = dict[str, Any]


class Rows:
    """All rows of one kind, sorted by key; `stride` is more than 1 when there were too many of them to be held."""

    def __init__(self, tape: Tape, kind: str, whole: bool = False) -> None:
        self.kind = kind
        self.key = "tag" if kind == "scalars" else "key"
        self.stride = 1
        parts: list[Columns] = []
        size, cursor = 0, None
        while True:
            frames, cursor = tape.frames(kind, cursor, max_bytes=4 << 20)
            if not frames:
                break
            for f in frames:
                c = dict(f.columns) if self.stride == 1 else pick(f.columns, f.columns["step"] // self.stride * self.stride == f.columns["step"])
                parts.append(c)
                size += sum(v.nbytes for v in c.values())
            while size > READ and not whole:
                self.stride *= 2
                parts = [pick(c, c["step"] // self.stride * self.stride == c["step"]) for c in parts]
                size = sum(v.nbytes for c in parts for v in c.values())
        self._take(_joined(parts, self.key))

    def _take(self, columns: Columns) -> None:
        self.columns = columns
        n = self.size = len(columns[self.key]) if columns else 0
        self.nbytes = sum(v.nbytes for v in self.columns.values())
        self.steps = int(self.columns["step"].max()) - int(self.columns["step"].min()) + 1 if n else 0

    def split(self, apart: Callable[[int], bool]) -> list[Rows]:
        """These rows as two: those whose key is not `apart`, and those whose key is."""
        keys = self.columns.get(self.key, np.zeros(0, np.uint32))
        mask = np.isin(keys, [k for k in np.unique(keys).tolist() if apart(k)])
        found = []
        for keep in (~mask, mask):
            rows = copy(self)
            rows._take(pick(self.columns, keep))
            found.append(rows)
        return found

    def frames(self, stride: int, nbytes: int) -> list[Frame]:
        """What is left when of every `stride` steps one row a key stays (of scalars the least and the greatest), as frames of about `nbytes`."""
        c = self.columns if stride <= 1 else pick(self.columns, self._kept(stride))
        n = len(c[self.key])
        per = max(nbytes * n // max(sum(v.nbytes for v in c.values()), 1), 1)
        return [Frame(self.kind, {}, part(c, a, min(a + per, n))) for a in range(0, n, per)]

    def _kept(self, stride: int) -> Any:
        key, step = self.columns[self.key], self.columns["step"].astype(np.int64)
        n = len(key)
        cell = step // stride
        new = np.append(True, (key[1:] != key[:-1]) | (cell[1:] != cell[:-1]))
        last = np.append(key[1:] != key[:-1], True)
        if self.kind != "scalars":
            return new | last
        value = self.columns["value"]
        group = np.cumsum(new)
        order = np.lexsort((np.where(np.isnan(value), np.inf, value), group))
        ends = np.append(group[order][1:] != group[order][:-1], True)
        begins = np.append(True, ends[:-1])
        keep = np.zeros(n, bool)
        keep[order[ends]] = keep[order[begins]] = True
        return keep | last


def _lengths(c: Columns, name: str) -> Any:
    """How many numbers a row has in a column that holds many a row; None in others."""
    return c["length"].astype(np.int64) if name == "count" and "length" in c else None


def pick(c: Columns, keep: Any) -> Columns:
    """The rows of which `keep` is true."""
    found = {}
    for name, v in c.items():
        lengths = _lengths(c, name)
        found[name] = v[keep] if lengths is None else v[np.repeat(keep, lengths)]
    return found


def part(c: Columns, a: int, z: int) -> Columns:
    """Rows a to z."""
    found = {}
    for name, v in c.items():
        lengths = _lengths(c, name)
        ends = None if lengths is None else np.append(0, np.cumsum(lengths))
        found[name] = v[a:z] if ends is None else v[ends[a]:ends[z]]
    return found


def _joined(parts: list[Columns], key: str) -> Columns:
    """Parts as one, sorted by key, each key's rows as they came."""
    if not parts:
        return {}
    whole = {name: np.concatenate([c[name] for c in parts]) for name in parts[0]}
    order = np.argsort(whole[key], kind="stable")
    found = {}
    for name, v in whole.items():
        lengths = _lengths(whole, name)
        if lengths is None:
            found[name] = v[order]
            continue
        starts, ls = np.cumsum(lengths) - lengths, lengths[order]
        found[name] = v[np.repeat(starts[order] - (np.cumsum(ls) - ls), ls) + np.arange(int(ls.sum()))]
    return found


def rounded(a: Any, bits: int) -> Any:
    """Floats with so many bits of mantissa, to the nearest; what is not finite stays what it is. Others as they are."""
    kinds = {"float32": (np.uint32, 23), "float64": (np.uint64, 52)}
    if not bits or a.dtype.name not in kinds:
        return a
    word, mantissa = kinds[a.dtype.name]
    cut = mantissa - bits
    if cut <= 0:
        return a
    raw = np.ascontiguousarray(a).view(word)
    near = ((raw + word(1 << (cut - 1))) >> word(cut) << word(cut)).view(a.dtype)
    return np.where(np.isfinite(a) & np.isfinite(near), near, a)
