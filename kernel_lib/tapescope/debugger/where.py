"""Where nodes are: the module call that made them, and what leaves are called. Told by a recording, by an ear that follows module calls, or by a module."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..core.node import AccumulateGrad, Node
from ..core.tensor import Tensor
from ..tape import Tape, active, registry
from .ear import ear


def recording_of(order: Iterable[Node]) -> Tape | None:
    """The recording that knows all these nodes, if there is one."""
    nodes = list(order)
    for tape in dict.fromkeys([t for t in (active(), registry.newest()) if t is not None and not t.recorder.foreign]):
        rows = tape.recorder.rows
        if nodes and all(n.seq in rows for n in nodes):
            return tape
    return None


def structure_of(tape: Tape) -> int:
    """The number of the structure that the rows of the running step belong to: one that is new is not the current one yet."""
    here = getattr(tape.recorder, "here", None)
    graph = None if here is None else here.graph
    return int(tape.recorder.current if graph is None else graph.number)


def micros_of(tape: Tape, number: int, op: int) -> float | None:
    """Microseconds that an op took: in the step that runs, else in the newest of its structure."""
    ticks = tape.recorder.ticks
    if structure_of(tape) == number and op < len(ticks):
        return float(ticks[op] * 1e-3)
    found, _ = tape.frames("clocks", id=str(number), most=1)
    took = float(found[-1].columns["op_us"][op]) if found and op < len(found[-1].columns["op_us"]) else math.nan
    return took if took == took else None


class Where:
    """Module paths of nodes and names of leaves."""

    def __init__(self, tape: Tape | None = None, module: Any = None, rows: dict[Node, int] | None = None) -> None:
        self.tape, self._rows = tape, rows or {}
        self.number = -1 if tape is None else structure_of(tape)
        self._given: dict[int, str] = {} if module is None else {id(p): str(n) for n, p in module.named_parameters()}
        self._leaves: dict[int, str] | None = None

    @property
    def paths(self) -> set[str] | None:
        """Paths of all module calls that nodes may have been made in; None where they are not told by calls."""
        if self._given:
            return None
        graph = self.graph
        known = set() if graph is None else {graph.strings[p] for p in set(graph.mod_path)}
        if self.tape is not None:
            known |= self.tape.recorder.names.paths()
        return known | ear.names.paths() | ear.paths

    @property
    def graph(self) -> Any:
        return None if self.tape is None else self.tape.graphs.get(self.number)

    def row(self, node: Node) -> int:
        """The node's row in the recording's graph; -1 when it has none."""
        found = self._rows.get(node)
        if found is None and self.tape is not None:
            found = self.tape.recorder.rows.get(node.seq)
        return -1 if found is None else found

    def micros(self, node: Node) -> float | None:
        """Microseconds that the op took which made a node, where a recording has noted it."""
        graph, row, tape = self.graph, self.row(node), self.tape
        if graph is None or tape is None or not 0 <= row < len(graph.node_op) or graph.node_op[row] < 0:
            return None
        return micros_of(tape, self.number, graph.node_op[row])

    def module(self, node: Node) -> str:
        """The path of the module call that made a node; '' at the top level or when unknown."""
        if isinstance(node, AccumulateGrad):
            return self.leaf(node.variable).rpartition(".")[0]
        graph, row = self.graph, self.row(node)
        if graph is not None and 0 <= row < len(graph.node_op) and graph.node_op[row] >= 0:
            call = graph.op_module[graph.node_op[row]]
            if call >= 0:
                return str(graph.strings[graph.mod_path[call]])
        return ear.module_of(node.seq)

    def leaf(self, leaf: Tensor) -> str:
        """A leaf's name: as its module calls it, or by shape."""
        known = self._given.get(id(leaf)) or self._known(leaf)
        if known is None or known.startswith("param"):          # numbered, because that recording has met no module
            known = ear.name_of(leaf) or known
        return known or leaf.name or f"leaf{list(leaf._array.shape)}"

    def _known(self, leaf: Tensor) -> str | None:
        if self.tape is None:
            return None
        p = self.tape.recorder.names.by_id.get(leaf._id) if leaf._id else None
        if p is not None and p.ref() is leaf:
            return p.name
        if self._leaves is None:
            graph, self._leaves = self.graph, {}
            for node, row in self._rows.items():
                if isinstance(node, AccumulateGrad) and graph is not None and graph.node_src[row] >= 0:
                    self._leaves[id(node.variable)] = graph.strings[graph.src_name[graph.node_src[row]]]
        return self._leaves.get(id(leaf))


def inside(path: str, pattern: str) -> bool:
    """Whether a module path is `pattern` or lies below it."""
    return path == pattern or path.startswith(pattern + ".")
