"""Small training programs that the tests of the tape record."""

from __future__ import annotations

from typing import Any

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim


class Net(nn.Module):
    """A nested model: encoder.0, encoder.2, head."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(x))


def data(n: int = 32) -> tuple[Any, Any]:
    return ts.randn(n, 8), ts.randint(0, 3, (n,))


def train(steps: int = 5, *, model: Any = None, opt: Any = None, tape: Any = None, evaluate: bool = False, n: int = 32, **options: Any) -> Any:
    """Trains under a recording (a new one unless `tape` is given) and returns the tape, stopped when it was new."""
    ts.manual_seed(0)
    model = model or Net()
    opt = opt or optim.SGD(model.parameters(), lr=0.1)
    x, y = data(n)
    own = tape is None
    tape = tape or ts.record(**options)
    try:
        for _ in range(steps):
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            if evaluate:
                with ts.no_grad():
                    accuracy = (model(x).argmax(1) == y).float().mean()
                tape.log_scalar("accuracy", accuracy)
    finally:
        if own:
            tape.stop()
    assert tape.error is None, tape.error_text
    return tape


def series(tape: Any, tag: str) -> tuple[list[int], list[float]]:
    """Steps and values of a scalar."""
    steps: list[int] = []
    values: list[float] = []
    for f in pages(tape, "scalars", id=tag):
        steps += f.columns["step"].tolist()
        values += f.columns["value"].tolist()
    return steps, values


def pages(tape: Any, kind: str, **how: Any) -> list[Any]:
    """All frames of a kind, page by page."""
    found: list[Any] = []
    cursor = None
    for _ in range(100_000):
        frames, cursor = tape.frames(kind, cursor, **how)
        if not frames:
            return found
        found += frames
    raise AssertionError("the pages do not end")


def tables(tape: Any, **how: Any) -> dict[int, dict[str, list[Any]]]:
    """Columns per structure, put together from graph frames as a reader would: text resolved, starts checked."""
    found: dict[int, dict[str, list[Any]]] = {}
    for f in pages(tape, "graph", **how):
        g = found.setdefault(f.meta["graph"], {"closed": []})
        for table, first in (("op", "op_name"), ("src", "src_name"), ("mod", "mod_path"), ("node", "node_name"), ("site", "site_file")):
            if first in f.columns:
                assert f.meta["start"][table] == len(g.get(first, []))
        for name, column in f.columns.items():
            text = name in STRINGS
            g.setdefault(name, []).extend(tape.strings[i] if text else i for i in column.tolist())
        g["closed"] += f.meta["closed"]
    for g in found.values():
        for row, last in g["closed"]:
            g["mod_last"][row] = last
        check(g)
    return found


STRINGS = frozenset("op_name op_shape op_dtype op_label src_name src_shape src_dtype mod_path mod_class node_name site_file site_text site_function "
                    "site_cell".split())


def split(flat: list[int], counts: list[int]) -> list[list[int]]:
    found, at = [], 0
    for n in counts:
        found.append(flat[at:at + n])
        at += n
    assert at == len(flat)
    return found


def check(g: dict[str, list[Any]]) -> None:
    """Every reference of a structure leads somewhere, and backwards."""
    ops, sources, modules, nodes = (len(g.get(k, [])) for k in ("op_name", "src_name", "mod_path", "node_name"))
    for row, entries in enumerate(split(g.get("op_in", []), g.get("op_inputs", []))):
        for e in entries:
            assert e < row if e >= 0 else -e - 1 < sources
    assert all(-1 <= m < modules for m in g.get("op_module", []))
    assert all(-1 <= s < len(g.get("site_file", [])) for s in g.get("op_site", []))
    for row, entries in enumerate(split(g.get("node_next", []), g.get("node_nexts", []))):
        assert all(-1 <= e < row for e in entries)
    assert all(-1 <= o < ops for o in g.get("node_op", []))
    assert all(-1 <= s < sources for s in g.get("node_src", []))
    assert all(p < row for row, p in enumerate(g.get("mod_parent", [])))
    assert nodes == len(g.get("node_src", []))
