"""Structures as tables again, from the frames they were written as."""

from __future__ import annotations

from typing import Any

from ..graph import Graph
from ..tape import Tape

_TABLES = ("op_name", "op_module", "op_site", "op_flags", "op_shape", "op_dtype", "op_label", "op_inputs", "op_in", "src_kind", "src_name", "src_shape", "src_dtype",
           "src_module", "mod_parent", "mod_path", "mod_class", "mod_call", "mod_first", "mod_last", "node_name", "node_op", "node_src", "node_nexts", "node_next")


def graphs_of(tape: Tape) -> dict[int, Graph]:
    """Every structure of a tape, as `Graph`; read from its frames alone."""
    found: dict[int, Graph] = {}
    cursor: Any = None
    while True:
        frames, cursor = tape.frames("graph", cursor, max_bytes=4 << 20)
        if not frames:
            break
        for f in frames:
            number = int(f.meta["graph"])
            g = found.get(number)
            if g is None:
                g = found[number] = Graph(number, tape.intern)
            for name in _TABLES:
                if name in f.columns:
                    getattr(g, name).extend(f.columns[name].tolist())
            c = f.columns
            if "site_file" in c:
                g._site_text += list(zip(*(c["site_" + n].tolist() for n in ("file", "line", "text", "function", "cell")), strict=True))
            g.closed += [list(p) for p in f.meta.get("closed", [])]
            g.first, g.last, g.count = f.meta.get("steps", [-1, -1, 0])
    for g in found.values():
        _derive(g)
    return found


def _derive(g: Graph) -> None:
    """What the tables imply."""
    g.sites = [(None, -1)] * len(g._site_text)                 # type: ignore[list-item]
    for row, last in g.closed:
        if 0 <= row < len(g.mod_last):
            g.mod_last[row] = last
    g.op_node = [-1] * len(g.op_name)
    g.acc_node = {}
    for row, (op, src) in enumerate(zip(g.node_op, g.node_src, strict=False)):
        if 0 <= op < len(g.op_node):
            g.op_node[op] = row
        if src >= 0:
            g.acc_node[src] = row
    g.src_param = list(range(len(g.src_kind)))
    g.param_src = {i: i for i, k in enumerate(g.src_kind) if k == 1}
