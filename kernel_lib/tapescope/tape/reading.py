"""How a tape is read: by kinds, in frames, from a cursor on. What it holds is the recorder's; what a room above adds is provided."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from . import rows
from .frame import Frame, rows_here
from .graph import Counts, Graph
from .log import Block, Item, RowLog
from .recorder import Recorder
from .reduce import MOMENTS
from .strings import Strings

if TYPE_CHECKING:
    from .tokens import Tokens

Provider = Callable[[Any, str | None, Any, int, int | None], "tuple[list[Frame], Any]"]
_providers: dict[str, Provider] = {}


def provide(kind: str, provider: Provider) -> None:
    """Answers `tape.frames(kind)` by `provider(tape, id, cursor, max_bytes, most) -> (frames, cursor)`: how rooms above add kinds."""
    _providers[kind] = provider


def provided(kind: str) -> bool:
    """Whether a room above answers this kind."""
    return kind in _providers


class Reading:
    """The half of a Tape that is asked; all of it from any thread."""

    id: str
    name: str
    state: str
    values: str
    rank: int
    version: int
    intern: Strings
    recorder: Recorder
    words: Tokens | None
    notes: dict[str, str]
    capabilities: dict[str, bool]
    _lost: dict[str, int]
    _rate: list[tuple[int, int, int]]                          # (clock, step, ns spent) now and then
    _stopped_at: int

    @property
    def strings(self) -> list[str]:
        """The intern table; append-only."""
        return self.intern.list

    @property
    def step_number(self) -> int:
        """Steps that have ended."""
        return self.recorder.step_no

    @property
    def graphs(self) -> dict[int, Graph]:
        """Structures by number."""
        return self.recorder.graphs

    def status(self) -> dict[str, Any]:
        """Step, state, level, overhead (time in the recorder per time outside it), what was not recorded (`dropped`) and what older steps have lost to the budget (`thinned`), steps a second, capabilities."""
        r, v = self.recorder, self.recorder.values
        now = self._stopped_at or clock()
        rate, overhead = self._speed(now)
        dropped = {"ops": r.dropped_ops, **self._lost}
        thinned = {"scalars": v.scalars.thinned, "stats": v.stats.thinned, "histograms": v.histograms.thinned, "clocks": r.clocks.thinned,
                   "gradients": r.gradients.thinned, "tensor": v.probes.log.thinned,
                   "media": v.media.items.thinned}
        return {"id": self.id, "name": self.name, "state": self.state, "step": r.step_no, "level": self.values, "every": r.every,
                "overhead": overhead, "step_rate": rate, "dropped": {k: n for k, n in dropped.items() if n},
                "thinned": {k: n for k, n in thinned.items() if n},
                "capabilities": self.capabilities, "graphs": len(r.graphs), "graph": r.current, "elapsed": (now - r.started) * 1e-9,
                "ops": sum(len(g.op_name) for g in r.graphs.values()), "rank": self.rank, "probes": list(v.probes.keys),
                "notes": list(self.notes.values())}

    def _speed(self, now: int) -> tuple[float, float]:
        r = self.recorder
        first = self._rate[0] if len(self._rate) > 1 or (self._rate and r.step_no - self._rate[0][1] > 1) else (r.started, 0, 0)
        wall, spent = max(r.step_began - first[0], 1), r.spent - first[2]
        rate = (r.step_no - first[1]) / (wall * 1e-9) if r.step_no else 0.0
        if not r.step_no:
            wall = max(now - r.started, 1)
        return rate, max(spent, 0) / max(wall - spent, wall // 10, 1)         # the time spent is an estimate: never all of it

    def frames(self, kind: str, cursor: Any = None, *, id: str | None = None, steps: tuple[int, int] | None = None,
               max_bytes: int = 262_144, most: int | None = None) -> tuple[list[Frame], Any]:
        """What is new of a kind since `cursor` (None: from the beginning), at most about `max_bytes` of columns, and the next cursor.

        `id` narrows to a graph number, a tag, a key (scalars, stats, histograms: also a prefix that ends in "/"); `steps` is (first, last).
        `most` asks for a sample of what is new instead, spread evenly over it and ending with the newest; of series it is without meaning.
        Raises ValueError for a kind that nobody provides.
        """
        if kind in _providers:
            return _providers[kind](self, id, cursor, max_bytes, most)
        read = getattr(self, "_read_" + kind, None)
        if read is None:
            known = sorted({n[6:] for n in dir(self) if n.startswith("_read_")} | set(_providers))
            raise ValueError(f"unknown kind {kind!r}; there are {', '.join(known)}")
        if most is not None and kind in ("clocks", "gradients", "tensor", "media"):
            sample: tuple[list[Frame], Any] = read(cursor, id, steps, max(int(max_bytes), 1024), most)
            return sample
        found: tuple[list[Frame], Any] = read(cursor, id, steps, max(int(max_bytes), 1024))
        return found

    def _read_graph(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        at, told, ended = cursor or ({}, -1, None)
        at = dict(at)
        over = self.state == "stopped"
        last = over and ended is False                         # the end of what has been followed: the steps of every structure, once
        graphs, current = self.recorder.graphs, self.recorder.current
        found: list[Frame] = []
        left = max_bytes
        order = sorted(n for n in graphs if n != current)
        if current in graphs:
            order.append(current)                              # the current one last: it is what shall be seen
        for number in order:
            if id is not None and str(number) != str(id):
                continue
            is_current = number == current
            frame, reached = graphs[number].read(at.get(number, Counts()), is_current and told != current, left, last)
            if frame is None:
                continue
            if is_current:
                frame.meta["current"] = True
                told = current
            found.append(frame)
            at[number] = reached
            left -= frame.nbytes
            if left < 1024:
                break
        return found, (at, told, over)

    def _read_clocks(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        log, key = self.recorder.clocks, None if id is None else int(id)
        items, cursor = log.read(cursor or 0, max_bytes, key, steps) if most is None else log.few(most, cursor or 0, key)
        found = []
        for item in items:
            ops, n, rows, ticks, n_nodes, same = item.data
            op_us = np.full(max(n, len(ops)), np.nan, np.float32)
            op_us[:len(ops)] = np.frombuffer(ops, np.float32) * np.float32(1e-3)
            node_us = np.full(n_nodes, np.nan, np.float32)
            at = rows_here(rows, same)
            good = (at >= 0) & (at < n_nodes)
            node_us[at[good]] = np.frombuffer(ticks, np.float32)[good] * np.float32(1e-3)
            found.append(Frame("clocks", {"graph": item.key, "step": item.step}, {"op_us": op_us, "node_us": node_us}))
        return found, cursor

    def _read_gradients(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        log, key = self.recorder.gradients, None if id is None else int(id)
        items, cursor = log.read(cursor or 0, max_bytes, key, steps) if most is None else log.few(most, cursor or 0, key)
        found = []
        for item in items:
            rows, energies, same = item.data
            at = rows_here(rows, same)
            good = at >= 0
            with np.errstate(all="ignore"):
                norm = np.sqrt(np.frombuffer(energies, np.float64)[good])
            found.append(Frame("gradients", {"graph": item.key, "step": item.step},
                               {"node": at[good], "norm": norm.astype(np.float32), "nonfinite": (~np.isfinite(norm)).astype(np.uint8)}))
        return found, cursor

    def _keys(self, id: str | None) -> set[int] | None:
        if id is None:
            return None
        if id.endswith("/"):
            return {i for i, s in enumerate(self.intern.list) if s.startswith(id)}
        known = self.intern.index.get(id)
        return set() if known is None else {known}

    def _rows(self, log: RowLog, cursor: Any, limit: int, id: str | None, steps: Any) -> tuple[Block | None, int]:
        """Rows of a series; None only when there are no more."""
        self.recorder.values.flush()
        keys, at = self._keys(id), cursor or 0
        while True:
            block, at = log.read(at, max(limit, 1), keys, steps)
            if block is None or len(block.key):
                return block, at

    def _read_scalars(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        block, cursor = self._rows(self.recorder.values.scalars, cursor, max_bytes // 24, id, steps)
        if block is None:
            return [], cursor
        return [Frame("scalars", {}, {"tag": block.key.astype(np.uint32), "step": block.step.astype(np.int32),
                                      "time": block.time.astype(np.float64), "value": block.values[:, 0].astype(np.float64)})], cursor

    def _read_stats(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        block, cursor = self._rows(self.recorder.values.stats, cursor, max_bytes // 48, id, steps)
        if block is None:
            return [], cursor
        columns = {"key": block.key.astype(np.uint32), "step": block.step.astype(np.int32)}
        columns |= {name: np.ascontiguousarray(block.values[:, i], np.float32) for i, name in enumerate(MOMENTS)}
        return [Frame("stats", {}, columns)], cursor

    def _read_histograms(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        keys = self._keys(id)
        items, cursor = self.recorder.values.histograms.read(cursor or 0, max_bytes, None, steps)
        if not items:
            return [], cursor
        key = np.concatenate([i.data[0] for i in items]).astype(np.uint32)
        lengths = np.concatenate([i.data[2] for i in items])
        columns: dict[str, Any] = {"key": key, "step": np.repeat([i.step for i in items], [len(i.data[0]) for i in items]).astype(np.int32),
                   "first": np.concatenate([i.data[1] for i in items]).astype(np.uint16), "length": lengths.astype(np.uint16)}
        count = np.concatenate([i.data[3] for i in items]).astype(np.uint32)
        if keys is not None:
            mask = np.isin(key, list(keys))
            count = count[np.repeat(mask, lengths)]
            columns = {name: c[mask] for name, c in columns.items()}
            if not mask.any():
                return self._read_histograms(cursor, id, steps, max_bytes)
        return [Frame("histograms", {}, columns | {"count": count})], cursor

    def copies(self, key: str | None, cursor: Any, max_bytes: int, steps: tuple[int, int] | None = None, most: int | None = None) -> tuple[list[Item], Any]:
        """Probed values since `cursor` as they were copied: `item.data` is (array, shape of the whole, its dtype)."""
        return self.recorder.values.probes.read(key, cursor, max_bytes, steps, most)

    def copied_keys(self) -> list[str]:
        """Keys of which values were copied."""
        return list(dict.fromkeys(i.key for i in list(self.recorder.values.probes.log.items)))

    def known_rows(self, owner: str, step: int) -> dict[str, Any]:
        """What is known of the rows of a step's batch (owner "batch"), or of what was logged as "embedding/<tag>", by name."""
        head, items = rows.head(owner), self.recorder.values.probes.rows.items
        return rows.known(((i.key, i.data[0]) for i in items if i.step == step and i.key.startswith(head)), owner)

    def labels_of(self, step: int) -> Any:
        """The classes of a step's rows, or None."""
        return self.recorder.values.labels.get(step)

    def rows_of(self, key: str, step: int, shape: tuple[int, ...]) -> tuple[Any, dict[int, str]] | None:
        """Where the rows of a copied value are not those of its first axis: a number for each, and words for the numbers."""
        return None if self.words is None else self.words.labels(key, step, shape)

    def kept_findings(self) -> list[dict[str, Any]] | None:
        """Findings that came with the recording; None where the rules can look themselves."""
        return None

    def _read_tensor(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        found, cursor = self.recorder.values.probes.frames(id, cursor, steps, max_bytes, most, self.recorder.values.labels)
        if self.words is not None:
            for f in found:
                f.meta["axes"] = self.words.axes(f.meta["key"], f.meta["step"], f.meta["shape"])
        return found, cursor

    def _read_media(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        return self.recorder.values.media.frames(id, cursor, steps, max_bytes, most)

    def _read_fingerprints(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        log = getattr(self.recorder, "prints", None)
        if log is None:
            return [], cursor
        from .fingerprint import frames

        return frames(log, self.intern, cursor, max_bytes, steps)

    def _read_kernels(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        heard = getattr(self.recorder, "kernels", None)        # of a producer that sees them
        if heard is None:
            return [], cursor
        found: tuple[list[Frame], Any] = heard.frames(cursor, self.state == "stopped")
        return found

    def _read_status(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        if cursor == self.version:
            return [], cursor
        version = self.version
        return [Frame("status", self.status())], version
