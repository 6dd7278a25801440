"""Probes: copies of chosen values at their next occurrences, the newest always kept, within a byte budget."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from .frame import Column, Frame
from .log import ItemLog
from .reduce import MOMENTS, flat, host, moments

ONE = 8 << 20                    # bytes of one copy; above, every n-th row of the first axis
ALL = 96 << 20                   # bytes of all copies of a recording
ROWS = 32 << 20                  # bytes of what is known of their rows
OFTEN = 64 << 10                 # a larger value is copied at most every PAUSE ns
PAUSE = 40_000_000
LABELS = 256                      # of a batch that are told with it
PLACES = ("activation", "input", "output", "weight", "grad", "attention")


class Probes:
    """What is asked for, and what has been copied."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}                         # key -> time of its newest copy
        self.activations: frozenset[str] = frozenset()
        self.inputs: frozenset[str] = frozenset()              # modules whose first argument is asked for
        self.outputs: frozenset[int] = frozenset()
        self.params: frozenset[str] = frozenset()              # "weight/..." and "grad/..."
        self.attentions: frozenset[str] = frozenset()          # modules whose attention maps are asked for
        self.log = ItemLog(ALL)
        self.rows = ItemLog(ROWS)

    def set(self, key: str) -> None:
        place, _, name = key.partition("/")
        if place not in PLACES:
            raise ValueError(f"a probe is activation/<module path>, input/<module path>, attention/<module path>, output/<op row>, weight/<name> or grad/<name>, not {key!r}")
        if place == "output" and not name.isdigit():
            raise ValueError(f"output/<op row> needs the number of an op, not {name!r}")
        self.keys = {**self.keys, key: 0}
        self._sort()

    def clear(self, key: str) -> None:
        self.keys = {k: v for k, v in self.keys.items() if k != key}
        self._sort()

    def _sort(self) -> None:
        keys = [k.partition("/") for k in self.keys]
        self.activations = frozenset(name for place, _, name in keys if place == "activation")
        self.inputs = frozenset(name for place, _, name in keys if place == "input")
        self.attentions = frozenset(name for place, _, name in keys if place == "attention")
        self.outputs = frozenset(int(name) for place, _, name in keys if place == "output")
        self.params = frozenset(k for k in self.keys if k.startswith(("weight/", "grad/")))

    def take(self, key: str, value: Any, step: int) -> None:
        """Copies a value, unless it is large and was copied a moment ago."""
        array = getattr(value, "_array", value)
        now = clock()
        last = self.keys.get(key)
        if last is None or (array.nbytes > OFTEN and now - last < PAUSE):
            return
        self.keys[key] = now
        self.put(key, array, step)

    def put(self, key: str, array: Any, step: int) -> None:
        """Copies a value, or a sample of it when it is very large."""
        every = 1
        if array.nbytes > ONE and array.ndim:
            every = min(-(-array.nbytes // ONE), array.shape[0])
        copy = np.array(host(array[::every] if every > 1 else array), order="C")
        if copy.nbytes > ONE:                                  # one long row
            copy = np.array(copy.ravel()[::-(-copy.nbytes // ONE)])
        self.log.add(key, step, copy.nbytes + 128, (copy, tuple(array.shape), str(array.dtype)))

    def read(self, key: str | None, cursor: int | None, max_bytes: int, steps: tuple[int, int] | None = None,
             most: int | None = None) -> tuple[list[Any], int]:
        """Copies since `cursor`, all of them or `most`."""
        if most is not None:
            return self.log.few(most, cursor or 0, key)
        return self.log.read(cursor or 0, max_bytes, key, steps)

    def frames(self, key: str | None, cursor: int | None, steps: tuple[int, int] | None, max_bytes: int, most: int | None, labels: dict[int, Any]) -> tuple[list[Frame], int]:
        items, cursor = self.read(key, cursor, max(max_bytes, 1), steps, most)
        return [tensor_frame(i.key, i.step, i.data, max_bytes, labels.get(i.step)) for i in items], cursor


def tensor_frame(key: str, step: int, data: tuple[Column, tuple[int, ...], str], max_bytes: int = 262_144, labels: Any = None) -> Frame:
    """A value as a frame. Of what does not fit come the first rows (`part` is their shape, each the `every`-th of the first axis), or where one row is too long a strided sample."""
    copy, shape, dtype = data
    line = flat(copy) if copy.flags.c_contiguous else copy.ravel()
    stride = max(1, -(-line.size * 4 // max(max_bytes, 4)))
    about: dict[str, Any] = {}
    if labels is not None and key.startswith("input/") and shape and len(labels) == shape[0]:
        about["labels"] = [int(v) for v in labels[:LABELS]]
    if (stride > 1 or line.size < int(np.prod(shape, dtype=np.int64))) and copy.ndim == len(shape) > 1 and 4 * (row := copy[0].size) <= max_bytes:
        # Its first rows, whole: a slice of a sample would be no picture of anything.
        kept = max(1, min(len(copy), max_bytes // (4 * max(row, 1))))
        about = {"part": [kept, *copy.shape[1:]], "every": -(-shape[0] // len(copy))}
        line, stride = line[:kept * row], 1
    with np.errstate(all="ignore"):
        values = np.array(line[::stride].real if line.dtype.kind == "c" else line[::stride], np.float32)
        numbers = moments(np.asarray(copy.real if copy.dtype.kind == "c" else copy, np.float32 if copy.dtype.kind != "f" else None))
    total = int(np.prod(shape, dtype=np.int64))
    stats = {n: (None if not np.isfinite(v) else float(v)) for n, v in zip(MOMENTS, numbers, strict=True)}
    return Frame("tensor", {"key": key, "step": step, "shape": list(shape), "dtype": dtype,
                            "strided": -(-total // max(len(values), 1)) if len(values) < total else 0, **about, "stats": stats}, {"values": values})
