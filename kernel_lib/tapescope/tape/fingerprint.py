"""Fingerprints of values: three numbers a tensor, enough to tell where two runs part, and whether by rounding or by more."""

from __future__ import annotations

import functools
import zlib
from typing import Any

import numpy as np

from .frame import Frame
from .log import ItemLog
from .reduce import array_of, host, real

MOST = 65_536                    # elements that are looked at; of more, every k-th
ALL = 256 << 20                  # bytes of a recording's fingerprints
WEIGHT, GRAD, UPDATED = range(3)
Print = tuple[float, float, int]


@functools.cache
def _signs() -> Any:
    return np.random.RandomState(20).randint(0, 2, MOST).astype(np.float64) * 2 - 1


def fingerprint(value: Any) -> Print:
    """(projection, norm, checksum): x·w for fixed random signs w, |x|, and the checksum of the very bits.

    Where every element has a relative error e, projections differ by about e·|x|; an element that is wrong altogether moves them by its size. Neither layout nor
    dtype matter but to the checksum.
    """
    a = np.asarray(host(array_of(value)))
    line = np.ascontiguousarray(a).reshape(-1)
    if line.size > MOST:
        line = line[::-(-line.size // MOST) | 1][:MOST]
    check = zlib.crc32(np.ascontiguousarray(line).view(np.uint8).data) if line.size else 0
    if line.dtype.kind == "c":
        line = np.ascontiguousarray(line).view(np.float64 if line.dtype.itemsize == 16 else np.float32)[:MOST]
    with np.errstate(all="ignore"):
        x = line.astype(np.float64) if line.dtype.kind in "fiub" or real(line) else np.zeros(0)
        return float(x @ _signs()[:x.size]), float(np.sqrt(x @ x)), check - (1 << 32) if check >> 31 else check


class Prints:
    """What a recorder adds to its passes: mixed into its class in front, so that one without fingerprints pays nothing."""

    def _print_begin(self) -> None:
        self._print_ops: dict[int, Print] = {}
        self._print_sources: dict[tuple[int, int], Print] = {}
        self._print_leaves: dict[tuple[str, int], Print] = {}
        self._print_made: set[int] = set()
        self._printing = self.step_no % self.every == 0        # type: ignore[attr-defined]

    def _begin(self) -> None:
        super()._begin()                                       # type: ignore[misc]
        self._print_begin()

    def _end(self, partial: bool = False, steps: int = 0) -> None:
        r: Any = self
        ops, sources, leaves, step, passes = self._print_ops, self._print_sources, self._print_leaves, r.step_no, r.passes
        super()._end(partial, steps)                           # type: ignore[misc]
        if (ops or leaves) and r.passes > passes:
            self.prints.add(r.prev_graph, step, 24 * (len(ops) + len(sources) + len(leaves)) + 256, (ops, sources, leaves))

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        super().op(op, inputs, outputs, node, site, t0, t1)    # type: ignore[misc]
        row = self.here.row                                    # type: ignore[attr-defined]
        if self._printing and row >= 0:
            for i, t in enumerate(inputs):
                if t._id not in self._print_made:
                    self._print_sources[row, i] = fingerprint(t._array)
            self._print_made.update(o._id for o in outputs)
            self._print_ops[row] = fingerprint(outputs[0]._array)

    def _print_params(self, kinds: tuple[int, ...]) -> None:
        for p in self.names.params:                            # type: ignore[attr-defined]
            t = p.ref()
            for kind in kinds if t is not None else ():
                value = t._grad if kind == GRAD else t
                if value is not None:
                    self._print_leaves[p.name, kind] = fingerprint(value._array)

    def update_begin(self, optimizer: Any) -> None:
        if self._printing:
            self._print_params((WEIGHT, GRAD))
        super().update_begin(optimizer)                        # type: ignore[misc]

    def update_end(self, optimizer: Any) -> None:
        if self._printing:
            self._print_params((UPDATED,))
        super().update_end(optimizer)                          # type: ignore[misc]

    prints: ItemLog


def attach(recorder: Any) -> None:
    """Lets a recorder that has not begun take fingerprints."""
    cls = type(recorder)
    recorder.prints = ItemLog(ALL)
    recorder.__class__ = type(f"Printing{cls.__name__}", (Prints, cls), {})
    recorder._print_begin()


def frames(log: ItemLog | None, strings: Any, cursor: int | None, max_bytes: int, steps: Any) -> tuple[list[Frame], int]:
    """Fingerprints of passes as frames."""
    if log is None:
        return [], cursor or 0
    items, after = log.read(cursor or 0, max_bytes, None, steps)
    found = []
    for item in items:
        ops, sources, leaves = item.data
        columns = {"op": np.array(list(ops), np.int32), **_columns("", ops.values()), "src_op": np.array([o for o, _ in sources], np.int32),
                   "src_at": np.array([i for _, i in sources], np.int32), **_columns("src_", sources.values()),
                   "leaf": np.array([strings.add(n) for n, _ in leaves], np.uint32), "leaf_kind": np.array([k for _, k in leaves], np.uint8), **_columns("leaf_", leaves.values())}
        found.append(Frame("fingerprints", {"graph": item.key, "step": item.step}, columns))
    return found, after


def _columns(name: str, prints: Any) -> dict[str, Any]:
    rows = list(prints)
    return {f"{name}sum": np.array([p[0] for p in rows], np.float64), f"{name}norm": np.array([p[1] for p in rows], np.float64), f"{name}bits": np.array([p[2] for p in rows], np.int32)}
