"""The held pass as frames of kind `debug`, and the commands that move it."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..tape import Frame, Tape
from .look import At, sample, summary
from .stepper import Debugger

_held: dict[str, weakref.ref[Debugger]] = {}


def hold(dbg: Debugger) -> None:
    """Makes `dbg` the pass that views of its recording see and move."""
    _held[dbg.tape.id] = weakref.ref(dbg)
    dbg.tape.changed()


def held(tape: Tape) -> Debugger | None:
    """The pass that is held on a recording, if any."""
    ref = _held.get(tape.id)
    return None if ref is None else ref()


def frames(tape: Tape, cursor: Any = None) -> tuple[list[Frame], Any]:
    """The state of the held pass, when it has changed since `cursor`."""
    dbg = held(tape)
    if dbg is None:
        return ([Frame("debug", {"state": "none"}, {})] if cursor not in (None, (0, 0)) else []), (0, 0)
    now = (dbg.number, dbg.version)
    if cursor == now:
        return [], cursor
    if hasattr(dbg, "describe"):               # an adapter's
        return [Frame("debug", *dbg.describe())], now
    columns: dict[str, Any] = {}
    at = dbg.at
    arrived: dict[str, float] = {}
    for t, g in dbg.arrived:
        flat = np.asarray(g, np.float64).ravel()
        arrived[dbg.name_of(t)] = float(np.sqrt(np.dot(flat, flat)))
    meta = {"state": dbg.state, "graph": dbg.graph, "index": dbg.index, "total": dbg.total, "node": -1 if at is None else at.row, "reason": dbg.reason,
            "edited": len(dbg.edits), "at": None if at is None else _describe(at, columns),
            "arrived": [{"parameter": n, "norm": v} for n, v in arrived.items()]}
    return [Frame("debug", meta, columns)], now


def _describe(at: At, columns: dict[str, Any]) -> dict[str, Any]:
    def add(name: str, value: Any) -> dict[str, Any]:
        array = value._array if hasattr(value, "_array") else value
        if not hasattr(array, "shape"):
            return {**summary(name, np.zeros(0)), "dtype": type(value).__name__, "shape": [], "text": str(value), "bytes": 0}
        found = summary(name, array)
        if array.size and array.dtype.kind in "fiub":
            found["sample"], columns[f"c{len(columns)}"] = sample(array)
            found["column"] = f"c{len(columns) - 1}"
        return found

    info = at.source
    return {
        "name": at.name, "label": at.parameter or at.node.op.label, "module": at.module,
        "source": None if info is None else [info.file, info.line, info.text, info.cell], "formula": at.formula,
        "grad_in": [add(f"grad_in[{i}]", g) for i, g in enumerate(at.grad_in) if g is not None],
        "saved": [add(n, v) for n, v in at.saved.items()],
        "grad_out": [add(f"grad_out[{i}]", g) for i, g in enumerate(at.grad_out) if g is not None],
        "shares": [{"from": s["from"], "share": s["share"]} for s in at.shares()],
    }


def command(tape: Tape, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Moves the held pass: `debug.step`, `.back`, `.into`, `.out`, `.continue`, `.abort`, `.run_to`, `.edit`, `.reset`."""
    dbg = held(tape)
    if dbg is None:
        raise RuntimeError("no backward pass is held on this recording; type `dbg = ts.debug(loss)`")
    name = verb.removeprefix("debug.")
    if name == "run_to":
        known = {k: args[k] for k in ("node", "module", "op", "parameter", "index") if args.get(k) is not None}
        dbg.run_to(**known)
    elif name == "edit":
        at = dbg.at
        if at is None:
            raise RuntimeError("the pass is over: there is no gradient to edit")
        scale = 0.0 if args.get("zero") else float(args.get("scale", 1.0))
        if hasattr(dbg, "scale"):
            dbg.scale(scale)
            return {"state": dbg.state, "index": dbg.index, "total": dbg.total}
        dbg.edit(*[None if g is None else g * scale for g in at.grad_in])
    else:
        moves = {"step": dbg.step, "over": dbg.step, "back": dbg.step_back, "into": dbg.into, "out": dbg.out, "continue": dbg.continue_,
                 "abort": dbg.abort, "reset": dbg.reset}
        if name not in moves:
            raise ValueError(f"unknown verb {verb!r}; known are {', '.join('debug.' + m for m in (*moves, 'run_to', 'edit'))}")
        moves[name]()
    return {"state": dbg.state, "index": dbg.index, "total": dbg.total}
