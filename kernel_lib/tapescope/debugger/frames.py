"""The held pass as frames of kind `debug`."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.say import say, told
from ..tape import Frame, Tape
from .axes import axes_of
from .held import Array, HeldAt
from .summary import sample, summary

if TYPE_CHECKING:
    from .asks import Asks

MOST = 64                          # parameters that are named
_held: dict[str, weakref.ref[Any]] = {}


def hold(dbg: Any) -> None:
    """Makes `dbg` the pass that views of its recording see and move."""
    _held[dbg.tape.id] = weakref.ref(dbg)
    dbg.tape.changed()


def held(tape: Tape) -> Any:
    """The pass that is held on a recording, if any."""
    ref = _held.get(tape.id)
    return None if ref is None else ref()


def frames(tape: Tape, cursor: Any = None) -> tuple[list[Frame], Any]:
    """The state of the held pass and the list of breakpoints, when either has changed since `cursor`."""
    from .points import breakpoints

    dbg = held(tape)
    points = breakpoints.version
    if dbg is None:
        now = (0, 0, points)
        if cursor == now or (cursor is None and not len(breakpoints)):
            return [], now
        return [Frame("debug", {"state": "none", "breakpoints": breakpoints.to_list()}, {})], now
    with getattr(dbg, "lock", None) or nullcontext():        # an adapter's pass has none
        now = (dbg.number, dbg.version, points)
        if cursor == now:
            return [], cursor
        try:
            meta, columns = dbg.describe()
        except Exception as error:                            # somebody else's backward() has just freed the graph, say
            meta, columns = _bare(dbg, error), {}
        return [Frame("debug", {**meta, "breakpoints": breakpoints.to_list()}, columns)], now


def _bare(dbg: Any, error: Exception) -> dict[str, Any]:
    """A held pass whose values cannot be shown: where it stands, and why. The next move shows them again where it can."""
    at = dbg.at
    info = None if at is None else at.source
    return {"state": dbg.state, "live": dbg.live, "graph": getattr(dbg, "graph", -1), "index": getattr(dbg, "index", 0), "total": getattr(dbg, "total", 0), "node": getattr(at, "row", -1),
            "reason": dbg.reason, "note": (note := say("what stands here cannot be shown: {0}", f"{type(error).__name__}: {error}")), "said": {"reason": told(dbg.reason), "note": told(note)}, "error": None, "hits": [b.id for b in dbg.hits], "arrived": [], "nbytes": 0,
            "at": None if at is None else {"name": at.name, "label": at.name, "module": at.module, "source": None if info is None else [info.file, info.line, info.text, info.cell],
                                           "formula": "", "grad_in": [], "saved": [], "grad_out": [], "shares": []}}


def describe(dbg: Asks[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A held pass as the meta and columns of a frame."""
    columns: dict[str, Any] = {}
    at = dbg.at
    arrived = {dbg.name_of(t): norm for (t, _), norm in zip(dbg.arrived, dbg.norms(), strict=True)}
    meta = {"state": dbg.state, "live": dbg.live, "graph": dbg.graph, "index": dbg.index, "total": dbg.total, "node": -1 if at is None else at.row,
            "reason": dbg.reason, "note": dbg.note, "said": {"reason": told(dbg.reason), "note": told(dbg.note)}, "edited": len(dbg.edits), "changed": dbg.noticed,
            "branch": None if dbg.compared is None else dbg.compared.to_dict(), "origin": None if dbg.origins is None else dbg.origins.to_dict(),
            "memory": dbg.totals(), "hits": [b.id for b in dbg.hits], "nbytes": dbg.nbytes, "kept": dbg.kept(),
            "error": None if dbg.error is None else "\n".join([f"{type(dbg.error).__name__}: {dbg.error}", *getattr(dbg.error, "__notes__", [])]),
            "at": None if at is None else _describe(at, (dbg.checked or {}).get(at.node), columns), "arrived": [{"parameter": n, "norm": v} for n, v in arrived.items()]}
    return meta, columns


def entries(name: str, values: Any, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Summaries of tensors with their values as columns; what is no tensor as its text."""
    found = []
    for i, v in enumerate(values):
        if v is not None:
            array = v._array if hasattr(v, "_array") else v
            found.append(_entry(f"{name}[{i}]" if len(values) > 1 else name, v, (array, str(array.dtype)) if hasattr(array, "shape") else None, columns, axes_of(v)))
    return found


def _entry(name: str, value: Any, known: Array | None, columns: dict[str, Any], axes: Any = None) -> dict[str, Any]:
    if known is None:
        return {**summary(name, np.zeros(0)), "dtype": type(value).__name__, "shape": [], "text": str(value), "bytes": 0}
    array = known[0]
    found = summary(name, *known)
    found["axes"] = axes
    if array.size and array.dtype.kind in "fiub":
        found["sample"], columns[f"c{len(columns)}"] = sample(array)
        found["column"] = f"c{len(columns) - 1}"
    return found


def _describe(at: HeldAt, check: Any, columns: dict[str, Any]) -> dict[str, Any]:
    def add(name: str, value: Any, kind: str, i: int = 0) -> dict[str, Any]:
        return _entry(name, value, at.array(value), columns, at.axes(kind, i, value))

    info = at.source
    return {
        "name": at.name, "label": at.label, "module": at.module,
        "source": None if info is None else [info.file, info.line, info.text, info.cell], "formula": at.formula,
        "grad_in": [add(f"grad_in[{i}]", g, "grad_in", i) for i, g in enumerate(at.grad_in) if g is not None],
        "saved": [add(n, v, "saved") for n, v in at.saved.items()],
        "grad_out": [{**add(f"grad_out[{i}]", g, "grad_out", i), "to": to} for i, (g, to) in enumerate(zip(at._shown(), at.goes_to, strict=False)) if g is not None],
        "shares": at._meeting(), "stack": at.stack, "reaches": at._dbg.reach(at.node, MOST), "rule": at.rule, "said": {"rule": told(at.rule)}, "hooks": at.hooks, "held": at.held, "freed": at.freed,
        "check": None if check is None else check.to_dict(), "time": at.time,
    }
