"""Many runs: found below a folder, filtered, grouped and compared by what they were started with and what came of it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from .filters import compiled, unknown
from .metric import DERIVED, Metric, digest, joined
from .store.schema import DATABASE, TapeError

POINTS = 400                                   # steps at which runs are compared


class Run:
    """One run: its folder, what it was started with (`params`) and what its series came to (`metrics`, by tag). `tape` opens it."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.error = ""
        self.state = "stopped"
        self.step, self.began = 0, 0.0
        self.params: dict[str, Any] = {}
        self.metrics: dict[str, Metric] = {}
        self._tape: Any = None
        self._look()

    def _look(self) -> None:
        from .logdir import EventsTape
        from .store.loaded import StoredTape
        from .store.ranks import RanksTape, rank_folders

        try:
            tape: Any = StoredTape(self.path) if (self.path / DATABASE).exists() else RanksTape(self.path) if rank_folders(self.path) else EventsTape(self.path)
            self.state, self.step, self.began, self.params = tape.state, tape.step_number, tape.began, dict(tape.params)
            known = tape.metrics() if isinstance(tape, StoredTape) else None
            self.metrics = {k: Metric(*v) for k, v in known.items()} if known is not None else summary(tape)
            if not isinstance(tape, StoredTape):
                self._tape = tape
        except (TapeError, LookupError, ValueError, TypeError, AttributeError, OSError) as e:
            self.error, self.state = str(e) or type(e).__name__, "unreadable"

    @property
    def tape(self) -> Any:
        """The recording. Raises TapeError when it cannot be read."""
        from .store import load_tape

        if self._tape is None:
            self._tape = load_tape(self.path)
        elif self._tape.path is not None:
            self._tape.start()
        return self._tape

    def series(self, tag: str) -> tuple[Any, Any]:
        """(steps, values) of a scalar; empty when there is none."""
        from .store.loaded import StoredTape

        tape = self._tape if self._tape is not None else StoredTape(self.path)
        parts: list[Any] = []
        cursor = None
        while True:
            frames, cursor = tape.frames("scalars", cursor, id=tag, max_bytes=4 << 20)
            if not frames:
                break
            parts += frames
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0)
        return np.concatenate([f.columns["step"] for f in parts]), np.concatenate([f.columns["value"] for f in parts])

    def get(self, name: str) -> Any:
        """A parameter, the newest value of a metric, or one of name, step, state, path, began; None when there is no such thing."""
        if name in self.params:
            return self.params[name]
        if name in self.metrics:
            return self.metrics[name].last
        return str(self.path) if name == "path" else getattr(self, name) if name in ("name", "step", "state", "began") else None

    def __repr__(self) -> str:
        told = "".join(f", {k}={v!r}" for k, v in list(self.params.items())[:6])
        return f"<Run {self.name!r}: {self.state}, {self.step} step{'s' * (self.step != 1)}{told}>" if not self.error else f"<Run {self.name!r}: {self.error}>"


def summary(tape: Any) -> dict[str, Metric]:
    """The series of a tape in four numbers each; those of single parameters are left out."""
    found: dict[str, Metric] = {}
    cursor = None
    while True:
        frames, cursor = tape.frames("scalars", cursor, max_bytes=4 << 20)
        if not frames:
            return found
        for f in frames:
            for key, m in digest(f.columns["tag"], f.columns["value"]).items():
                tag = tape.strings[key]
                if not tag.startswith(DERIVED):
                    found[tag] = joined(found.get(tag), m)


def runs(path: str | os.PathLike[str] = "runs") -> Runs:
    """All runs below a folder: recordings on disk, and folders of TensorBoard's event files; the oldest first.

    `runs("runs").where("lr < 0.01 and val/loss < 0.3").sort("val/loss")`. Raises FileNotFoundError when there is no such folder.
    """
    return below(Path(path), Run)


def below(root: Path, make: Callable[[Path, str], Run]) -> Runs:
    """As `runs`; `make` gives the run of a folder and a name, and may know it already."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder")
    found = []
    for folder, dirs, files in os.walk(root):
        dirs.sort()
        if DATABASE in files:
            dirs.clear()                                       # what lies inside a recording is its own
        elif any((Path(folder) / d / DATABASE).exists() for d in dirs if d.startswith("rank") and d[4:].isdigit()):
            dirs.clear()                                       # processes of one run
        elif not any("tfevents" in f for f in files):
            continue
        here = Path(folder)
        found.append(make(here, root.resolve().name if here == root else here.relative_to(root).as_posix()))
    return Runs(sorted(found, key=lambda r: (r.began, r.name)), root)


class Runs(Sequence[Run]):
    """Runs in an order; every method gives new Runs and changes none.

    `asked` says how they came of all runs below the folder `root`, for who looks again: `where` (an expression), `sort` ({by, down}), `only` (names).
    """

    def __init__(self, found: Sequence[Run], root: Path | None = None, asked: dict[str, Any] | None = None) -> None:
        self.list, self.root, self.asked = list(found), root, asked or {}

    @overload
    def __getitem__(self, i: int) -> Run: ...
    @overload
    def __getitem__(self, i: slice) -> Runs: ...
    def __getitem__(self, i: int | slice) -> Run | Runs:
        return self._part(self.list[i]) if isinstance(i, slice) else self.list[i]

    def _part(self, found: list[Run]) -> Runs:
        return Runs(found, self.root, {**self.asked, "only": [r.name for r in found]})

    def __len__(self) -> int:
        return len(self.list)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.list)

    def refresh(self) -> Runs:
        """Looks again: what has been written since, and what is new."""
        return Runs(self.list, None, self.asked) if self.root is None else runs(self.root)

    def where(self, expression: str) -> Runs:
        """Runs for which an expression over parameters and metrics is true: `lr < 0.01 and model == "mlp"`, `min(val/loss) < 0.3`, `like(name, "exp*")`.

        A metric is its newest value; `min`, `max` and `count` give the others. A run that lacks what is compared is left out. The text is read, never run: raises
        ValueError for anything but comparisons, arithmetic, and the functions named here, and KeyError for a name that no run has.
        """
        test = compiled(expression, {n for r in self.list for n in (*r.params, *r.metrics)})
        before = self.asked.get("where")
        return Runs([r for r in self.list if test(r) is True], self.root, {**self.asked, "where": f"({before}) and ({expression})" if before else expression})

    def sort(self, by: str, descending: bool = False) -> Runs:
        """In the order of a parameter or metric; runs without it come last."""
        def rank(r: Run) -> tuple[int, Any, str]:
            v = r.get(by)
            if v is None or (isinstance(v, float) and math.isnan(v)):
                return 2, 0, r.name
            return (0, -v if descending else v, r.name) if isinstance(v, (int, float)) else (1, str(v), r.name)

        return Runs(sorted(self.list, key=rank), self.root, {**self.asked, "sort": {"by": by, "down": descending}})

    def group(self, *by: str) -> dict[tuple[Any, ...], Runs]:
        """Runs by equal values of parameters."""
        found: dict[tuple[Any, ...], list[Run]] = {}
        for r in self.list:
            found.setdefault(tuple(r.get(k) for k in by), []).append(r)
        return {k: self._part(v) for k, v in found.items()}

    def compare(self, tag: str, by: str | Sequence[str] = ()) -> Comparison:
        """A metric of all runs over steps: the mean and the band of each group (of each run where `by` is empty). Raises KeyError when no run has it."""
        names = (by,) if isinstance(by, str) else tuple(by)
        groups = self.group(*names) if names else {(r.name,): Runs([r]) for r in self.list}
        bands = [b for k, g in groups.items() if (b := _band(", ".join(f"{n}={v}" for n, v in zip(names, k, strict=True)) if names else str(k[0]), g, tag)) is not None]
        if not bands:
            raise KeyError(unknown(tag, {n for r in self.list for n in r.metrics}))
        return Comparison(tag, bands)

    def columns(self) -> tuple[list[str], list[str]]:
        """Parameters that differ or are alone (first those that differ), and metrics."""
        params = list(dict.fromkeys(k for r in self.list for k in r.params))
        differ = [k for k in params if len({repr(r.params.get(k)) for r in self.list}) > 1]
        metrics = list(dict.fromkeys(k for r in self.list for k in r.metrics))
        return [*differ, *(k for k in params if k not in differ)], metrics

    def table(self) -> list[dict[str, Any]]:
        """A row a run, for a data frame: name, path, state, step, parameters, newest metrics."""
        params, metrics = self.columns()
        return [{"name": r.name, "path": str(r.path), "state": r.state, "step": r.step, **{k: r.params.get(k) for k in params},
                 **{k: r.metrics[k].last if k in r.metrics else None for k in metrics}} for r in self.list]

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.table())

    def __repr__(self) -> str:
        params, metrics = self.columns()
        metrics = [m for m in metrics if m not in ("step_time",)][:4]
        head = ["name", "state", "steps", "age", *params[:5], *metrics]
        now = time.time()
        rows = [[r.name, r.state, str(r.step), age(now - r.began) if r.began else "", *(short(r.params.get(k)) for k in params[:5]),
                 *(short(r.metrics[k].last) if k in r.metrics else "" for k in metrics)] for r in self.list[:40]]
        wide = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in [head, *rows]]
        return "\n".join([f"{len(self.list)} run{'s' * (len(self.list) != 1)}", *(lines if self.list else [])] + ([f"... and {len(self.list) - 40} more"] if len(self.list) > 40 else []))


def short(v: Any) -> str:
    """A value in few characters."""
    if v is None:
        return ""
    return f"{v:.4g}" if isinstance(v, float) else str(v)[:24]


def age(seconds: float) -> str:
    """How long ago, in one unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


# -- bands ------------------------------------------------------------------------------------------------------------------


class Band(NamedTuple):
    """A group over steps: mean, and least and greatest of its runs; `n` runs at each step, `std` their spread."""

    name: str
    steps: Any
    mean: Any
    low: Any
    high: Any
    std: Any
    n: Any


class Comparison(NamedTuple):
    """What `Runs.compare` gives; a notebook draws it."""

    tag: str
    bands: list[Band]

    def __repr__(self) -> str:
        lines = [f"{self.tag}: {len(self.bands)} group{'s' * (len(self.bands) != 1)}"]
        return "\n".join(lines + [f"  {b.name}: {short(float(b.mean[-1]))} ± {short(float(b.std[-1]))} of {int(b.n.max())} at step {int(b.steps[-1])}" for b in self.bands])


def _band(name: str, group: Runs, tag: str) -> Band | None:
    lines = []
    for r in group:
        if tag in r.metrics:
            steps, values = r.series(tag)
            order = np.argsort(steps, kind="stable")
            steps, values = steps[order].astype(np.float64), values[order]
            last = np.append(steps[1:] != steps[:-1], True)    # of a step that was logged twice the later value
            if len(steps):
                lines.append((steps[last], values[last]))
    if not lines:
        return None
    grid = np.unique(np.concatenate([s for s, _ in lines]))
    if len(grid) > POINTS:
        grid = np.unique(np.rint(np.linspace(grid[0], grid[-1], POINTS)))
    table = np.full((len(lines), len(grid)), np.nan)
    for row, (s, v) in zip(table, lines, strict=True):
        inside = (grid >= s[0]) & (grid <= s[-1])
        row[inside] = np.interp(grid[inside], s, v)
    held = np.isfinite(table)
    n = held.sum(0)
    keep = n > 0
    table, held, n, grid = table[:, keep], held[:, keep], n[keep], grid[keep]
    if not len(grid):
        return None
    plain = np.where(held, table, 0)
    mean = plain.sum(0) / n
    std = np.sqrt(np.where(held, (table - mean) ** 2, 0).sum(0) / n)
    return Band(name, grid, mean, np.where(held, table, np.inf).min(0), np.where(held, table, -np.inf).max(0), std, n)
