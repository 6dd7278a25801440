"""The structure behind a tensor, walked from its grad_fn with no recording: what a debugger shows of a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.node import Node, title
from ..core.tensor import Tensor
from .graph import PARAMETER, Graph, shape_text
from .recordings import registry
from .tape import Tape


def from_root(root: Tensor, name: str | None = None, module: Any = None, name_of: Callable[[Tensor], str | None] = lambda leaf: None) -> Tape:
    """A stopped tape that holds the graph behind `root`. `module` gives names to its parameters, else `name_of`, else a recording that has met them.

    Raises RuntimeError for a tensor without a grad_fn.
    """
    if root._node is None:
        raise RuntimeError(f"this tensor has no grad_fn (shape {list(root._array.shape)}): nothing leads to it")
    tape = Tape(values="none", name=name or "graph of " + title(root._node))
    r = tape.recorder
    names = r.names
    if module is not None:
        names.add_root(module)
    g = Graph(0, tape.intern)
    rows: dict[Node, int] = {}
    op_rows: dict[Node, int] = {}
    order = _order(root._node)
    for node in order:
        variable = getattr(node, "variable", None)
        if variable is not None:
            known = name_of(variable) or _named_before(variable)
            p = names.param(variable, known, True) if known and variable._id not in names.by_id else names.leaf(variable, owned=True)
            src = g.source(PARAMETER, p.name if p else "", shape_text(variable._array.shape), str(variable._array.dtype), -1,
                           p.index if p else -1)
            rows[node] = g.node(title(node), -1, src, [])
            continue
        entries = []
        for m in node.next:
            if m is not None:
                entries.append(op_rows[m] if m in op_rows else -(g.node_src[rows[m]] + 1))
        op = g.op(node.op.label, -1, g.site(node.site), 0, shape_text(node.shape), str(node.dtype), "", entries)
        op_rows[node] = op
        rows[node] = g.node(title(node), op, -1, [-1 if m is None else rows[m] for m in node.next])
        g.op_node[op] = rows[node]
    g.first = g.last = 0
    g.count = 1
    r.graphs = {0: g}
    r.made, r.current = 1, 0
    r.rows = {node.seq: row for node, row in rows.items()}
    r.stopped = True
    r.here = r.over
    tape.state = "stopped"
    registry.add(tape)
    return tape


def _named_before(leaf: Tensor) -> str | None:
    """What an earlier recording, which saw its module, calls a leaf."""
    for tape in reversed(registry.list()):
        known = tape.recorder.names.by_id.get(leaf._id) if leaf._id else None
        if known is not None and known.owned and known.ref() is leaf:
            return known.name
    return None


def _order(root: Node) -> list[Node]:
    """All nodes that lead to root, operands before what reads them, in order of creation where that is free."""
    seen = {root}
    stack = [root]
    while stack:
        for m in stack.pop().next:
            if m is not None and m not in seen:
                seen.add(m)
                stack.append(m)
    # a leaf's AccumulateGrad is numbered when first needed: before its first reader, whatever came later
    return sorted(seen, key=lambda n: (getattr(n, "variable", None) is None, n.seq))
