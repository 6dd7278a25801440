"""Two recordings side by side: how their structures differ, and the first value in which they part."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .fingerprint import GRAD, UPDATED, WEIGHT
from .graph import Graph

EPS = {"float16": 9.8e-4, "bfloat16": 7.8e-3, "float32": 1.2e-7, "float64": 2.3e-16, "complex64": 1.2e-7, "complex128": 2.3e-16}
ROUNDING = 1000                  # units in the last place that sums in another order may differ by, relative to the norm
_LEAF = {WEIGHT: "weight", GRAD: "gradient", UPDATED: "updated weight"}


class Op(NamedTuple):
    """An op of one of the structures."""

    row: int
    name: str
    module: str
    shape: str
    dtype: str
    source: tuple[str, int, str, str] | None

    def __str__(self) -> str:
        where = f" in {self.module}" if self.module else ""
        line = f" ({self.source[2] or self.source[0]}:{self.source[1]})" if self.source else ""
        return f"{self.name}{where} [{self.shape.replace('x', '×')}]{line}"


@dataclass
class Structure:
    """How the graphs differ. `pairs` are rows of ops that stand for each other; `changed` are pairs whose shape, dtype or kind is another."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    added: list[Op] = field(default_factory=list)
    removed: list[Op] = field(default_factory=list)
    changed: list[tuple[Op, Op]] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return not (self.added or self.removed or self.changed)


class Divergence(NamedTuple):
    """The first value that differs: at which step, of what, by how much of its norm, and how much its operands differed."""

    step: int
    kind: str                    # "op", "input", "weight", "gradient", "updated weight"
    name: str
    a: Op | None
    b: Op | None
    difference: float
    tolerance: float
    before: float

    def __str__(self) -> str:
        what = str(self.a) if self.kind == "op" and self.a is not None else f"{self.kind} {self.name}" + (f" of {self.a}" if self.a is not None else "")
        told = f"step {self.step}: {what} differs by {self.difference:.2g} of its norm (rounding explains {self.tolerance:.1g})"
        return told + (f", its operands by {self.before:.2g}" if self.kind == "op" else "")


class Comparison(NamedTuple):
    """What `compare` has found. `first` is beyond the tolerance, `bits` the first difference of all; `growth` are the ops that enlarged a difference most."""

    structure: Structure
    first: Divergence | None
    bits: Divergence | None
    growth: list[Divergence]
    steps: int
    names: tuple[str, str]
    tapes: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        s, lines = self.structure, [f"{self.names[0]} and {self.names[1]}"]
        lines.append("the same structure" if s.same else f"structure: {len(s.added)} ops added, {len(s.removed)} removed, {len(s.changed)} changed")
        lines += [f"  + {op}" for op in s.added[:8]] + [f"  - {op}" for op in s.removed[:8]] + [f"  ~ {a} -> {b}" for a, b in s.changed[:8]]
        if not self.steps:
            lines.append("no step of both has fingerprints: record(fingerprints=True)")
        elif self.bits is None:
            lines.append(f"all values of {self.steps} step{'s' * (self.steps != 1)} are the same, bit for bit")
        else:
            lines.append(f"first divergence: {self.first}" if self.first else f"nothing differs by more than rounding in {self.steps} step{'s' * (self.steps != 1)}")
            lines.append(f"first difference of all: {self.bits}")
        return "\n".join(lines)


def compare(a: Any, b: Any, tolerance: float | None = None) -> Comparison:
    """The difference of two recordings: of seeds, dtypes, versions, devices, libraries.

    Ops are paired by module, name and order. With fingerprints (`record(fingerprints=True)`) their values are compared too: a difference, relative to the norm of
    the value, is more than rounding beyond `tolerance` (of each dtype: a thousand units in the last place, times the steps so far).
    """
    ga, gb = main_graph(a), main_graph(b)
    structure = align(ga, gb) if ga is not None and gb is not None else Structure()
    prints = [_prints(t) for t in (a, b)]
    shared = sorted(set(prints[0]) & set(prints[1]))
    known: dict[tuple[int, int], Structure] = {}
    first = bits = None
    growth: list[Divergence] = []
    compared = 0
    for step in shared:
        pa, pb = prints[0][step], prints[1][step]
        xa, xb = a.graphs.get(pa["graph"]), b.graphs.get(pb["graph"])
        if xa is None or xb is None:
            continue
        compared += 1
        place = (pa["graph"], pb["graph"])
        if place not in known:
            known[place] = structure if xa is ga and xb is gb else align(xa, xb)
        for d, exact in _walk(step, xa, xb, known[place], pa, pb, tolerance):
            if bits is None and not exact:
                bits = d
            if first is None and not d.difference <= d.tolerance and not d.before > d.tolerance:
                first = d
            if d.kind == "op" and d.difference > 8 * d.before and d.difference > d.tolerance / 100:
                growth.append(d)
        if first is not None:
            break
    growth.sort(key=lambda d: -d.difference / max(d.before, 1e-300))
    return Comparison(structure, first, bits, growth[:8], compared, (a.name, b.name), (a, b))


# -- structures ---------------------------------------------------------------------------------------------------------------


def main_graph(tape: Any) -> Graph | None:
    """The structure that trains: of those with grad_fn nodes the one that ran most often."""
    graphs = list(tape.graphs.values())
    return max(graphs, key=lambda g: (bool(g.node_name), g.count, g.number)) if graphs else None


def op_of(g: Graph, row: int) -> Op:
    s = g.strings.list
    m = g.op_module[row]
    return Op(row, s[g.op_name[row]], s[g.mod_path[m]] if m >= 0 else "", s[g.op_shape[row]], s[g.op_dtype[row]], g.where(row))


def align(a: Graph, b: Graph) -> Structure:
    """Ops in pairs: the longest runs of the same names in the same modules stand for each other."""
    found = Structure()
    xs, ys = [op_of(a, i) for i in range(len(a.op_name))], [op_of(b, i) for i in range(len(b.op_name))]

    def differ(i: int, j: int) -> None:
        x, y = xs[i], ys[j]
        found.pairs.append((i, j))
        if (x.name, x.shape, x.dtype) != (y.name, y.shape, y.dtype):
            found.changed.append((x, y))

    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, [(x.module, x.name) for x in xs], [(y.module, y.name) for y in ys], autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and i2 - i1 == j2 - j1 and all(x.shape == y.shape and x.module == y.module for x, y in zip(xs[i1:i2], ys[j1:j2], strict=True))):
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                differ(i, j)
        else:
            found.removed += xs[i1:i2]
            found.added += ys[j1:j2]
    return found


def _outputs(g: Graph) -> dict[tuple[str, int], int]:
    """The last op of every module call: what the call gave."""
    s = g.strings.list
    return {(s[p], c): last for p, c, last, first in zip(g.mod_path, g.mod_call, g.mod_last, g.mod_first, strict=True) if last >= first}


# -- values -------------------------------------------------------------------------------------------------------------------


def _prints(tape: Any) -> dict[int, dict[str, Any]]:
    """Fingerprints by step; of a step with several passes the one that trained."""
    found: dict[int, dict[str, Any]] = {}
    cursor = None
    while True:
        frames, cursor = tape.frames("fingerprints", cursor, max_bytes=4 << 20)
        if not frames:
            return found
        for f in frames:
            c = f.columns
            ops = dict(zip(c["op"].tolist(), _rows(c, ""), strict=True))
            sources = dict(zip(zip(c["src_op"].tolist(), c["src_at"].tolist(), strict=True), _rows(c, "src_"), strict=True))
            leaves = dict(zip(zip((tape.strings[i] for i in c["leaf"].tolist()), c["leaf_kind"].tolist(), strict=True), _rows(c, "leaf_"), strict=True))
            known = found.get(int(f.meta["step"]))
            if known is None or leaves or len(ops) > len(known["ops"]):
                found[int(f.meta["step"])] = {"graph": int(f.meta["graph"]), "ops": ops, "sources": sources, "leaves": leaves}


def _rows(c: Any, name: str) -> list[tuple[float, float, int]]:
    return list(zip(c[name + "sum"].tolist(), c[name + "norm"].tolist(), c[name + "bits"].tolist(), strict=True))


def apart(x: tuple[float, float, int], y: tuple[float, float, int]) -> float:
    """The difference of two fingerprints relative to the norm; infinite where one is not finite and the other is."""
    fx, fy = math.isfinite(x[0]) and math.isfinite(x[1]), math.isfinite(y[0]) and math.isfinite(y[1])
    if not (fx and fy):
        return 0.0 if fx == fy else math.inf
    size = max(x[1], y[1])
    return max(abs(x[0] - y[0]), abs(x[1] - y[1])) / size if size else 0.0


def _walk(step: int, ga: Graph, gb: Graph, structure: Structure, pa: dict[str, Any], pb: dict[str, Any], tolerance: float | None) -> Any:
    """(divergence, whether bits are the same) of weights, ops in their order, gradients, updates."""
    pairs = dict(structure.pairs)
    alike = set(pairs)                                         # operands stand in the same order in these
    theirs = _outputs(gb)
    for place, row in _outputs(ga).items():                    # libraries cut a layer into other ops; what it gives is the same
        pairs.setdefault(row, theirs.get(place, -1))
    coarse = max([EPS[g.strings.list[i]] for g in (ga, gb) for i in set(g.op_dtype) if g.strings.list[i] in EPS], default=EPS["float32"])

    def bound(x: Op | None, y: Op | None, more: float = 1.0) -> float:
        if tolerance is not None:
            return tolerance
        eps = max(EPS.get(x.dtype, 0.0), EPS.get(y.dtype, 0.0)) if x is not None and y is not None else coarse
        return ROUNDING * max(eps, 0.0) * (step + 1) * more

    def leaves(kind: int, more: float) -> Any:
        for (name, k), x in pa["leaves"].items():
            y = pb["leaves"].get((name, k))
            if k == kind and y is not None:
                yield Divergence(step, _LEAF[kind], name, None, None, apart(x, y), bound(None, None, more), 0.0), x[2] == y[2]

    yield from leaves(WEIGHT, 1.0)
    off: dict[int, float] = {}
    s = ga.strings.list
    for row in sorted(pa["ops"]):
        to = pairs.get(row, -1)
        inputs = ga.inputs_of(row)
        before = max((off.get(e, 0.0) for e in inputs if e >= 0), default=0.0)
        if to < 0 or to not in pb["ops"]:
            off[row] = before
            continue
        x, y = op_of(ga, row), op_of(gb, to)
        for at, e in enumerate(inputs):
            if row in alike and (row, at) in pa["sources"] and (to, at) in pb["sources"]:
                p, q = pa["sources"][row, at], pb["sources"][to, at]
                d = apart(p, q)
                if e < 0 and ga.src_kind[-e - 1] != 1:
                    yield Divergence(step, "input", s[ga.src_name[-e - 1]] or f"operand {at}", x, y, d, bound(x, y), 0.0), p[2] == q[2]
                before = max(before, d)
        off[row] = apart(pa["ops"][row], pb["ops"][to])
        yield Divergence(step, "op", x.name, x, y, off[row], bound(x, y), before), pa["ops"][row][2] == pb["ops"][to][2]
    yield from leaves(GRAD, 10.0)
    yield from leaves(UPDATED, 10.0)
