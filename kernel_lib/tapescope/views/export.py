"""A recording in the formats of other programs: Graphviz DOT, the JSON of Model Explorer, CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from ..tape import Tape
from .read import Structure, gather, structure

KINDS = ("input", "parameter", "buffer", "constant")
_LOOKS = ("ellipse", "box", "box", "plaintext")


def _put(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8", newline="")
    return text


def _asked(tape: Tape) -> Structure:
    g = structure(tape)
    if g is None:
        raise RuntimeError(f"{tape.name!r} has no graph yet: run a step while it records")
    return g


def call_names(g: Structure) -> list[str]:
    """A name for each module call that no other call inside the same parent has: "fc1", and "fc1 (2)" for the second call."""
    seen: Counter[tuple[int, str]] = Counter()
    names = []
    for path, cls, parent in zip(g.mod_path, g.mod_class, g.mod_parent, strict=True):
        outer = g.mod_path[parent] if parent >= 0 else ""
        own = path.removeprefix(f"{outer}.") if outer else path
        name = own or cls
        seen[parent, name] += 1
        names.append(name if seen[parent, name] == 1 else f"{name} ({seen[parent, name]})")
    return names


def source_modules(g: Structure) -> list[int]:
    """The module call that uses a parameter or buffer first; -1 for inputs and constants, which come from outside."""
    homes: dict[int, int] = {}
    for module, ins in zip(g.op_module, g.op_in, strict=True):
        for a in ins:
            if a < 0:
                homes.setdefault(-a - 1, module)
    return [homes.get(s, -1) if kind in (1, 2) else -1 for s, kind in enumerate(g.src_kind)]


def to_dot(tape: Tape, path: str | Path | None = None) -> str:
    """The current graph as Graphviz DOT: a cluster for each module call, shapes on the edges; written to `path` where one is given.

    Raises RuntimeError when nothing was recorded.
    """
    g = _asked(tape)
    inside: dict[int, list[str]] = {}
    for s, home in enumerate(source_modules(g)):
        inside.setdefault(home, []).append(f"s{s} [label={_quoted(g.src_name[s] or KINDS[g.src_kind[s]])} shape={_LOOKS[g.src_kind[s]]} style=dashed];")
    for i, module in enumerate(g.op_module):
        inside.setdefault(module, []).append(f"o{i} [label={_quoted(' '.join(filter(None, (g.op_name[i], g.op_label[i]))))}];")
    children: dict[int, list[int]] = {}
    for call, parent in enumerate(g.mod_parent):
        children.setdefault(parent, []).append(call)
    names, lines = call_names(g), [f"digraph {_quoted(tape.name)} {{", 'node [shape=box style=rounded fontname="Helvetica"];', 'edge [fontname="Helvetica" fontsize=9];', *inside.get(-1, [])]
    todo: list[int | None] = [*reversed(children.get(-1, []))]                  # a stack: names nest deeper than Python's recursion may
    while todo:
        m = todo.pop()
        if m is None:
            lines.append("}")
            continue
        title = names[m] if names[m] == g.mod_class[m] else f"{names[m]}: {g.mod_class[m]}"
        lines += [f"subgraph cluster_{m} {{", f"label={_quoted(title)};", *inside.get(m, [])]
        todo += [None, *reversed(children.get(m, []))]
    for i, ins in enumerate(g.op_in):
        for a in ins:
            shape = g.op_shape[a] if a >= 0 else g.src_shape[-a - 1]
            lines.append(f"{f'o{a}' if a >= 0 else f's{-a - 1}'} -> o{i} [label={_quoted(shape.replace('x', '×') or 'scalar')}];")
    return _put("\n".join([*lines, "}"]) + "\n", path)


def _quoted(text: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_model_explorer(tape: Tape, path: str | Path | None = None) -> str:
    """The current graph as JSON that Model Explorer opens: a node for each op and source, module calls as namespaces, shapes as metadata of outputs.

    Raises RuntimeError when nothing was recorded.
    """
    g, spaces = _asked(tape), [""]
    names = call_names(g)
    for m, parent in enumerate(g.mod_parent):                                   # a call's parent has been called before
        spaces.append("/".join(filter(None, (spaces[parent + 1], names[m].replace("/", "∕")))))

    def node(name: str, label: str, module: int, shape: str, attrs: dict[str, str]) -> dict[str, Any]:
        return {"id": name, "label": label, "namespace": spaces[module + 1], "attrs": [{"key": k, "value": v} for k, v in attrs.items() if v],
                "incomingEdges": [], "outputsMetadata": [{"id": "0", "attrs": [{"key": "tensor_shape", "value": shape or "scalar"}]}]}

    nodes = [node(f"s{s}", g.src_name[s] or KINDS[g.src_kind[s]], home, g.src_shape[s], {"kind": KINDS[g.src_kind[s]]}) for s, home in enumerate(source_modules(g))]
    grads = {op: name for op, name in zip(g.node_op, g.node_name, strict=True) if op >= 0}
    for i, ins in enumerate(g.op_in):
        made = node(f"o{i}", g.op_name[i], g.op_module[i], g.op_shape[i], {"label": g.op_label[i], "grad_fn": grads.get(i, "")})
        made["incomingEdges"] = [{"sourceNodeId": f"o{a}" if a >= 0 else f"s{-a - 1}", "sourceNodeOutputId": "0", "targetNodeInputId": str(k)} for k, a in enumerate(ins)]
        nodes.append(made)
    return _put(json.dumps({"label": tape.name, "graphs": [{"id": "main", "nodes": nodes}]}, ensure_ascii=False), path)


def to_csv(tape: Tape, path: str | Path | None = None) -> str:
    """Every scalar as CSV with the columns tag, step, time (seconds since the recording began) and value; nan and inf by name."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(("tag", "step", "time", "value"))
    for f in gather(tape, "scalars"):
        c = f.columns
        rows.writerows((tape.strings[int(t)], int(s), repr(float(at)), repr(float(v))) for t, s, at, v in zip(c["tag"], c["step"], c["time"], c["value"], strict=True))
    return _put(out.getvalue(), path)
