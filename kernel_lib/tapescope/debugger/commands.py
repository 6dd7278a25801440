"""What a page or another cell may ask of a held pass and of the breakpoints: verbs with structured arguments, nothing that is evaluated.

ARCHITECTURE.md has their arguments and what they give back, under "The wire".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.say import say
from ..tape import Tape
from .branch import HOW
from .frames import held
from .points import FIELDS, breakpoints

MOVES = ("step", "over", "back", "into", "out", "next_module", "continue", "abort", "reset", "replay")
ASKS = ("what_if", "compare", "drop", "keep", "check", "origin", "memory", "explain")
VERBS = (*MOVES, "run_to", "go", "edit", *ASKS)
BREAK = ("add", "edit", "remove", "clear", "list", "restore")


def command(tape: Tape, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carries out `debug.<verb>` on the pass that is held on a recording."""
    dbg = held(tape)
    if dbg is None:
        raise RuntimeError(say("no backward pass is held on this recording; type `dbg = ts.debug(loss)`"))
    name = verb.removeprefix("debug.")
    if not hasattr(dbg, "step_back"):
        if name not in ("step", "over", "into", "out", "next_module", "continue", "abort"):
            raise RuntimeError(say("the forward pass goes only forward: step, into, out, next module, continue or abort it"))
        getattr(dbg, "continue_" if name == "continue" else name)()
        return {"state": dbg.state}
    if name in ASKS:
        return _ask(dbg, name, args)
    if name == "run_to":
        dbg.run_to(**{k: args[k] for k in ("node", "module", "op", "parameter", "index") if args.get(k) is not None})
    elif name == "go":
        dbg.go(int(args["index"]))
    elif name == "edit":
        dbg.scale(0.0 if args.get("zero") else float(args.get("scale", 1.0)))
    elif name in MOVES:
        getattr(dbg, {"continue": "continue_", "back": "step_back"}.get(name, name))()
    else:
        raise ValueError(say("unknown verb {0}; known are {1}", repr(verb), ', '.join('debug.' + m for m in VERBS)))
    return {"state": dbg.state, "index": dbg.index, "total": dbg.total}


def _ask(dbg: Any, name: str, args: dict[str, Any]) -> dict[str, Any]:
    if name == "what_if":
        how = args.get("change")
        if how not in HOW:
            raise ValueError(say("change is one of {0}, not {1}", ', '.join(HOW), repr(how)))
        by = True if how == "zero" else np.asarray(args.get("value"), np.float64) if how == "replace" else float(args["by"]) if args.get("by") is not None else None
        if by is None:
            raise ValueError(say("{0} needs a number: by", how))
        found = dbg.what_if(**{how: by}, saved=args.get("saved"), input=None if args.get("input") is None else int(args["input"]), seed=int(args.get("seed") or 0))
    elif name == "compare":
        found = dbg.compare()
    elif name == "drop":
        found = dbg.drop(None if args.get("change") is None else int(args["change"]))
    elif name == "keep":
        dbg.keep()
        return {"state": dbg.state, "index": dbg.index, "total": dbg.total}
    elif name == "check":
        found = dbg.check(args.get("module"))
    elif name == "origin":
        found = dbg.origin(args.get("direction"))
    elif name == "memory":
        found = dbg.memory()
    else:
        at = dbg.at
        if at is None:
            raise RuntimeError(say("the pass is over: there is no node to explain"))
        found = at.explain()
    return {} if found is None else found.to_dict()


def break_command(tape: Tape | None, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carries out `break.<verb>` on the list of breakpoints."""
    name = verb.removeprefix("break.")
    fields = {k: v for k, v in args.items() if k in FIELDS}
    if name == "add":
        if args.get("node") is not None:
            fields = {**place_of(tape, int(args["node"])), **fields}
        return {"id": breakpoints.add(**fields).id}
    if name == "clear":
        breakpoints.clear()
        return {}
    if name == "remove":
        breakpoints[int(args["id"])].delete()
        return {}
    if name == "edit":
        return {"id": breakpoints[int(args["id"])].edit(**fields).id}
    if name == "list":
        return {"breakpoints": breakpoints.to_list()}
    if name == "restore":
        return {"ids": [b.id for b in breakpoints.restore(args.get("breakpoints") or [])]}
    raise ValueError(say("unknown verb {0}; known are {1}", repr(verb), ', '.join('break.' + b for b in BREAK)))


def break_on_finding(finding: Any, tape: Tape | None) -> dict[str, Any]:
    """A breakpoint where a finding lies: at its parameter, its node or its line; for values that are not finite, at the first gradient that has some."""
    fields: dict[str, Any] = {"text": f"break here next time: {finding.title}"}
    if finding.rule == "non-finite":
        fields["when"] = "nonfinite"                            # wherever it shows first: the node that made it was given finite values
    elif finding.parameter:
        fields["parameter"] = finding.parameter
    elif finding.node is not None and finding.node >= 0:
        fields.update(place_of(tape, finding.node))
    elif finding.source is not None:
        fields["line"] = (finding.source[0], finding.source[1])
    return {"id": breakpoints.add(**fields).id}


def place_of(tape: Tape | None, row: int) -> dict[str, Any]:
    """A node of a recording's graph as a place that later passes have, too: op, module, line, and which of those that are alike."""
    graph = None if tape is None else tape.graphs.get(tape.recorder.current)
    if graph is None or not 0 <= row < len(graph.node_op):
        raise ValueError(say("the graph of this recording has no node {0}", row))
    strings = graph.strings
    op = graph.node_op[row]
    if op < 0:
        if graph.node_src[row] < 0:
            raise ValueError(say("this node is of an earlier step: nothing of it is known"))
        return {"parameter": strings[graph.src_name[graph.node_src[row]]]}

    several = sum(o == op for o in graph.node_op) > 1           # an op of another library's: the node is what it is called by

    def key(n: int) -> tuple[int, int, int]:
        o = graph.node_op[n]
        call = graph.op_module[o]
        return graph.node_name[n] if several else graph.op_name[o], graph.mod_path[call] if call >= 0 else -1, graph.op_site[o]

    alike = sorted((n for n in range(len(graph.node_op)) if graph.node_op[n] >= 0 and key(n) == key(row)), key=lambda n: (-graph.node_op[n], -n))
    found: dict[str, Any] = {"op": strings[graph.node_name[row] if several else graph.op_name[op]]}
    if graph.op_module[op] >= 0 and strings[graph.mod_path[graph.op_module[op]]]:
        found["module"] = strings[graph.mod_path[graph.op_module[op]]]
    where = graph.where(op)
    if where is not None:
        found["line"] = (where[0], where[1])
    if len(alike) > 1:
        found["nth"] = alike.index(row)
    return found
