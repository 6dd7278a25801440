"""A folder of TensorBoard's event files as a tape; it follows files that still grow."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ...formats import protobuf as pb
from .. import rows
from ..recorder import Recorder
from ..recordings import registry
from ..replayed import Replayed
from ..store.schema import TapeError
from .decode import Event, Value, binned, buckets, event, hparams, moments_of
from .graphdef import graph_of
from .projector import CONFIG, embeddings
from .scan import CHUNK, scan

ALIVE = 60.0                     # seconds after the last write during which somebody may still be writing
LOOK = 1.0                       # seconds between two looks at the folder
MOST = 1 << 31                   # bytes of one record
STEP = (1 << 31) - 1
_MIMES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"), (b"RIFF", "image/webp"))


def event_files(folder: Path) -> list[Path]:
    """Event files in a folder and below it, in order of their runs and times; links are not followed."""
    found = []
    for root, dirs, files in os.walk(folder):
        dirs.sort()
        found += [Path(root) / name for name in files if "tfevents" in name and not os.path.islink(os.path.join(root, name))]
    return sorted(found, key=lambda p: (str(p.parent), _time(p.name), p.name))


def _time(name: str) -> int:
    part = name.partition("tfevents.")[2].partition(".")[0]
    return int(part) if part.isdigit() else 0


class _File:
    """A file, how far it has been read, and the run it belongs to."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.at = 0
        self.records = 0
        self.size = -1


class EventsTape(Replayed):
    """All runs of a folder: tags of a run in a folder below are `<folder>/<tag>`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = folder = Path(path)
        self._hold(folder.resolve().name, "histogram")
        self.recorder = Recorder(self, 0, 1, None, None)
        self.recorder.stopped = True
        v = self.recorder.values
        v.scalars.cap = v.stats.cap = 1 << 62                  # what the disk holds is not thinned
        v.histograms.cap, v.media.items.cap, v.probes.log.cap = 1 << 30, 256 << 20, 512 << 20
        self.capabilities = dict.fromkeys(self.capabilities, False)
        self.path = folder
        self._files: dict[Path, _File] = {}
        self._began = math.inf
        self._ended = 0.0
        self._looked = 0.0
        self._refreshing = threading.RLock()
        self._troubles: list[str] = []
        self._configs: dict[Path, float] = {}
        self._labels: dict[int, Any] = {}
        self._clipped = False
        self.refresh()
        if not self._files:
            raise TapeError(f"{folder} holds no event files")

    # -- following ------------------------------------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Reads what has been added to the files."""
        with self._refreshing:
            now = time.monotonic()
            if now - self._looked < LOOK and self._looked:
                return False
            before, newest, grew = self.state, 0.0, False
            for path in event_files(self.path or Path()):
                try:
                    stat = path.stat()
                except OSError:
                    continue
                file = self._files.get(path)
                if file is None:
                    run = path.parent.relative_to(self.path or Path()).as_posix()
                    file = self._files[path] = _File(path, "" if run == "." else run + "/")
                newest = max(newest, stat.st_mtime)
                if stat.st_size != file.size:
                    file.size = stat.st_size
                    grew |= self._read(file)
            for folder in {f.path.parent for f in self._files.values()}:
                grew |= self._projector(folder)
            self.began = self._began if math.isfinite(self._began) else 0.0
            self.state = "recording" if time.time() - newest < ALIVE else "stopped"
            self._looked = time.monotonic()
            if grew or before != self.state:
                if self._troubles:
                    more = len(self._troubles) - 3
                    self.note("damage", "; ".join(self._troubles[:3]) + (f"; and {more} more places" if more > 0 else ""))
                self.changed()
                if before != self.state:
                    registry.changed()
            return grew

    def _read(self, file: _File) -> bool:
        grew = False
        try:
            with open(file.path, "rb") as f:
                size = CHUNK
                while True:
                    f.seek(file.at)
                    data = f.read(size)
                    found = scan(data, file.records)
                    self._troubles += [f"{file.path}: {t}" for t in (f"from byte {file.at}, {x}" if file.at else x for x in found.troubles)]
                    if found.end == 0:
                        if len(data) < size or size >= MOST:   # the rest is not written yet
                            return grew
                        size *= 4                              # one record that is longer
                        continue
                    grew = True
                    self._take(file, found.scalars, found.events)
                    file.at += found.end
                    file.records += found.records
                    if len(data) < size:
                        return True
                    size = CHUNK
        except OSError as e:
            self._troubles.append(f"{file.path} cannot be read: {e.strerror}")
            return grew

    # -- what events say --------------------------------------------------------------------------------------------------------

    def _take(self, file: _File, scalars: Any, events: list[tuple[int, bytes]]) -> None:
        loose: list[tuple[int, int, int, float, float]] = []   # scalars that came one by one: record, tag, step, wall, value
        decoded: list[tuple[int, Event]] = []
        for number, body in events:
            try:
                decoded += [(number, e) for e in event(body)]
            except (pb.Damaged, ValueError, TypeError, AttributeError) as error:
                self._troubles.append(f"{file.path}: record {number} is no event: {error}")
        walls = [float(s.wall.min()) for s in scalars if len(s.wall)] + [e.wall for _, e in decoded if e.wall > 0]
        self._began = min([self._began, *walls])
        cuts = []
        for number, e in decoded:
            if e.what == "session" and e.data == 1 and e.step > 0:
                cuts.append((number, e.step))
            elif e.what == "value" and e.data.plugin == "scalars":
                x = _number(e.data.data)
                if x is not None:
                    loose.append((number, self.intern.add(file.run + e.data.tag), e.step, e.wall, x))
            else:
                try:
                    self._other(file, e)
                except (pb.Damaged, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError) as error:
                    self._troubles.append(f"{file.path}: record {number} cannot be shown: {error}")
        parts = [(s.at, np.array([self.intern.add(file.run + t) for t in s.tags] or [0], np.uint32)[s.tag], s.step, s.wall, s.value) for s in scalars if len(s.at)]
        if loose:
            parts.append(tuple(np.array(c) for c in zip(*loose, strict=True)))       # type: ignore[arg-type]
        if not parts:
            return
        at, tag, step, wall, value = (np.concatenate(c) for c in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        at, tag, step, wall, value = at[order], tag[order], step[order], wall[order], value[order]
        for number, first in cuts:                             # a run that began again at an earlier step: what came after that step is void
            keep = (at >= number) | (step < first)
            at, tag, step, wall, value = at[keep], tag[keep], step[keep], wall[keep], value[keep]
        if len(step):
            self.recorder.values.scalars.extend(tag, self._steps(step), wall - self._began, value[:, None])
            self._ended = max(self._ended, float(wall.max()))

    def _steps(self, step: Any) -> Any:
        if not self._clipped and (int(step.max()) > STEP or int(step.min()) < -STEP):
            self._clipped = True
            self.note("steps", f"steps beyond {STEP:,} are shown as that")
        clipped = np.clip(step, -STEP, STEP)
        self.recorder.step_no = max(self.recorder.step_no, int(clipped.max()) + 1)
        return clipped

    def _other(self, file: _File, e: Event) -> None:
        if e.what == "graph":
            number = len(self.recorder.graphs)
            self.recorder.graphs[number] = graph_of(e.data, number, self.intern)
            self.recorder.current = number
            return
        if e.what != "value":
            return
        v: Value = e.data
        tag, step = file.run + v.tag, int(self._steps(np.array([e.step]))[0])
        self._ended = max(self._ended, e.wall)
        at = max(e.wall - self._began, 0.0)
        if v.plugin == "histograms":
            self._histogram(tag, step, at, v.data)
        elif v.plugin == "hparams":
            for name, value in hparams(v.content):
                if value is not None:
                    self.params = {**self.params, name: value}
        elif v.data is not None:
            self._media(tag, step, at, v)

    def _histogram(self, tag: str, step: int, at: float, data: Any) -> None:
        found = buckets(data)
        if found is None:
            return
        ends, counts, known = found
        key = self.intern.add(tag)
        first, line = binned(ends, counts)
        values = self.recorder.values
        values.stats.add(np.array([key], np.uint32), step, at, moments_of(known))
        values.histograms.add(key, step, line.nbytes + 64, (np.array([key]), np.array([first]), np.array([len(line)]), line))

    def _media(self, tag: str, step: int, at: float, v: Value) -> None:
        log = self.recorder.values.media.log
        data, plugin = v.data, v.plugin
        if isinstance(data, dict):                             # the old encoding of a picture or a sound
            raw = data.pop("bytes", b"")
            kind = "image" if plugin == "images" else "audio"
            log(kind, tag, step, at, raw, {"mime": _mime(raw) if kind == "image" else "audio/wav", **data})
        elif isinstance(data, np.ndarray) and data.dtype.kind == "O":
            strings = data.tolist()
            if plugin == "images":
                size = {"width": int(strings[0]), "height": int(strings[1])} if len(strings) > 2 else {}
                for i, raw in enumerate(strings[2:]):
                    log("image", f"{tag}/{i}" if len(strings) > 3 else tag, step, at, raw, {"mime": _mime(raw), **size})
            elif plugin == "audio":
                sounds = strings[::2] if len(strings) > 1 else strings
                for i, raw in enumerate(sounds):
                    log("audio", f"{tag}/{i}" if len(sounds) > 1 else tag, step, at, raw, {"mime": "audio/wav"})
            else:
                for raw in strings:
                    log(plugin or "text", tag.removesuffix("/text_summary"), step, at, raw.decode("utf-8", "replace"),
                        {"mime": "text/markdown" if plugin in ("text", "") else "text/plain"})
        elif plugin == "pr_curves":
            log("pr_curve", tag, step, at, data, {})
        else:
            log(plugin or "tensor", tag, step, at, np.asarray(data), {})

    def _projector(self, folder: Path) -> bool:
        try:
            changed = (folder / CONFIG).stat().st_mtime
        except OSError:
            return False
        if self._configs.get(folder) == changed:
            return False
        again = folder in self._configs
        self._configs[folder] = changed
        log = self.recorder.values.probes.log
        known = {(i.key, i.step) for i in log.items} if again else set()
        run = folder.relative_to(self.path or Path()).as_posix()
        for name, step, points, labels in embeddings(folder, self._troubles):
            key = f"embedding/{name if run == '.' else f'{run}/{name}'}"
            if (key, step) in known:
                continue
            log.add(key, step, points.nbytes + 128, (points, points.shape, "float32"))
            if labels is not None:
                rows.note(self.recorder.values.probes.rows, key, step, {"label": labels})
        return True

    # -- reading ----------------------------------------------------------------------------------------------------------------

    def kept_findings(self) -> list[dict[str, Any]] | None:
        return []

    def status(self) -> dict[str, Any]:
        elapsed = max(self._ended - self._began, 0.0) if math.isfinite(self._began) else 0.0
        n = self.recorder.step_no
        return {**super().status(), "overhead": 0.0, "elapsed": elapsed, "step_rate": n / elapsed if elapsed else 0.0, "probes": self.copied_keys(), "path": str(self.path)}

    def frames(self, kind: str, cursor: Any = None, **how: Any) -> Any:
        if cursor is None:
            self.refresh()
        return super().frames(kind, cursor, **how)

    def __repr__(self) -> str:
        n = self.step_number
        return f"<Tape {self.id} {self.name!r} from event files in {str(self.path)!r}: {self.state}, {n} step{'s' * (n != 1)}>"


def _number(data: Any) -> float | None:
    if isinstance(data, float):
        return data
    array = np.asarray(data) if data is not None else None
    return float(array.reshape(-1)[0]) if array is not None and array.size == 1 and array.dtype.kind in "fiub" else None


def _mime(raw: bytes) -> str:
    return next((mime for magic, mime in _MIMES if raw.startswith(magic)), "application/octet-stream")
