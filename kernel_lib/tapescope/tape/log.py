"""Bounded, append-only logs with numbered rows: a cursor is the number of the next row to read.

When a log is full, its older three quarters are thinned evenly: of every 2, 4, 8, ... steps one stays; the newest stay all. Nothing is chosen
by chance, so two runs keep the same rows. What went is counted in `thinned`.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from .frame import Column


class Block(NamedTuple):
    """Rows of a RowLog: `seq` is the number of the first row, or of every row once rows have gone."""

    seq: int | Column
    key: Column
    step: Column
    time: Column
    values: Column


class RowLog:
    """Rows (key, step, time, `width` floats), appended in small blocks."""

    def __init__(self, width: int, cap: int, dtype: str = "f4") -> None:
        self.width, self.cap, self.dtype = width, cap, dtype
        self.next = 0
        self.rows = 0
        self.thinned = 0
        self._fresh: list[tuple[int, Any, int, float, Any]] = []
        self._blocks: list[Block] = []
        self._lock = threading.Lock()

    def add(self, keys: Any, step: int, time: float, values: Any) -> None:
        """Appends one row per key; `values` is [len(keys), width], an array or (width 1) a list, and is kept."""
        with self._lock:
            self._fresh.append((self.next, keys, step, time, values))
            n = len(keys)
            self.next += n
            self.rows += n
            if len(self._fresh) >= 1024:
                self._merge()
                if self.rows > self.cap:
                    self._thin()

    def add_many(self, keys: Any, steps: list[int], times: list[float], values: Column) -> None:
        """Appends the same keys for each of several steps; `values` is [len(steps) * len(keys), width]."""
        k = len(keys)
        with self._lock:
            self._merge()
            self._blocks.append(Block(self.next, np.tile(np.asarray(keys, np.uint32), len(steps)), np.repeat(steps, k).astype(np.int32),
                                      np.repeat(times, k), values.astype(self.dtype)))
            self.next += k * len(steps)
            self.rows += k * len(steps)
            if self.rows > self.cap:
                self._thin()

    def extend(self, keys: Column, steps: Column, times: Column, values: Column) -> None:
        """Appends rows as they are: a key, a step and a time each; `values` is [rows, width]."""
        with self._lock:
            self._merge()
            self._blocks.append(Block(self.next, keys.astype(np.uint32), steps.astype(np.int32), times.astype(np.float64), values.astype(self.dtype)))
            self.next += len(keys)
            self.rows += len(keys)
            if self.rows > self.cap:
                self._thin()

    def _merge(self) -> None:
        if not self._fresh:
            return
        fresh, self._fresh = self._fresh, []
        sizes = [len(f[1]) for f in fresh]
        keys: Any
        values: Any
        if self.width == 1:
            keys, values = [k for f in fresh for k in f[1]], [v for f in fresh for v in f[4]]
        else:
            keys, values = np.concatenate([f[1] for f in fresh]), np.concatenate([f[4] for f in fresh])
        self._blocks.append(Block(fresh[0][0], np.asarray(keys, np.uint32), np.repeat([f[2] for f in fresh], sizes).astype(np.int32),
                                  np.repeat([f[3] for f in fresh], sizes), np.asarray(values, self.dtype).reshape(-1, self.width)))

    def _thin(self) -> None:
        whole = _join(self._blocks)
        limit = self.cap // 2
        while len(whole.key) > self.cap * 3 // 4 and limit >= 4:
            order = np.argsort(whole.key, kind="stable")
            ordered = whole.key[order]
            begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
            sizes = np.diff(np.append(begins, len(ordered)))
            rank = np.arange(len(ordered)) - np.repeat(begins, sizes)
            old = (rank < np.repeat(sizes * 3 // 4, sizes)) & (np.repeat(sizes, sizes) > limit)
            steps = whole.step[order].astype(np.int64)
            span = steps[begins + np.maximum(sizes * 3 // 4 - 1, 0)] - steps[begins] + 1
            # the least power of two that leaves a series no more than half the limit in its older part
            stride = np.int64(1) << np.ceil(np.log2(np.maximum(span / (limit / 2), 1))).astype(np.int64)
            cell = steps // np.repeat(stride, sizes)
            gone = old & (rank > 0) & (cell == np.append(-1, cell[:-1]))
            keep = np.ones(len(ordered), bool)
            keep[order[gone]] = False
            self.thinned += int(np.count_nonzero(gone))
            whole = Block(whole.seq[keep], whole.key[keep], whole.step[keep], whole.time[keep], whole.values[keep])  # type: ignore[index]
            limit //= 2
        self._blocks = [whole]
        self.rows = len(whole.key)

    def read(self, cursor: int, limit: int, keys: set[int] | None = None, steps: tuple[int, int] | None = None) -> tuple[Block | None, int]:
        """At most `limit` rows from number `cursor` on, and the next cursor; None when there is nothing new."""
        with self._lock:
            if cursor >= self.next:
                return None, cursor
            self._merge()
            blocks = list(self._blocks)
        parts: list[Block] = []
        found = 0
        for b in reversed(blocks):
            first = b.seq if isinstance(b.seq, int) else int(b.seq[0])
            parts.append(b)
            if first <= cursor:
                break
        parts.reverse()
        taken: list[Block] = []
        for b in parts:
            seq = np.arange(b.seq, b.seq + len(b.key)) if isinstance(b.seq, int) else b.seq
            a = int(np.searchsorted(seq, cursor))
            if a == len(seq):
                continue
            z = min(len(seq), a + limit - found)
            if z <= a:
                break
            cut = Block(seq[a:z], b.key[a:z], b.step[a:z], b.time[a:z], b.values[a:z])
            found += z - a
            cursor = int(seq[z - 1]) + 1
            taken.append(cut)
        if not taken:
            return None, self.next
        whole = _join(taken)
        mask = None
        if keys is not None:
            mask = np.isin(whole.key, list(keys))
        if steps is not None:
            inside = (whole.step >= steps[0]) & (whole.step <= steps[1])
            mask = inside if mask is None else mask & inside
        if mask is not None:
            whole = Block(whole.seq[mask], whole.key[mask], whole.step[mask], whole.time[mask], whole.values[mask])  # type: ignore[index]
        return whole, cursor


def _join(blocks: list[Block]) -> Block:
    if len(blocks) == 1 and not isinstance(blocks[0].seq, int):
        return blocks[0]
    return Block(np.concatenate([np.arange(b.seq, b.seq + len(b.key)) if isinstance(b.seq, int) else b.seq for b in blocks]),
                 np.concatenate([b.key for b in blocks]), np.concatenate([b.step for b in blocks]),
                 np.concatenate([b.time for b in blocks]), np.concatenate([b.values for b in blocks]))


class Item(NamedTuple):
    """One entry of an ItemLog."""

    seq: int
    key: Any
    step: int
    nbytes: int
    data: Any


class ItemLog:
    """Entries of any size, bounded by bytes."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.next = 0
        self.bytes = 0
        self.thinned = 0
        self._stride = 2
        self.items: list[Item] = []
        self._lock = threading.Lock()

    def add(self, key: Any, step: int, nbytes: int, data: Any) -> None:
        with self._lock:
            self.items.append(Item(self.next, key, step, nbytes, data))
            self.next += 1
            self.bytes += nbytes
            if self.bytes > self.cap:
                self._thin()

    def _thin(self) -> None:
        """Of every `stride` steps one entry of a key stays, in the older three quarters; the stride grows until the rest is small enough."""
        while self.bytes > self.cap * 3 // 4 and len(self.items) > 4:
            old = len(self.items) * 3 // 4
            cells: dict[Any, int] = {}
            kept: list[Item] = []
            for i, item in enumerate(self.items):
                cell = item.step // self._stride
                if i >= old or cells.get(item.key) != cell:
                    kept.append(item)
                cells[item.key] = cell
            if len(kept) == len(self.items):
                if self._stride > self.items[-1].step - self.items[0].step:       # nothing but single entries: the oldest go
                    kept = self.items[len(self.items) // 4 + 1:]
                else:
                    self._stride *= 2
            self.thinned += len(self.items) - len(kept)
            self.items = kept
            self.bytes = sum(i.nbytes for i in kept)

    def few(self, most: int, cursor: int = 0, key: Any = None) -> tuple[list[Item], int]:
        """At most so many entries from number `cursor` on, spread evenly, the newest one among them, and the cursor behind them."""
        with self._lock:
            items, after = self.items, self.next
        found: list[Item] = []
        for item in reversed(items):
            if item.seq < cursor:
                break
            if key is None or item.key == key:
                found.append(item)
        found.reverse()
        if len(found) > most:
            found = [found[len(found) * (k + 1) // most - 1] for k in range(most)]
        return found, after

    def newest(self, cursor: int = 0) -> tuple[list[Item], int]:
        """The newest entry of each key among those from number `cursor` on, in the order in which they came, and the cursor behind them."""
        with self._lock:
            items, after = self.items, self.next
        found: dict[Any, Item] = {}
        for item in reversed(items):
            if item.seq < cursor:
                break
            found.setdefault(item.key, item)
        return list(found.values())[::-1], after

    def read(self, cursor: int, max_bytes: int, key: Any = None, steps: tuple[int, int] | None = None) -> tuple[list[Item], int]:
        """Entries from number `cursor` on, at least one and at most `max_bytes`, and the next cursor."""
        with self._lock:
            if cursor >= self.next:
                return [], cursor
            items = self.items
            lo, hi = 0, len(items)
            while lo < hi:                                  # by number: entries may be missing
                mid = (lo + hi) // 2
                if items[mid].seq < cursor:
                    lo = mid + 1
                else:
                    hi = mid
            rest = items[lo:]
        found: list[Item] = []
        size = 0
        for item in rest:
            if (key is not None and item.key != key) or (steps is not None and not steps[0] <= item.step <= steps[1]):
                cursor = item.seq + 1
                continue
            if found and size + item.nbytes > max_bytes:
                return found, cursor
            found.append(item)
            size += item.nbytes
            cursor = item.seq + 1
        return found, cursor
