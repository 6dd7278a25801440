"""The Tape: what a recording holds, read by frames. It holds data only; views are attached elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import perf_counter_ns as clock
from time import time as wall
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import user_frame
from ..core.state import process
from . import recordings as reg
from . import rows
from .frame import FULL, LEVELS, Frame, level_of, rows_here
from .graph import Counts, Graph
from .log import Block, Item, RowLog
from .recorder import Recorder
from .recordings import registry
from .reduce import MOMENTS, array_of, host
from .strings import Strings

CAPABILITIES = {"can_step": True, "can_rewind": True, "can_break": True, "can_edit_grad": True, "sees_kernels": False, "hooks_run": True, "exact_order": True}

if TYPE_CHECKING:
    from .store.follow import Follower
    from .tokens import Tokens

Provider = Callable[["Tape", str | None, Any, int, int | None], "tuple[list[Frame], Any]"]
_providers: dict[str, Provider] = {}


def provide(kind: str, provider: Provider) -> None:
    """Answers `tape.frames(kind)` by `provider(tape, id, cursor, max_bytes, most) -> (frames, cursor)`: how rooms above add kinds."""
    _providers[kind] = provider


_control: Callable[[Tape], object] | None = None


def provide_control(opener: Callable[[Tape], object]) -> None:
    """`record(control=True)` calls `opener(tape)`: a room above lets others control the loop."""
    global _control
    _control = opener


def provided(kind: str) -> bool:
    """Whether a room above answers this kind."""
    return kind in _providers


class Tape:
    """A recording: events of a training run, readable while it goes on.

    It is its own context manager; leaving the block ends it, whatever the reason. `record()` makes one.
    """

    here = True                                                # its events come from this process
    shown = True                                               # stands in the list of recordings

    def __init__(self, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None,
                 name: str | None = None) -> None:
        level = level_of(values)
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a whole number of steps, at least 1, not {every!r}")
        self._hold(name, values)
        self.recorder = self._recorder(level, every, module, op)

    def _recorder(self, level: int, every: int, module: str | None, op: str | None) -> Recorder:
        return Recorder(self, level, every, module, op)

    def _hold(self, name: str | None, values: str) -> None:
        """What every tape has, wherever its events come from."""
        self.id = registry.new_id()
        self.name = name or f"run {self.id[1:]}"
        self.state = "recording"
        self.values = values
        self.began = wall()                                    # seconds since 1970
        self.path: Path | None = None                          # the folder that it is written to, or was read from
        self.params: dict[str, Any] = {}                       # what the run was started with, as `runs` filters by it
        self.follower: Follower | None = None                  # brings it to disk
        self.intern = Strings()
        self.notes: dict[str, str] = {}                        # what the recording has to say: a budget used up, rows dropped
        self.error: BaseException | None = None
        self.error_text = ""
        self.capabilities = dict(CAPABILITIES)
        self.rank = 0
        self.words: Tokens | None = None                       # what the numbers that a model reads stand for, where an adapter knows
        self.memory: dict[str, Any] = {}                       # what rooms above keep with a recording (rules' state, bases)
        self.version = 0
        self._listeners: list[Callable[[], None]] = []
        self._at_step: list[Callable[[], None]] = []
        self._lost: dict[str, int] = {}
        self._grew = 0
        self._rate: list[tuple[int, int, int]] = []            # (clock, step, ns spent) now and then
        self._stopped_at = 0
        self._lock = threading.Lock()

    # -- running --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Tape:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> Tape:
        """Listens to this thread; `record` has done it already."""
        reg.push(self)
        if self.shown:
            registry.add(self)
        return self

    def stop(self) -> Tape:
        """Ends the recording; from any thread, and harmless when it has ended."""
        with self._lock:
            if self.state == "stopped":
                return self
            self.state = "stopped"
        self._stopped_at = clock()
        mine = reg.pop(self)
        if mine or not self._running_elsewhere():
            self.recorder.finish()
        else:
            self.recorder.stopped = True                       # its own thread takes it away at the next event
        if self.follower is not None:
            self.follower.close()
        self.changed()
        registry.changed()
        return self

    def _running_elsewhere(self) -> bool:
        return self.recorder.thread != threading.get_ident()

    def leave(self) -> None:
        """Called by the recorder on its own thread after a `stop()` from another."""
        reg.pop(self)

    def failed(self, error: BaseException) -> None:
        """An error of the recorder itself: the recording ends, the program goes on."""
        if self.error is None:
            self.error = error
            self.error_text = "".join(traceback.format_exception(error))
            self.note("error", f"the recording ended by an error of Tapescope itself: {type(error).__name__}: {error}")
        self.state = "stopped"
        self._stopped_at = self._stopped_at or clock()
        reg.pop(self)
        if self.follower is not None:
            self.follower.end()
        self.changed()
        registry.changed()

    def write_to(self, path: str | os.PathLike[str] | None, control: bool = False) -> None:
        """Writes it to a folder while it goes on, and lets others control it through that; before it starts. `record(path)` does."""
        from .store.follow import Follower

        if path is None:
            raise ValueError("control=True needs a path: the folder through which the loop is controlled")
        if control:
            self.capabilities["can_control"] = _control is not None
        self.follower = Follower(self, path)
        self.path = self.follower.path if self.follower.disk is not None else None
        self.follower.start()
        if control and self.path is not None and _control is not None:
            _control(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes what this recording holds into the folder `path`, for `load_tape`; gives the folder back.

        A folder that holds a recording already is left alone, and a free name beside it is taken. Raises TapeError when it cannot be written.
        """
        from .store.follow import save

        return save(self, path)

    # -- what the user says -----------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Ends a training step here; from the first call on, optimizers no longer do."""
        if self.state == "recording":
            self.recorder.manual_step()

    def log_scalar(self, tag: str, value: Any, step: int | None = None) -> None:
        """Adds a value to the series `tag`; `step` is the step just done when it is not given. Raises TypeError for what is no number."""
        if self.state != "recording":
            return
        array = array_of(value)
        if getattr(array, "size", 1) != 1:
            raise ValueError(f"log_scalar({tag!r}) takes one number; this has shape {list(array.shape)}")
        self.recorder.log("scalar", str(tag), array, step, {})

    def log_scalars(self, tag: str | Mapping[str, Any], values: Mapping[str, Any] | None = None, step: int | None = None) -> None:
        """Adds several values at once: `log_scalars({"acc": 0.9, "f1": 0.8})`, or `log_scalars("val", {...})` for "val/acc"."""
        pairs: Iterable[tuple[str, Any]]
        if isinstance(tag, Mapping):
            pairs = tag.items()
        else:
            pairs = [(f"{tag}/{k}", v) for k, v in (values or {}).items()]
        for k, v in pairs:
            self.log_scalar(k, v, step)

    def log(self, kind: str, tag: str, value: Any, step: int | None = None, meta: dict[str, Any] | None = None) -> None:
        """Enters a logged value of any kind: "scalar", "histogram", "embedding"; of others ("image", "text", "audio", ...) bytes, text or an array."""
        if self.state == "recording":
            self.recorder.log(kind, tag, value, step, meta or {})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Says what the run was started with: numbers, text, booleans. Anything else raises TypeError."""
        for name, value in params.items():
            if value is not None and not isinstance(value, (bool, int, float, str)):
                item = getattr(value, "item", None)
                if item is None or (value.numel() if hasattr(value, "numel") else np.size(value)) != 1:
                    raise TypeError(f"the parameter {name!r} must be a number, text or a boolean, not {type(value).__name__}")
                value = item()
            self.params = {**self.params, str(name): value}
        self.changed()
        registry.changed()                                     # pages compare runs by them

    def labels(self, y: Any, *, predicted: Any = None, images: Any = None, **values: Any) -> None:
        """Says which class each row of the current batch belongs to, for projections, and what else is known of the rows. Shape [n].

        `predicted` are the classes that a model has answered, `images` a tensor [n, channels, height, width], and any other name a number for each row to
        colour by: `tape.labels(y, difficulty=d)`. Classes, answers and losses of a classification loss, and the pictures that a model was given, are known without it.
        Raises ValueError for a column of another length.
        """
        v, classes = self.recorder.values, np.array(host(array_of(y))).reshape(-1)
        v.note_labels(classes)
        columns = {name: a for name, a in {"predicted": predicted, "image": images, **values}.items() if a is not None}
        for name, a in columns.items():
            if len(a) != len(classes):
                raise ValueError(f"{name} has {len(a)} rows beside {len(classes)} labels")
        rows.note(v.probes.rows, rows.BATCH, self.step_number, columns)
        self.changed()

    def probe(self, key: str) -> None:
        """Copies a value from its next occurrence on: activation/<module path>, input/<module path> (what it is given), output/<op row>, weight/<name>, grad/<name>; of models of PyTorch that
        return attention maps, attention/<module path>.

        Of a recording that has ended, a weight that nobody has changed since can still be copied. Raises RuntimeError for anything else.
        """
        r = self.recorder
        if self.state == "stopped":
            self._probe_late(key)
            return
        r.values.probes.set(key)
        self._probed()

    def _probe_late(self, key: str) -> None:
        r, step = self.recorder, max(self.step_number - 1, 0)
        p = next((p for p in r.names.params if key == "weight/" + p.name), None)
        t = None if p is None else p.ref()
        if p is None or t is None or t._version != p.version:
            why = "" if t is None else ", and it has been changed since"
            raise RuntimeError(f"the recording {self.name!r} has ended{why}: {key} can be looked at in the next one")
        log = r.values.probes.log
        if not log.read(0, 1, key, (step, step))[0]:
            r.values.probes.put(key, t._array, step)
            self.changed()

    def unprobe(self, key: str) -> None:
        """Ends a probe; what it copied stays."""
        self.recorder.values.probes.clear(key)
        self._probed()

    def _probed(self) -> None:
        v = self.recorder.values
        self.recorder.watching = bool(v.probes.outputs)
        v.activations = v.activations or bool(v.probes.activations or v.probes.attentions)
        v.asked = bool(v.probes.activations or v.probes.inputs)
        v.set_mask()
        self.changed()

    def set_level(self, values: str) -> None:
        """What is read of values from the next step on, "none" to "full"; on the recording's thread, between two steps. Raises ValueError for an unknown level."""
        level, v = level_of(values), self.recorder.values
        self.values = values
        self.recorder.level = v.level = level
        v.keeping = level >= FULL
        self.changed()

    # -- who listens ------------------------------------------------------------------------------------------------------

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback()`, from any thread, when something new can be read; returns what ends that. It must be cheap."""
        self._listeners = [*self._listeners, callback]

        def unlisten() -> None:
            self._listeners = [c for c in self._listeners if c is not callback]

        return unlisten

    def at_step(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback()` on the training thread at the end of every step: where commands may touch live tensors."""
        self._at_step = [*self._at_step, callback]

        def remove() -> None:
            self._at_step = [c for c in self._at_step if c is not callback]

        return remove

    def changed(self) -> None:
        self.version += 1
        for callback in self._listeners:
            try:
                callback()
            except Exception:
                self._listeners = [c for c in self._listeners if c is not callback]

    def grew(self) -> None:
        """A structure has a new row; heard of at most every 30 ms."""
        now = clock()
        if now - self._grew > 30_000_000:
            self._grew = now
            self.changed()

    def stepped(self) -> None:
        """A step has ended."""
        r = self.recorder
        now = r.step_began
        if not self._rate or now - self._rate[-1][0] > 200_000_000:
            self._rate = [*self._rate[-15:], (now, r.step_no, r.spent)]
        self.changed()
        for callback in self._at_step:
            callback()
        if r.stopped:
            self.leave()

    def note(self, key: str, text: str) -> None:
        self.notes = {**self.notes, key: text}

    def drop(self, kind: str) -> None:
        self._lost[kind] = self._lost.get(kind, 0) + 1

    # -- reading ------------------------------------------------------------------------------------------------------------

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

    def _read_status(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        if cursor == self.version:
            return [], cursor
        version = self.version
        return [Frame("status", self.status())], version

    def __repr__(self) -> str:
        r = self.recorder
        text = f"<Tape {self.id} {self.name!r}: {self.state}, {r.step_no} step{'s' * (r.step_no != 1)}, values={self.values!r}"
        if r.graphs:
            text += f", {sum(len(g.op_name) for g in r.graphs.values())} ops in {len(r.graphs)} structure{'s' * (len(r.graphs) != 1)}"
        return text + ">"


def record(path: str | os.PathLike[str] | None = None, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None,
           name: str | None = None, params: Mapping[str, Any] | None = None, fingerprints: bool = False, control: bool = False) -> Tape:
    """Starts a recording of this thread: `with record() as tape: ...`, or `tape = record()` and later `tape.stop()`.

    `values` says what is read of values: "none" < "health" < "stats" < "histogram" < "full"; `every` reads them every k-th step.
    `module` and `op` are globs (several with commas) that limit whose values are read; structure is always complete.
    With `path` it is written to that folder while it goes on, for `load_tape`, by a thread that training does not wait for; a folder that holds
    a recording already is left alone, and a free name beside it taken (`tape.path`). What the disk refuses becomes a finding, and the recording
    goes on in memory. `params` are what the run is started with, by which `runs` finds it again.
    With `fingerprints` every value leaves three numbers behind, by which `compare` finds where two runs part; it costs a pass over every value.
    With `control` a program that looks at the folder may pause and step the loop, change what is read of values and set breakpoints (`python -m tapescope stream`,
    the panel of VS Code); nothing that changes a number of the training is accepted.
    Recordings nest; the innermost gets the events. Raises ValueError for an unknown level, TypeError for a parameter that is no number or text.
    """
    place, rank = _place(), process.rank
    if path is not None and rank is not None:                  # one folder a process, which load_tape reads as one recording
        name, path = name or os.path.basename(os.path.normpath(path)), os.path.join(path, f"rank{rank}")
    tape = Tape(values, every, module, op, name or (os.path.basename(os.path.normpath(path)) if path is not None else registry.name_for(place)))
    tape.rank = rank or 0
    if params is not None:
        tape.log_params(params)
    if fingerprints:
        from .fingerprint import attach

        attach(tape.recorder)
    if path is not None or control:
        tape.write_to(path, control)
    return tape.start()


def _place() -> Any:
    frame = user_frame(sys._getframe(2))
    return None if frame is None else (frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno)


__all__ = ["LEVELS", "Frame", "Tape", "provide", "record"]
