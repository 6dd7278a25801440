"""Many runs: found below a folder, filtered, grouped and compared by what they were started with and what came of it."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import math
import operator
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

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
    """Runs in an order; every method gives new Runs and changes none."""

    def __init__(self, found: Sequence[Run], root: Path | None = None) -> None:
        self.list, self.root = list(found), root

    @overload
    def __getitem__(self, i: int) -> Run: ...
    @overload
    def __getitem__(self, i: slice) -> Runs: ...
    def __getitem__(self, i: int | slice) -> Run | Runs:
        return Runs(self.list[i], self.root) if isinstance(i, slice) else self.list[i]

    def __len__(self) -> int:
        return len(self.list)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.list)

    def refresh(self) -> Runs:
        """Looks again: what has been written since, and what is new."""
        return Runs(self.list) if self.root is None else runs(self.root)

    def where(self, expression: str) -> Runs:
        """Runs for which an expression over parameters and metrics is true: `lr < 0.01 and model == "mlp"`, `min(val/loss) < 0.3`, `like(name, "exp*")`.

        A metric is its newest value; `min`, `max` and `count` give the others. A run that lacks what is compared is left out. The text is read, never run: raises
        ValueError for anything but comparisons, arithmetic, and the functions named here, and KeyError for a name that no run has.
        """
        test = compiled(expression, {n for r in self.list for n in (*r.params, *r.metrics)})
        return Runs([r for r in self.list if test(r) is True], self.root)

    def sort(self, by: str, descending: bool = False) -> Runs:
        """In the order of a parameter or metric; runs without it come last."""
        def rank(r: Run) -> tuple[int, Any, str]:
            v = r.get(by)
            if v is None or (isinstance(v, float) and math.isnan(v)):
                return 2, 0, r.name
            return (0, -v if descending else v, r.name) if isinstance(v, (int, float)) else (1, str(v), r.name)

        return Runs(sorted(self.list, key=rank), self.root)

    def group(self, *by: str) -> dict[tuple[Any, ...], Runs]:
        """Runs by equal values of parameters."""
        found: dict[tuple[Any, ...], list[Run]] = {}
        for r in self.list:
            found.setdefault(tuple(r.get(k) for k in by), []).append(r)
        return {k: Runs(v, self.root) for k, v in found.items()}

    def compare(self, tag: str, by: str | Sequence[str] = ()) -> Comparison:
        """A metric of all runs over steps: the mean and the band of each group (of each run where `by` is empty). Raises KeyError when no run has it."""
        names = (by,) if isinstance(by, str) else tuple(by)
        groups = self.group(*names) if names else {(r.name,): Runs([r]) for r in self.list}
        bands = [b for k, g in groups.items() if (b := _band(", ".join(f"{n}={v}" for n, v in zip(names, k, strict=True)) if names else str(k[0]), g, tag)) is not None]
        if not bands:
            raise KeyError(_unknown(tag, {n for r in self.list for n in r.metrics}))
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


# -- expressions ------------------------------------------------------------------------------------------------------------

_COMPARE: dict[type, Callable[[Any, Any], Any]] = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
                                                   ast.NotEq: operator.ne, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Mod: operator.mod}
_OWN = ("name", "step", "state", "path", "began")
Reader = Callable[[Run], Any]


def compiled(expression: str, known: set[str]) -> Reader:
    """An expression as a function of a run that gives True, False, or None where the run lacks something."""
    if len(expression) > 2000:
        raise ValueError("an expression of more than 2,000 characters is not read")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as e:
        raise ValueError(f"{expression!r} is no expression: {getattr(e, 'msg', None) or e}") from None
    return _read(tree, expression, known | set(_OWN))


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    return f"no run has {name!r}" + (f"; did you mean {', '.join(map(repr, near))}?" if near else f"; there are {', '.join(sorted(known)[:20]) or 'none'}")


def _tag(node: ast.AST) -> str | None:
    """A name as it is written: lr, optimizer.lr, val/loss; also as a text in quotes behind params[...] or metrics[...]."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _tag(node.value)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = _tag(node.left), _tag(node.right)
        return None if left is None or right is None else f"{left}/{right}"
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ("params", "metrics") and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return None


def _read(node: ast.AST, text: str, known: set[str]) -> Reader:
    tag = _tag(node)
    if tag is not None and (tag in known or not isinstance(node, ast.BinOp)):
        if tag not in known:
            raise KeyError(_unknown(tag, known))
        return lambda r: r.get(tag)
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, (bool, int, float, str))):
        value = node.value
        return lambda r: value
    if isinstance(node, (ast.Tuple, ast.List)):
        items = [_read(n, text, known) for n in node.elts]
        return lambda r: [f(r) for f in items]
    if isinstance(node, ast.BoolOp):
        parts = [_read(n, text, known) for n in node.values]
        if isinstance(node.op, ast.And):
            return lambda r: all(f(r) is not None and bool(f(r)) for f in parts)
        return lambda r: any(bool(f(r)) for f in parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        inner = _read(node.operand, text, known)
        if isinstance(node.op, ast.Not):
            return lambda r: None if (v := inner(r)) is None else not v
        return lambda r: None if (v := inner(r)) is None else _tried(operator.neg, v)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        act, left, right = _ARITHMETIC[type(node.op)], _read(node.left, text, known), _read(node.right, text, known)
        return lambda r: None if (a := left(r)) is None or (b := right(r)) is None or isinstance(a, str) or isinstance(b, str) else _tried(act, a, b)
    if isinstance(node, ast.Compare):
        return _comparison(node, text, known)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node.args, text, known)
    raise ValueError(f"{text!r}: {ast.unparse(node)!r} cannot be said here; there are names, numbers, texts, comparisons, and, or, not, + - * / %, min, max, count, abs, like, has")


def _comparison(node: ast.Compare, text: str, known: set[str]) -> Reader:
    sides = [_read(n, text, known) for n in (node.left, *node.comparators)]
    acts = []
    for op in node.ops:
        if type(op) not in _COMPARE:
            raise ValueError(f"{text!r}: write == for {ast.unparse(node)!r}")
        acts.append(_COMPARE[type(op)])

    def test(r: Run) -> Any:
        values = [f(r) for f in sides]
        if any(v is None for v in values):
            return None
        return all(_tried(act, a, b) is True for act, a, b in zip(acts, values, values[1:], strict=False))

    return test


def _call(name: str, args: list[ast.expr], text: str, known: set[str]) -> Reader:
    if name in ("min", "max", "count") and len(args) == 1:
        tag = _tag(args[0])
        if tag is None or tag not in known:
            raise KeyError(_unknown(tag or ast.unparse(args[0]), known))
        field = "n" if name == "count" else name
        return lambda r: getattr(r.metrics[tag], field) if tag in r.metrics else r.params.get(tag) if field != "n" else 0
    if name == "has" and len(args) == 1:
        wanted = _tag(args[0]) or ast.unparse(args[0])
        return lambda r: wanted in r.params or wanted in r.metrics
    if name == "like" and len(args) == 2:
        value, pattern = _read(args[0], text, known), _read(args[1], text, known)
        return lambda r: None if (v := value(r)) is None else fnmatch.fnmatchcase(str(v), str(pattern(r)))
    if name == "abs" and len(args) == 1:
        inner = _read(args[0], text, known)
        return lambda r: None if (v := inner(r)) is None else _tried(abs, v)
    raise ValueError(f"{text!r}: there is no {name}() of {len(args)} here; there are min, max, count, abs, like, has")


def _tried(act: Callable[..., Any], *values: Any) -> Any:
    """None for what cannot be computed or compared: a text with a number, a division by zero."""
    try:
        return act(*values)
    except (TypeError, ZeroDivisionError, OverflowError, ValueError):
        return None
