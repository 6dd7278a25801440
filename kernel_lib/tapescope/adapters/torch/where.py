"""Where nodes of PyTorch are: the call that made them, its line and module, and what leaves are called. Told by a recording, or by a module."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from ...tape.recordings import active, registry
from .listen import local
from .nodes import LEAF
from .recorder import TorchRecorder
from .structure import label
from .tape import TorchTape


class Words:
    """What an op and one of its nodes are called."""

    __slots__ = ("label", "name", "node_name")

    def __init__(self, name: str, label: str, node_name: str) -> None:
        self.name, self.label, self.node_name = name, label, node_name


@cache
def words(name: str, node_name: str) -> Words:
    """The same object for the same names: breakpoints remember what they know of it."""
    return Words(name, label(node_name), node_name)


class TorchWhere:
    """Rows of nodes in a recording's graph, and what it says of them."""

    def __init__(self, tape: Any, graph: int, rows: dict[Any, int], module: Any = None) -> None:
        self.tape, self.number, self.rows = tape, graph, rows
        self._given: dict[int, tuple[Any, str]] = {} if module is None else {id(p): (p, str(n)) for n, p in module.named_parameters()}

    @property
    def graph(self) -> Any:
        return None if self.tape is None else self.tape.graphs.get(self.number)

    def op(self, node: Any) -> tuple[int, Any]:
        """The row of the op that made a node, -1 when it is not known, and the graph."""
        g, row = self.graph, self.rows.get(node, -1)
        return (g.node_op[row], g) if g is not None and 0 <= row < len(g.node_op) else (-1, g)

    def label(self, node: Any) -> str:
        """What the user wrote that made a node."""
        op, g = self.op(node)
        return str(g.strings[g.op_name[op]]) if op >= 0 else ""

    def words(self, node: Any) -> Words:
        name = node.name().rpartition("::")[2]
        return words(self.label(node) or label(name), name)

    def site(self, node: Any) -> Any:
        """The user's line that made a node, as `core.site.resolve` takes it."""
        op, g = self.op(node)
        return g.sites[g.op_site[op]] if op >= 0 and g.op_site[op] >= 0 else None

    def module(self, node: Any) -> str:
        """The path of the module call that made a node; '' at the top level or when unknown."""
        if node._sequence_nr() >= LEAF:
            return self.parameter(node).rpartition(".")[0]
        op, g = self.op(node)
        return str(g.strings[g.mod_path[g.op_module[op]]]) if op >= 0 and g.op_module[op] >= 0 else ""

    def parameter(self, node: Any) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""
        return self.leaf(node.variable) if node._sequence_nr() >= LEAF and hasattr(node, "variable") else ""

    def leaf(self, leaf: Any) -> str:
        """A leaf's name: as its module or a recording calls it, or by shape."""
        given = self._given.get(id(leaf))
        return given[1] if given is not None and given[0] is leaf else name_of(leaf, self.tape) or unnamed(leaf)


def _quiet() -> Any:
    return None if local.quiet is None else local.quiet.tape


def unnamed(leaf: Any) -> str:
    """What a leaf is called that nobody knows."""
    return f"leaf{list(leaf.shape)}"


def name_of(leaf: Any, first: Any = None) -> str | None:
    """What a recording, the newest that knows it, calls a leaf."""
    for tape in (first, _quiet(), *reversed(registry.list())):
        r = None if tape is None else tape.recorder
        if isinstance(r, TorchRecorder):
            m = r.mirrors.table.get(id(leaf))
            p = None if m is None else r.names.by_id.get(m._id)
            if p is not None and m is not None and m() is leaf:
                return str(p.name)
    return None


def recording_of(nodes: Iterable[Any]) -> tuple[Any, int, dict[Any, int]] | None:
    """The recording that knows these nodes: tape, number of the graph, row of every node."""
    nodes = list(nodes)
    for tape in dict.fromkeys([t for t in (active(), _quiet(), registry.newest()) if isinstance(t, TorchTape)]):
        found = tape.recorder.places(nodes)
        if found is not None:
            return tape, *found
    return None
