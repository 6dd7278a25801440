"""The structure behind a loss, from its grad_fn alone: what a debugger shows where nobody has recorded."""

from __future__ import annotations

from typing import Any

from ...tape.graph import PARAMETER, Graph, shape_text
from ...tape.recordings import registry
from .mirror import Mirror
from .nodes import LEAF
from .tape import TorchTape


def from_root(nodes: list[Any], root: Any, module: Any = None) -> tuple[TorchTape, dict[Any, int]]:
    """A stopped tape with one op a node, and the row of every node. `nodes` are in the order of the engine."""
    tape = TorchTape(values="none", name="graph of " + nodes[0].name())
    r = tape.recorder
    if module is not None:
        r.names.add_root(module)
    g = Graph(0, tape.intern)
    rows: dict[Any, int] = {}
    ops: dict[Any, int] = {}
    for n in sorted(nodes, key=lambda n: -1 if n._sequence_nr() >= LEAF else n._sequence_nr()):
        if n._sequence_nr() >= LEAF:
            m = r.mirrors.of(n.variable)
            known = _named_before(m, n.variable)
            p = r.names.param(m, known, True) if known and m._id not in r.names.by_id else r.names.leaf(m, owned=True)
            src = g.source(PARAMETER, p.name if p else "", shape_text(n.variable.shape), str(n.variable.dtype).removeprefix("torch."), -1, p.index if p else -1)
            rows[n] = g.node("AccumulateGrad", -1, src, [])
            continue
        entries = [ops[m] if m in ops else -(g.node_src[rows[m]] + 1) for m, _ in n.next_functions if m is not None and m in rows]
        name = n.name().rpartition("::")[2]
        meta = n._input_metadata[0] if len(n._input_metadata) else None
        op = ops[n] = g.op(label(name), -1, -1, 0, "" if meta is None else shape_text(meta.shape), "" if meta is None else str(meta.dtype).removeprefix("torch."),
                           "", entries)
        rows[n] = g.node(name, op, -1, [-1 if m is None else rows.get(m, -1) for m, _ in n.next_functions])
        g.op_node[op] = rows[n]
    g.first = g.last = 0
    g.count = 1
    r.graphs = {0: g}
    r.made, r.current = 1, 0
    r.stopped = True
    r.here = r.over
    tape.state = "stopped"
    registry.add(tape)
    return tape, rows


def label(name: str) -> str:
    """AddmmBackward0 is addmm."""
    bare = name.rstrip("0123456789").removesuffix("Backward")
    return "".join("_" + c.lower() if c.isupper() and i and not bare[i - 1].isupper() else c.lower() for i, c in enumerate(bare)) or name


def _named_before(m: Mirror, leaf: Any) -> str | None:
    """What an earlier recording, which saw its module, calls a leaf."""
    for tape in reversed(registry.list()):
        if isinstance(tape, TorchTape):
            known = tape.recorder.mirrors.table.get(id(leaf))
            p = None if known is None or known() is not leaf else tape.recorder.names.by_id.get(known._id)
            if p is not None and p.owned:
                return p.name
    return None
