"""A recording read from its folder: the same reader as a tape in memory, without the model, and without loading more than is asked for."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from .. import rows
from ..frame import Column, Frame
from ..graph import Graph
from ..log import Item
from ..probes import tensor_frame
from ..recorder import Recorder
from ..recordings import registry
from ..reduce import MOMENTS
from ..replayed import Replayed
from ..strings import Strings
from ..tape import Tape, provided
from ..tokens import Tokens
from . import structures
from .follow import OWN, free
from .passes import clock_frames, cut, gradient_frames
from .rebuild import graphs_of
from .schema import DATABASE, TapeError
from .series import joined, select
from .shelf import Shelf


class StoredTape(Replayed):
    """What `load_tape` gives: a tape whose events lie on disk. It follows a recording that is still being written."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shelf = Shelf(Path(path))
        meta = self._shelf.meta
        self._hold(str(meta.get("name") or Path(path).name), str(meta.get("values", "stats")))
        self.recorder = Recorder(self, 0, 1, None, None)       # hears nothing, and has nothing to tell
        self.recorder.stopped = True
        self.intern = Strings()
        self.path = Path(path)
        self.meta = meta
        self.rank = int(meta.get("rank", 0))
        self.began = float(meta.get("created") or 0.0)
        self.capabilities = self._can(False)
        self._strings_lock = threading.Lock()
        self._seen = -1
        self._token_version = 0
        self._known_tokens: Tokens | None = None
        self._graphs: tuple[int, dict[int, Graph]] = (-1, {})
        self._shared: dict[str, dict[str, Column]] = {}        # structures that other ranks have, too
        self._status: dict[str, Any] = {}
        self.refresh()

    # -- following ------------------------------------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Looks whether something new is in the folder."""
        version = self._shelf.version()
        if version == self._seen and (self.state == "stopped" or self._shelf.alive()):
            return False
        before = self.state
        ended = self._shelf.written_state() == "stopped" or not self._shelf.alive()
        if ended and self._shelf.written_state() != "stopped":
            self.note("cut", "the program that wrote this recording ended without closing it: its last moments may be missing")
        self._seen = version
        self._sync()
        _, status = self._shelf.state("status")
        self._status = status or {}
        _, params = self._shelf.state("params")
        self.params = dict(params or {})
        self.state = "stopped" if ended else "recording"
        self.capabilities = self._can(not ended)
        self.changed()
        if before != self.state:
            registry.changed()
        return True

    def _can(self, live: bool) -> dict[str, bool]:
        """What its producer can do as far as that reaches here: a pass of a process that still runs may be moved where the process lets others control it."""
        known = {k: bool(v) for k, v in (self.meta.get("capabilities") or {}).items()}
        reach = live and known.get("can_control", False)
        return {**known, "can_control": reach, "can_step": reach and known.get("can_step", False), "can_rewind": reach and known.get("can_rewind", False), "can_edit_grad": False}

    def _sync(self) -> None:
        with self._strings_lock:
            add = self.intern.list
            for text in self._shelf.strings(1 if len(add) == 1 else len(add)):
                add.append(text)
                self.intern.index.setdefault(text, len(add) - 1)

    # -- what it is not -------------------------------------------------------------------------------------------------------

    def copied_keys(self) -> list[str]:
        return self._shelf.snapshot_keys()

    def save(self, path: str | os.PathLike[str], shared: Path | None = None) -> Path:
        """Copies the recording into another folder; a rank's with the structures that it shares with others, or these into the folder `shared`."""
        target = free(Path(path))
        self._shelf.copy_to(target, shared)
        return target

    def copies(self, key: str | None, cursor: Any, max_bytes: int, steps: tuple[int, int] | None = None, most: int | None = None) -> tuple[list[Item], Any]:
        rows = self._shelf.snapshots(cursor or 0, key, steps)
        after = cursor or 0
        if most is not None:
            after = max(after, self._shelf.last_snapshot())
            if len(rows) > most:
                rows = [rows[len(rows) * (k + 1) // most - 1] for k in range(most)]
        found: list[Item] = []
        size = 0
        for id, name, step, length in rows:
            if most is None:
                if found and size + length > max_bytes:
                    break
                after = id
            size += length
            found.append(Item(id, name, step, length, self._shelf.copy(id)))
        return found, after

    def known_rows(self, owner: str, step: int) -> dict[str, Any]:
        return rows.known(((key, self._shelf.copy(id)[0]) for id, key in self._shelf.known_rows(rows.head(owner), step)), owner)

    def labels_of(self, step: int) -> Any:
        return self._shelf.labels(step)

    def metrics(self) -> dict[str, list[Any]] | None:
        """[last, least, greatest, number] of every series, as its writer has counted them; None where it has not."""
        found = self._shelf.state("metrics")[1]
        good = isinstance(found, dict) and all(isinstance(v, list) and len(v) == 4 and all(isinstance(x, (int, float)) for x in v) for v in found.values())
        return dict(found) if good else None

    def kept_findings(self) -> list[dict[str, Any]] | None:
        found = self._shelf.state("findings")[1]
        return [f for f in found if isinstance(f, dict)] if isinstance(found, list) else []

    # -- reading ----------------------------------------------------------------------------------------------------------------

    @property
    def step_number(self) -> int:
        return int(self._status.get("step", 0))

    @property
    def graphs(self) -> dict[int, Graph]:
        if self._graphs[0] != self._seen:
            self._graphs = (self._seen, graphs_of(self))
        return self._graphs[1]

    def status(self) -> dict[str, Any]:
        known = self._status
        empty: dict[str, Any] = {"step": 0, "level": self.values, "every": 1, "overhead": 0.0, "step_rate": 0.0, "dropped": {}, "thinned": {}, "graphs": 0, "graph": -1,
                                 "elapsed": 0.0, "ops": 0, "rank": self.rank}
        return {**empty, **known, "id": self.id, "name": self.name, "state": self.state, "capabilities": self.capabilities,
                "probes": self._shelf.snapshot_keys(), "notes": [*known.get("notes", []), *self.notes.values()], "path": str(self.path)}

    def frames(self, kind: str, cursor: Any = None, *, id: str | None = None, steps: tuple[int, int] | None = None,
               max_bytes: int = 262_144, most: int | None = None) -> tuple[list[Frame], Any]:
        self.refresh()
        if provided(kind):
            return super().frames(kind, cursor, id=id, steps=steps, max_bytes=max_bytes, most=most)
        if kind in OWN:
            try:
                return super().frames(kind, cursor, id=id, steps=steps, max_bytes=max_bytes, most=most)
            except (LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as e:
                raise TapeError(f"{self._shelf.file}: a block of {kind} does not hold what it must: {type(e).__name__}: {e}") from e
        if kind not in self._shelf.kinds():
            return [], cursor                                  # a recording of before this kind, or without it
        with self._shelf.moment():
            return self._as_written(kind, cursor or 0, id, steps, max_bytes)

    def _as_written(self, kind: str, cursor: int, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], int]:
        """Frames of a kind that is written as it is read."""
        found: list[Frame] = []
        size = 0
        for b in self._shelf.blocks(kind, cursor, steps=steps):
            cursor = b.last
            if id is not None and id not in (str((b.meta or {}).get("key")), str((b.meta or {}).get("tag"))):
                continue
            found.append(Frame(kind, dict(b.meta or {}), b.columns))
            size += found[-1].nbytes
            if size >= max_bytes:
                break
        self._sync()
        return found, cursor

    def _read_graph(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        found: list[Frame] = []
        size, at = 0, cursor or 0
        with self._shelf.moment():
            for b in self._shelf.blocks("graph", at, keys=None if id is None else {int(id)}, fresh=False):
                at = b.last
                meta, columns = dict(b.meta or {}), b.columns
                if "shared" in meta:
                    self._sync()
                    columns = structures.part_of(self._structure(meta.pop("shared")), meta["start"], meta.pop("count"))
                if not columns and not meta.get("closed") and found and found[-1].meta.get("graph") == meta.get("graph") and not found[-1].columns:
                    found.pop()                                # trained and evaluated in turns: only the newest turn counts
                found.append(Frame("graph", meta, columns))
                size += found[-1].nbytes + 64
                if size >= max_bytes:
                    break
            self._sync()
        return found, at

    def _structure(self, name: Any) -> dict[str, Column]:
        """The columns of a structure that lies beside this recording, with our numbers of strings."""
        if name not in self._shared:
            strings, columns = structures.get(self._shelf.path, name)
            numbers = np.array([self.intern.index[s] for s in strings], np.uint32)
            self._shared[name] = {n: numbers[c] if c.dtype == np.uint32 else c for n, c in columns.items()}
        return self._shared[name]

    def _passes(self, kind: str, decode: Any, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None) -> tuple[list[Frame], Any]:
        at, key = cursor or 0, None if id is None else int(id)
        with self._shelf.moment():
            if most is not None:
                groups = self._shelf.newest(kind, most, at, key)
                found: list[Frame] = []
                per = max(most // max(len(groups), 1), 1)
                for blocks in groups:
                    there = sorted((b.first + s, j, i) for j, b in enumerate(blocks) for i, s in enumerate(b.columns["seq"].tolist()) if b.first + s >= at)
                    k = min(per, len(there))
                    for _, j, i in (there[len(there) * (m + 1) // k - 1] for m in range(k)):
                        found += [f for _, f in decode(blocks[j].key, blocks[j].columns, [i])]
                return found, max(at, self._shelf.ends(kind))
            ready: list[tuple[int, Frame]] = []
            group, size = -1, 0
            for b in self._shelf.blocks(kind, at, keys=None if key is None else {key}, steps=steps, fresh=False):
                if b.first != group and size >= max_bytes:
                    break
                group = b.first
                seq = b.columns["seq"].astype(np.int64) + b.first
                keep = seq >= at
                if steps is not None:
                    keep &= (b.columns["step"] >= steps[0]) & (b.columns["step"] <= steps[1])
                new = [(b.first + s, f) for s, f in decode(b.key, b.columns, np.flatnonzero(keep).tolist())]
                size += sum(f.nbytes for _, f in new)
                ready += new
            ready.sort(key=lambda sf: sf[0])
        return cut(ready, at, max_bytes)

    def _read_clocks(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        return self._passes("clocks", clock_frames, cursor, id, steps, max_bytes, most)

    def _read_gradients(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        return self._passes("gradients", gradient_frames, cursor, id, steps, max_bytes, most)

    def _series(self, kind: str, cursor: Any, id: str | None, steps: tuple[int, int] | None, max_bytes: int, size: int) -> tuple[dict[str, Column], int]:
        """Rows of a series from number `cursor` on, in their order of arrival, of about `max_bytes`."""
        at, limit = cursor or 0, max(max_bytes // size, 1)
        parts: list[tuple[Any, dict[str, Column]]] = []
        held, group = 0, -1
        with self._shelf.moment():
            self._sync()
            keys = self._keys(id)
            if keys is not None and not keys:
                return {}, at
            for b in self._shelf.blocks(kind, at, keys=keys, steps=steps):
                if b.first != group and held >= limit:
                    break
                group = b.first
                seq, columns = select(b, at, keys, steps)
                held += len(seq) if kind != "histograms" else len(seq) + columns["count"].size * 4 // size
                if len(seq):
                    parts.append((seq, columns))
                end = b.last
            if not parts:
                return {}, max(at, self._shelf.ends(kind))
        columns = joined(parts)
        order = columns.pop("at")
        n = len(order)
        if kind != "histograms" and n > limit:
            columns = {name: c[:limit] for name, c in columns.items()}
            return columns, int(order[limit - 1]) + 1
        return columns, end

    def _read_scalars(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        c, cursor = self._series("scalars", cursor, id, steps, max_bytes, 24)
        return ([Frame("scalars", {}, {"tag": c["key"], "step": c["step"], "time": c["time"], "value": c["value"]})] if c else []), cursor

    def _read_stats(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        c, cursor = self._series("stats", cursor, id, steps, max_bytes, 48)
        if not c:
            return [], cursor
        columns = {"key": c["key"], "step": c["step"]}
        return [Frame("stats", {}, columns | {name: np.ascontiguousarray(c["moments"][:, i]) for i, name in enumerate(MOMENTS)})], cursor

    def _read_histograms(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        c, cursor = self._series("histograms", cursor, id, steps, max_bytes, 12)
        return ([Frame("histograms", {}, {name: c[name] for name in ("key", "step", "first", "length", "count")})] if c else []), cursor

    def _read_tensor(self, cursor: Any, id: str | None, steps: Any, max_bytes: int, most: int | None = None) -> tuple[list[Frame], Any]:
        items, cursor = self.copies(id, cursor, max(max_bytes, 1), steps, most)
        found, known = [tensor_frame(i.key, i.step, i.data, max_bytes, self.labels_of(i.step) if i.key.startswith("input/") else None) for i in items], self._tokens()
        if known is not None:
            for f in found:
                f.meta["axes"] = known.axes(f.meta["key"], f.meta["step"], f.meta["shape"])
        return found, cursor

    def _tokens(self) -> Tokens | None:
        """What the model has read, where it was said what that stands for."""
        version, told = self._shelf.state("tokens")
        if version != self._token_version:
            self._token_version, self._known_tokens = version, None if told is None else Tokens.from_dict(told)
        return self._known_tokens

    def rows_of(self, key: str, step: int, shape: tuple[int, ...]) -> tuple[Any, dict[int, str]] | None:
        known = self._tokens()
        return None if known is None else known.labels(key, step, shape)

    def _read_status(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        now = (self._seen, self.state)
        return ([], cursor) if cursor == now else ([Frame("status", self.status())], now)

    def __repr__(self) -> str:
        n = self.step_number
        text = f"<Tape {self.id} {self.name!r} from {str(self.path)!r}: {self.state}, {n} step{'s' * (n != 1)}, values={self.values!r}"
        graphs = int(self._status.get("graphs", 0))
        return text + (f", {self._status.get('ops', 0)} ops in {graphs} structure{'s' * (graphs != 1)}>" if graphs else ">")


def load_tape(path: str | os.PathLike[str]) -> Tape:
    """Opens a recording that was written to the folder `path`, or is still being written there: it then follows live.

    Every view shows it, and findings, projections and recorded backward passes are there without the model. A folder of TensorBoard's event files is a
    recording, too. Raises TapeError for a folder that is no recording, is damaged, or was written by a newer version.
    """
    from ..logdir import EventsTape, event_files

    folder = Path(path)
    try:
        if not (folder / DATABASE).exists():
            from .ranks import RanksTape, rank_folders

            if rank_folders(folder):
                return RanksTape(folder).start()
            if event_files(folder):
                return EventsTape(folder).start()
        return StoredTape(path).start()
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as e:
        raise TapeError(f"{Path(path) / DATABASE} is damaged: {type(e).__name__}: {e}") from e
