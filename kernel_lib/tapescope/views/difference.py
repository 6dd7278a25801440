"""How the structures of two recordings differ, drawn on the graph of the later one."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from ..tape.compare import Comparison, Op, main_graph
from . import static
from .widgets import GraphView


def difference(found: Comparison) -> dict[str, Any]:
    """Rows of the second graph: `added`, `changed` with what was changed in words, and `gone`, each op that is no longer there at the one that it stood behind."""
    graph = main_graph(found.tapes[1])
    s = found.structure
    pairs = sorted(s.pairs)
    before = [a for a, _ in pairs]

    def place(op: Op) -> int:
        at = bisect_left(before, op.row) - 1
        return pairs[max(at, 0)][1] if pairs else 0

    return {"graph": -1 if graph is None else graph.number, "against": found.names[0], "added": [op.row for op in s.added],
            "changed": [[b.row, _changed(a, b)] for a, b in s.changed], "gone": [[place(op), op.name] for op in s.removed]}


def _changed(a: Op, b: Op) -> str:
    told = [f"{x or 'scalar'} → {y or 'scalar'}" for x, y in ((a.name, b.name), (a.shape.replace("x", "×"), b.shape.replace("x", "×")), (a.dtype, b.dtype)) if x != y]
    return ", ".join(told)


class DifferenceView(GraphView):
    """The graph of the second of two recordings, with what was added, changed and removed since the first."""

    def __init__(self, found: Comparison, **options: Any) -> None:
        if found.tapes == ():
            raise ValueError("this comparison does not know its recordings: make it with compare(a, b)")
        self.comparison = found
        super().__init__(found.tapes[1], overlay="changes", difference=difference(found), **options)

    def to_svg(self) -> str:
        return static.graph_svg(self.tape, self.options["difference"])
