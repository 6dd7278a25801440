"""Recordings of several processes that trained together, read as one: rank 0's, with the numbers of the others beside it on one clock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ...core.say import heard, say, telling
from ..frame import Frame
from ..graph import Graph
from ..log import Item
from ..recorder import Recorder
from ..replayed import Replayed
from ..strings import Strings
from .loaded import StoredTape
from .schema import DATABASE, NewerTape, TapeError
from .structures import FOLDER

SERIES = ("scalars", "stats", "histograms", "media")       # what every rank has of its own; structure is the same and told once


def rank_folders(folder: Path) -> list[Path]:
    """The folders rank0, rank1, ... of a recording, in the order of their numbers."""
    found = [p for p in folder.glob("rank*") if p.name[4:].isdigit() and (p / DATABASE).exists()]
    return sorted(found, key=lambda p: int(p.name[4:]))


class RanksTape(Replayed):
    """Tags and keys of rank k > 0 are `rank<k>/<tag>`; times count from when rank 0 began."""

    def __init__(self, folder: Path) -> None:
        self.tapes: list[StoredTape] = []
        unreadable: dict[str, str] = {}
        for p in rank_folders(folder):
            try:
                self.tapes.append(StoredTape(p))
            except NewerTape:
                raise
            except (TapeError, LookupError, ValueError, TypeError, AttributeError) as e:      # the others are there
                unreadable[p.name] = f"{p.name} cannot be read and is left out: {e}"
        if not self.tapes:
            raise TapeError("; ".join(unreadable.values()))
        first = self.tapes[0]
        self._hold(folder.name, first.values)
        self.notes = unreadable
        self.recorder = Recorder(self, 0, 1, None, None)
        self.recorder.stopped = True
        self.intern = Strings()
        self.path, self.began, self.capabilities = folder, first.began, first.capabilities
        self.offsets = [t.began - first.began for t in self.tapes]
        self.clocks: list[str] = ["the clock"] * len(self.tapes)                   # by what each rank's times are set
        self._maps: list[dict[int, int]] = [{} for _ in self.tapes]
        self.lead = 0                                          # whose structure is shown: rank 0's, or of the first that has one
        self._set_clocks()
        self.refresh()
        self.params = dict(first.params)

    def refresh(self) -> bool:
        news = [t.refresh() for t in self.tapes]
        if any(news):
            self._set_clocks()
        if not self.tapes[self.lead]._shelf.count("graph"):
            self.lead = next((i for i, t in enumerate(self.tapes) if t._shelf.count("graph")), 0)
        state = "recording" if any(t.state == "recording" for t in self.tapes) else "stopped"
        if any(news) or state != self.state:
            self.state = state
            self.changed()
        return any(news)

    def _set_clocks(self) -> None:
        """Averaged gradients come to all ranks at nearly the same time: by those that a rank has in common with rank 0 its clock is set."""
        known = _arrivals(self.tapes[0])
        for i, tape in enumerate(self.tapes[1:], 1):
            gaps = [at - other for key, at in _arrivals(tape).items() if (other := known.get(key)) is not None]
            if len(gaps) >= 3:
                gap = float(np.median(gaps))
                self.offsets[i] = -gap
                self.clocks[i] = f"{len(gaps)} exchanges of gradients, within {float(np.median(np.abs(np.array(gaps) - gap))) * 1e3:.1f} ms"

    # -- reading ----------------------------------------------------------------------------------------------------------------

    def _string(self, rank: int, number: int, tagged: bool) -> int:
        text = self.tapes[rank].strings[number]
        return self.intern.add(f"rank{self._number(rank)}/{text}" if tagged and rank and text else text)

    def _number(self, i: int) -> int:
        return int((self.tapes[i].path or Path("rank0")).name[4:])

    def _ours(self, rank: int, f: Frame) -> Frame:
        """A frame of a rank with our numbers of strings, our tags, our clock."""
        columns = {}
        for name, c in f.columns.items():
            if np.asarray(c).dtype == np.uint32 and name != "count":
                distinct, back = np.unique(c, return_inverse=True)
                numbers = np.array([self._string(rank, int(s), name in ("tag", "key")) for s in distinct], np.uint32)
                c = numbers[back.reshape(c.shape)] if len(distinct) else c
            elif name == "time":
                c = c + self.offsets[rank]
            columns[name] = c
        meta = {**f.meta, "tag": f"rank{self._number(rank)}/{f.meta['tag']}"} if rank and "tag" in f.meta else f.meta
        return Frame(f.kind, meta, columns)

    def frames(self, kind: str, cursor: Any = None, *, id: str | None = None, steps: tuple[int, int] | None = None,
               max_bytes: int = 262_144, most: int | None = None) -> tuple[list[Frame], Any]:
        if cursor is None:
            self.refresh()
        if kind == "status":
            return self._read_status(cursor, id, steps, max_bytes)
        if kind in ("findings", "projection", "debug"):
            return super().frames(kind, cursor, id=id, steps=steps, max_bytes=max_bytes, most=most)
        cursors = list(cursor or [None] * len(self.tapes))
        for i, tape in enumerate(self.tapes):
            wanted = id
            if i != self.lead and kind not in SERIES:
                continue
            if id is not None and i and kind in SERIES:
                prefix = f"rank{self._number(i)}/"
                if not id.startswith(prefix):
                    continue
                wanted = id.removeprefix(prefix)
            found, cursors[i] = tape.frames(kind, cursors[i], id=wanted, steps=steps, max_bytes=max_bytes, most=most)
            if found:
                return [self._ours(i, f) for f in found], cursors
        return [], cursors

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copies the recordings of all ranks into another folder, where they share their structures again."""
        target = Path(path)
        if target.exists() and any(target.iterdir()):
            raise TapeError(f"{target} is not empty")
        for i, t in enumerate(self.tapes):
            t.save(target / f"rank{self._number(i)}", target / FOLDER)
        return target

    def copied_keys(self) -> list[str]:
        return self.tapes[0].copied_keys()

    def copies(self, key: str | None, cursor: Any, max_bytes: int, steps: tuple[int, int] | None = None, most: int | None = None) -> tuple[list[Item], Any]:
        return self.tapes[0].copies(key, cursor, max_bytes, steps, most)

    def known_rows(self, owner: str, step: int) -> dict[str, Any]:
        return self.tapes[0].known_rows(owner, step)

    def labels_of(self, step: int) -> Any:
        return self.tapes[0].labels_of(step)

    def kept_findings(self) -> list[dict[str, Any]] | None:
        found = []
        for i, t in enumerate(self.tapes):
            for f in t.kept_findings() or []:
                said = f.get("said") or {}
                title = telling(title=say("rank {0}: {1}", self._number(i), heard(said.get("title", f.get("title")))))
                found.append(f if not i else {**f, "id": f"rank{self._number(i)}:{f.get('id')}", "title": title["title"], "said": {**said, **title["said"]}})
        return [*found, *self._differing()]

    def _differing(self) -> list[dict[str, Any]]:
        """Ranks that have trained with a structure that the leading one never had."""
        lead, found = self.tapes[self.lead], []
        known = _shapes(lead)
        for i, t in enumerate(self.tapes):
            other = _shapes(t) if i != self.lead and known else {}
            strange = [names for names in other if names not in known]
            if not strange:
                continue
            rank, main = self._number(i), max(known, key=lambda names: known[names].count)
            graph, names = other[strange[0]], strange[0]
            at = next((k for k, (a, b) in enumerate(zip(names, main, strict=False)) if a != b), min(len(names), len(main)))
            source, lead_rank = graph.where(min(at, len(names) - 1)), self._number(self.lead)
            here = say("op {0} is {1}, there {2}", at + 1, names[at] if at < len(names) else say("its end"), main[at] if at < len(main) else say("the end"))
            title = say("rank {0} has another structure than rank {1}", rank, lead_rank)
            if len(strange) < len(other):
                title = say("{0} in {1}", title, say("{0} of its {1}", len(strange), len(other)))
            found.append({"id": f"rank-structure-{rank}", "rule": "ranks", "severity": "warning",
                          **telling(title=title, cause=say("{0}; {1}", here, say("it has {0} ops, rank {1} has {2}", len(names), lead_rank, len(main))),
                                    fix=say("let every rank build the same model and take the same branches: gradients are averaged parameter by parameter")),
                          "value": None, "threshold": None,
                          "source": None if source is None else [source[0], source[1], source[2]], "graph": None, "node": None, "op": None, "step": None if graph.first < 0 else graph.first, "parameter": None})
        return found

    @property
    def step_number(self) -> int:
        return max(t.step_number for t in self.tapes)

    @property
    def graphs(self) -> dict[int, Graph]:
        return self.tapes[self.lead].graphs

    def status(self) -> dict[str, Any]:
        known = self.tapes[0].status()
        offsets = ", ".join(f"rank {self._number(i)} {o * 1e3:+.0f} ms" + (f" (by {c})" if "exchanges" in c else "")
                            for i, (o, c) in enumerate(zip(self.offsets, self.clocks, strict=True)) if i)
        notes = [*(f"rank {self._number(i)}: {n}" for i, t in enumerate(self.tapes) for n in t.status().get("notes", [])), *self.notes.values()]
        return {**known, "id": self.id, "name": self.name, "state": self.state, "step": self.step_number, "path": str(self.path), "ranks": len(self.tapes),
                "notes": [f"{len(self.tapes)} ranks; they began {offsets} from rank 0" if offsets else "1 rank", *notes]}

    def _read_status(self, cursor: Any, id: str | None, steps: Any, max_bytes: int) -> tuple[list[Frame], Any]:
        now = (tuple(t._seen for t in self.tapes), self.state)
        return ([], cursor) if cursor == now else ([Frame("status", self.status())], now)

    def __repr__(self) -> str:
        n = self.step_number
        return f"<Tape {self.id} {self.name!r} of {len(self.tapes)} ranks from {str(self.path)!r}: {self.state}, {n} step{'s' * (n != 1)}>"


def _arrivals(tape: StoredTape) -> dict[tuple[int, float], float]:
    """When the first bucket's average came, by step and norm: the same number on every rank tells that it is the same exchange."""
    told: list[dict[int, float]] = []
    for tag in ("bucket/0/norm", "bucket/0/arrived"):
        rows: dict[int, float] = {}
        for f in tape.frames("scalars", id=tag, max_bytes=1 << 20)[0]:
            rows.update(zip(f.columns["step"].tolist(), f.columns["value"].tolist(), strict=True))
        told.append(rows)
    return {(step, norm): told[1][step] for step, norm in told[0].items() if step in told[1]}


def _shapes(tape: StoredTape) -> dict[tuple[str, ...], Graph]:
    """The structures that train, by the names of their ops."""
    s = tape.strings
    return {tuple(s[i] for i in g.op_name): g for g in tape.graphs.values() if g.node_name}
