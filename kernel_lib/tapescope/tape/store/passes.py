"""Clocks and gradient norms of passes as column blocks: what many passes have in common is written once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frame import Column, Frame, rows_here
from ..log import Item
from .disk import Disk, Row


class _Patterns:
    """The orders in which nodes ran; most passes have the same."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}

    def of(self, rows: Any) -> int:
        return self.rows.setdefault(rows.tobytes(), len(self.rows))

    def columns(self) -> dict[str, Column]:
        return {"pattern_length": np.array([len(b) // 4 for b in self.rows], np.uint32), "pattern_row": np.frombuffer(b"".join(self.rows), np.int32)}


def clock_rows(disk: Disk, items: list[Item], first: int) -> list[Row]:
    """Passes by graph: for each its step, sizes, the clocks of ops and nodes in nanoseconds."""
    rows = []
    for graph, part in _by_graph(items):
        patterns = _Patterns()
        data = [i.data for _, i in part]
        columns = {"seq": _seqs(part), "step": np.array([i.step for _, i in part], np.int32), "ops": np.array([d[1] for d in data], np.int32),
                   "ran": np.array([len(d[0]) for d in data], np.int32), "nodes": np.array([d[4] for d in data], np.int32),
                   "same": np.array([d[5] for d in data], np.uint8), "pattern": np.array([patterns.of(d[2]) for d in data], np.uint32)}
        columns |= patterns.columns()
        columns["op_ns"] = np.frombuffer(b"".join([d[0].tobytes() for d in data]), np.float32)
        columns["node_ns"] = np.frombuffer(b"".join([d[3].tobytes() for d in data]), np.float32)
        rows.append(_row(disk, "clocks", graph, columns, first, len(items)))
    return rows


def gradient_rows(disk: Disk, items: list[Item], first: int) -> list[Row]:
    """Passes by graph: for each its step and the norms of what arrived at its nodes."""
    rows = []
    for graph, part in _by_graph(items):
        patterns = _Patterns()
        data = [i.data for _, i in part]
        columns = {"seq": _seqs(part), "step": np.array([i.step for _, i in part], np.int32), "same": np.array([d[2] for d in data], np.uint8),
                   "pattern": np.array([patterns.of(d[0]) for d in data], np.uint32)}
        columns |= patterns.columns()
        with np.errstate(all="ignore"):
            columns["norm"] = np.sqrt(np.frombuffer(b"".join([d[1].tobytes() for d in data]), np.float64)).astype(np.float32)
        rows.append(_row(disk, "gradients", graph, columns, first, len(items)))
    return rows


def _by_graph(items: list[Item]) -> list[tuple[int, list[tuple[int, Item]]]]:
    found: dict[int, list[tuple[int, Item]]] = {}
    for n, item in enumerate(items):
        found.setdefault(item.key, []).append((n, item))
    return list(found.items())


def _seqs(part: list[tuple[int, Item]]) -> Column:
    return np.array([n for n, _ in part], np.uint32)


def _row(disk: Disk, kind: str, graph: int, columns: dict[str, Column], first: int, n: int) -> Row:
    steps = columns["step"]
    return disk.row(kind, columns, first=first, last=first + n, steps=(int(steps.min()), int(steps.max())), n=len(steps), key=graph)


# -- back -------------------------------------------------------------------------------------------------------------------


def _patterns(c: dict[str, Column]) -> list[Column]:
    return np.split(c["pattern_row"], np.cumsum(c["pattern_length"])[:-1]) if len(c["pattern_length"]) else []


def clock_frames(graph: int, c: dict[str, Column], picked: Any) -> list[tuple[int, Frame]]:
    """(seq, frame) of the passes `picked` of a block."""
    patterns = _patterns(c)
    ends = np.cumsum(c["ran"])
    node_ends = np.cumsum(c["pattern_length"][c["pattern"]]) if len(c["pattern"]) else ends
    found = []
    for i in picked:
        ran, nodes = int(c["ran"][i]), int(c["nodes"][i])
        op_us = np.full(max(int(c["ops"][i]), ran), np.nan, np.float32)
        op_us[:ran] = c["op_ns"][ends[i] - ran:ends[i]] * np.float32(1e-3)
        node_us = np.full(nodes, np.nan, np.float32)
        at = rows_here(patterns[c["pattern"][i]], bool(c["same"][i]))
        good = (at >= 0) & (at < nodes)
        node_us[at[good]] = c["node_ns"][node_ends[i] - len(at):node_ends[i]][good] * np.float32(1e-3)
        found.append((int(c["seq"][i]), Frame("clocks", {"graph": graph, "step": int(c["step"][i])}, {"op_us": op_us, "node_us": node_us})))
    return found


def gradient_frames(graph: int, c: dict[str, Column], picked: Any) -> list[tuple[int, Frame]]:
    """(seq, frame) of the passes `picked` of a block."""
    patterns = _patterns(c)
    ends = np.cumsum(c["pattern_length"][c["pattern"]]) if len(c["pattern"]) else np.zeros(0, np.int64)
    found = []
    for i in picked:
        at = rows_here(patterns[c["pattern"][i]], bool(c["same"][i]))
        good = at >= 0
        norm = c["norm"][ends[i] - len(at):ends[i]][good]
        found.append((int(c["seq"][i]), Frame("gradients", {"graph": graph, "step": int(c["step"][i])},
                                              {"node": at[good], "norm": norm, "nonfinite": (~np.isfinite(norm)).astype(np.uint8)})))
    return found


def cut(ready: list[tuple[int, Frame]], at: int, max_bytes: int) -> tuple[list[Frame], int]:
    """As many of the frames as fit, at least one, and the cursor behind them."""
    found: list[Frame] = []
    size = 0
    for seq, frame in ready:
        if found and size + frame.nbytes > max_bytes:
            break
        found.append(frame)
        size += frame.nbytes
        at = seq + 1
    return found, at
