"""The runs below a folder, for pages: what `ts.runs` finds, filtered by its expressions, compared in groups, and one of them opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..tape import Tape, registry
from ..tape.runs import Comparison, Run, Runs, below

MOST, COLUMNS = 500, 16            # rows of an answer, the newest; parameters and metrics of a row
GROUPS, POINTS = 16, 200           # bands of a comparison, and steps of each
_known: dict[Path, tuple[Any, Run]] = {}
_answer: tuple[Any, dict[str, Any]] | None = None       # the newest comparison: a page asks again as often as it looks


def _run(path: Path, name: str) -> Run:
    """A run; one whose files are as they were is not read again. Of one that is being written the end may leave no trace in its files."""
    path = path.resolve()
    looks = _looks(path)
    seen = _known.get(path)
    if seen is None or seen[0] != looks or seen[1].name != name or seen[1].state == "recording":
        seen = looks, Run(path, name)
        if len(_known) > 4 * MOST:
            _known.clear()
        _known[path] = seen
    return seen[1]


def _looks(path: Path) -> Any:
    found = []
    for entry in os.scandir(path):
        inner = os.scandir(entry.path) if entry.is_dir(follow_symlinks=False) and entry.name.startswith("rank") else [entry]
        for e in inner:
            s = e.stat(follow_symlinks=False)
            if not e.name.endswith("-shm") and (s.st_size or not e.name.endswith("-wal")):       # who reads makes these, too
                found.append((e.path, s.st_size, s.st_mtime_ns))
    return sorted(found)


def _runs(args: dict[str, Any]) -> Runs:
    return below(Path(str(args.get("path") or "runs")).expanduser(), _run)


def _open_ones() -> dict[Path, Tape]:
    """Recordings of this process that lie in a folder, whoever writes it."""
    return {Path(t.path).resolve(): t for t in registry.list() if t.path is not None}


def _shown(args: dict[str, Any]) -> tuple[Runs, Runs]:
    """All runs of the folder, and of those the ones that are asked for: `only` (names), then `where`."""
    found = _runs(args)
    only = args.get("only")
    shown = Runs([r for r in found if r.name in only], found.root) if isinstance(only, list) else found
    expression = str(args.get("where") or "").strip()
    try:
        return found, shown.where(expression) if expression else shown
    except KeyError as e:                                      # its text, not its repr
        raise ValueError(e.args[0]) from None


def listed(tape: Tape | None, args: dict[str, Any]) -> dict[str, Any]:
    """Runs for which `where` holds; `id` of those that are open here."""
    return listing(*_shown(args))


def listing(found: Runs, shown: Runs) -> dict[str, Any]:
    """Runs as a page lists them: those shown, of those found."""
    params, metrics = (names[:COLUMNS] for names in shown.columns())
    here = _open_ones()
    rows = [{"name": r.name, "state": r.state, "step": r.step, "began": r.began, "error": r.error, "id": here[at].id if (at := r.path.resolve()) in here else None,
             "params": {k: r.params[k] for k in params if k in r.params}, "metrics": {k: r.metrics[k].last for k in metrics if k in r.metrics}} for r in shown.list[-MOST:]]
    return {"folder": str(found.root), "total": len(found), "shown": len(shown), "params": params, "metrics": metrics, "runs": rows}


def compared(tape: Tape | None, args: dict[str, Any]) -> dict[str, Any]:
    """A metric of these runs over steps, as the mean and the band of every group with equal parameters `by`; of every run where there are none."""
    global _answer
    _, shown = _shown(args)
    tag, by = str(args.get("tag")), [str(n) for n in args.get("by") or []]
    asked = (tag, by, [(r.path, _known[r.path.resolve()][0]) for r in shown])
    if _answer is None or _answer[0] != asked:
        try:
            _answer = asked, bands(shown.compare(tag, by))
        except KeyError as e:
            raise ValueError(e.args[0]) from None
    return _answer[1]


def bands(found: Comparison) -> dict[str, Any]:
    """A comparison as a page draws it: so many groups and steps as it can show."""
    def thin(values: Any) -> list[float]:
        return [float(f"{v:.6g}") for v in values[_spread(len(values))]]

    return {"tag": found.tag, "groups": len(found.bands), "bands": [
        {"name": b.name, "runs": int(b.n.max()), "steps": thin(b.steps), "mean": thin(b.mean), "low": thin(b.low), "high": thin(b.high)} for b in found.bands[:GROUPS]]}


def _spread(n: int) -> Any:
    return np.unique(np.linspace(0, n - 1, min(n, POINTS)).astype(int))


def opened(tape: Tape | None, args: dict[str, Any]) -> dict[str, Any]:
    """Opens one run of the list, by its name; one that is open already stays as it is."""
    name = str(args.get("name"))
    run = next((r for r in _runs(args) if r.name == name), None)
    if run is None:
        raise ValueError(f"there is no run {name!r} below {args.get('path') or 'runs'}")
    found = _open_ones().get(run.path) or run.tape
    return {"id": found.id, "name": found.name}
