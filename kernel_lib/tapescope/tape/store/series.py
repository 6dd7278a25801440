"""Rows of scalars, moments and histograms on their way to disk, first as they come, later each key's rows together, and back in the order in which they came."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frame import Column
from .disk import Disk, Row
from .shelf import Block

KINDS = ("scalars", "stats", "histograms")
FRESH, FRESH_BYTES = 48, 512 << 10       # blocks, and bytes, of rows as they came, before they are sorted by key
FLAT = {"count": "length"}               # columns that hold many numbers a row, and the column that says how many


class Series:
    """One kind. What a flush brings is one block of all keys; every so often these are replaced by one block a key, so that a key is read alone."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.next = 0                                          # number of the next row
        self._fresh: list[dict[str, Column]] = []
        self._ids: list[int] = []
        self._bytes = 0
        self._from = 0

    def add(self, disk: Disk, columns: dict[str, Column]) -> None:
        """Writes rows; the columns are `key`, `step` and whatever the kind has."""
        n = len(columns["key"])
        if not n:
            return
        steps = columns["step"]
        row = disk.row(self.kind, columns, first=self.next, last=self.next + n, steps=(int(steps.min()), int(steps.max())), n=n)
        self._ids.append(disk.insert([row]))
        self._fresh.append(columns)
        self._bytes += len(row.data)
        self.next += n

    @property
    def full(self) -> bool:
        return len(self._fresh) >= FRESH or self._bytes >= FRESH_BYTES

    def sort(self, disk: Disk) -> None:
        """Replaces the rows as they came by blocks of one key each."""
        if not self._fresh:
            return
        names = list(self._fresh[0])
        whole = {name: np.concatenate([c[name] for c in self._fresh]) for name in names}
        rows = by_key(disk, self.kind, whole, self._from)
        disk.forget(self.kind, self._ids)
        disk.insert(rows)

    def settled(self) -> None:
        """What `sort` has written is there to stay."""
        self._fresh, self._ids, self._bytes, self._from = [], [], 0, self.next

    def mark(self) -> tuple[Any, ...]:
        return self.next, list(self._fresh), list(self._ids), self._bytes, self._from

    def reset(self, mark: tuple[Any, ...]) -> None:
        self.next, self._fresh, self._ids, self._bytes, self._from = mark


def by_key(disk: Disk, kind: str, columns: dict[str, Column], first: int) -> list[Row]:
    """Blocks of one key each; `seq` says where in the order of arrival a row stood, counted from `first`."""
    key = columns["key"]
    n = len(key)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    ends = np.append(begins[1:], n)
    plain = {name: c[order] for name, c in columns.items() if name != "key" and name not in FLAT}
    plain["seq"] = order.astype(np.uint32)
    flat: dict[str, tuple[Column, Column]] = {}
    for name, of in FLAT.items():
        if name in columns:
            lengths = columns[of].astype(np.int64)
            starts = np.cumsum(lengths) - lengths
            ls = lengths[order]
            stops = np.cumsum(ls)
            index = np.repeat(starts[order] - (stops - ls), ls) + np.arange(int(stops[-1]) if n else 0)
            flat[name] = (columns[name][index], np.append(0, stops))
    rows = []
    for a, z in zip(begins.tolist(), ends.tolist(), strict=True):
        part = {name: c[a:z] for name, c in plain.items()}
        for name, (values, stops) in flat.items():
            part[name] = smallest(values[stops[a]:stops[z]])
        steps = part["step"]
        rows.append(disk.row(kind, part, first=first, last=first + n, steps=(int(steps.min()), int(steps.max())), n=z - a, key=int(ordered[a])))
    return rows


def smallest(counts: Column) -> Column:
    """Counts in as few bytes as they need."""
    most = int(counts.max()) if counts.size else 0
    return counts.astype(np.uint8 if most < 256 else np.uint16 if most < 65536 else np.uint32)


# -- back -------------------------------------------------------------------------------------------------------------------


def select(b: Block, at: int, keys: set[int] | None, steps: tuple[int, int] | None) -> tuple[Any, dict[str, Column]]:
    """Numbers and columns of the rows of a block that are asked for."""
    c = dict(b.columns)
    n = b.n
    if len(c["step"]) != n:
        raise ValueError(f"block {b.id} has {len(c['step'])} rows, not {n}")
    if b.key == -1:
        seq = np.arange(b.first, b.first + n)
    else:
        seq = c.pop("seq").astype(np.int64) + b.first
        c["key"] = np.full(n, b.key, np.uint32)
    if "moments" in c:
        c["moments"] = c["moments"].reshape(n, -1)
    keep = seq >= at
    if keys is not None and b.key == -1:
        keep &= np.isin(c["key"], list(keys))
    if steps is not None:
        keep &= (c["step"] >= steps[0]) & (c["step"] <= steps[1])
    if keep.all():
        return seq, c
    for name, of in FLAT.items():
        if name in c:
            c[name] = c[name][np.repeat(keep, c[of])]
    return seq[keep], {name: v if name in FLAT else v[keep] for name, v in c.items()}


def joined(parts: list[tuple[Any, dict[str, Column]]]) -> dict[str, Column]:
    """Parts as one, in the order of arrival."""
    seq = np.concatenate([s for s, _ in parts])
    names = parts[0][1]
    whole: dict[str, Column] = {name: np.concatenate([c[name] for _, c in parts]) for name in names}
    whole["at"] = seq
    if len(parts) == 1 or bool((np.diff(seq) > 0).all()):
        return _typed(whole)
    order = np.argsort(seq, kind="stable")
    for name, of in FLAT.items():
        if name in whole:
            lengths = whole[of].astype(np.int64)
            starts = np.cumsum(lengths) - lengths
            ls = lengths[order]
            whole[name] = whole[name][np.repeat(starts[order] - (np.cumsum(ls) - ls), ls) + np.arange(int(ls.sum()))]
    return _typed({name: v if name in FLAT else v[order] for name, v in whole.items()})


def _typed(c: dict[str, Column]) -> dict[str, Column]:
    if "count" in c:
        c["count"] = c["count"].astype(np.uint32)
    return c
