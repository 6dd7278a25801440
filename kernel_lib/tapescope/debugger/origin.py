"""Where a NaN, an infinity or a blow-up began: the first op that made it of values that were in order, not the last that passed it on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.engine import fit, walk
from ..core.explain import formula
from ..core.node import AccumulateGrad, Node, meta_of, title
from ..core.saved import arrays, names
from ..core.site import SiteInfo, resolve
from ..core.state import set_sink
from ..tape.walk import FILLS
from .axes import Names, place_words
from .kept import Kept
from .shares import parents_of
from .values import Values
from .why import why

if TYPE_CHECKING:
    from .sight import Sight

JUMP = 1e3                         # between the largest input and the largest output of an op: its range has jumped
SHOWN = 8                          # places of a tensor that are told


class Origin:
    """What `dbg.origin()` gives. `found` is False where everything is in order; then `words` says how much the range grew at most."""

    def __init__(self, direction: str = "", kind: str = "", **fields: Any) -> None:
        self.direction, self.kind = direction, kind
        self.found = bool(kind)
        self.node: Node | None = fields.get("node")
        self.row: int = fields.get("row", -1)
        self.index: int = fields.get("index", -1)
        self.name: str = fields.get("name", "")
        self.label: str = fields.get("label", "")
        self.module: str = fields.get("module", "")
        self.source: SiteInfo | None = fields.get("source")
        self.where: list[list[int]] = fields.get("where", [])
        self.axes: Names | None = fields.get("axes")
        self.count: int = fields.get("count", 0)
        self.size: int = fields.get("size", 0)
        self.operands: list[dict[str, Any]] = fields.get("operands", [])
        self.formula: str = fields.get("formula", "")
        self.why: str = fields.get("why", "")
        self.fix: str = fields.get("fix", "")
        self.path: list[dict[str, Any]] = fields.get("path", [])
        self.before: dict[str, Any] | None = fields.get("before")
        self.words: str = fields.get("words", "")

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"found": self.found, "direction": self.direction, "kind": self.kind or None, "node": self.row, "index": self.index, "name": self.name, "label": self.label,
                "module": self.module, "source": told(self.source), "where": self.where, "axes": self.axes, "count": self.count, "size": self.size, "operands": self.operands,
                "formula": self.formula, "why": self.why, "fix": self.fix, "path": self.path, "before": self.before, "words": repr(self)}

    def __bool__(self) -> bool:
        return self.found

    def __repr__(self) -> str:
        if not self.found:
            return self.words
        lines = [f"{self.direction}: {self.words}" + (f"  in {self.module}" if self.module else "")]
        lines += [f"  {self.source}"] if self.source is not None else []
        if self.where:
            lines.append(f"  {self.count} of {self.size} elements, first at {'; '.join(place_words(w, self.axes) for w in self.where[:3])}")
        lines += [f"  {o['name']}: {o['words']}" for o in self.operands]
        lines += [f"  because {self.why}", f"  what helps: {self.fix}"] if self.why else []
        if self.before is not None:
            lines.append(f"  its range first jumped before that: {self.before['words']}")
        if len(self.path) > 1:
            names = [f"{p['name']}{' (' + p['module'] + ')' if p['module'] else ''}" for p in self.path]
            lines.append("  from the loss: " + " → ".join(names if len(names) <= 8 else [*names[:3], f"{len(names) - 6} more", *names[-3:]]))
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        return "```text\n" + repr(self) + "\n```" + (f"\n\n$$\\begin{{gathered}}{self.formula}\\end{{gathered}}$$" if self.found and self.formula else "")


def told(info: SiteInfo | None) -> list[Any] | None:
    return None if info is None else [info.file, info.line, info.text, info.cell]


def origin(dbg: Sight, direction: str | None = None) -> Origin:
    """Looks forward first: a loss that is NaN makes every gradient NaN."""
    if direction not in (None, "forward", "backward"):
        raise ValueError(f'direction is "forward", "backward" or None for both, not {direction!r}')
    found = forward_origin(dbg) if direction != "backward" else None
    if found is None and direction != "forward":
        return backward_origin(dbg)
    return found or Origin(words="every forward value that is still known is finite")


# -- forward ---------------------------------------------------------------------------------------------------------------------------


def forward_origin(dbg: Sight) -> Origin | None:
    """The oldest node of the pass whose value is not finite while its operands are, by what is still held and what can be computed again of it."""
    pass_ = dbg._pass
    if not any(_bad(t._array) for t in pass_.roots) and not any(_bad(a) for n in pass_.order for a in _floats(n)):
        return None
    values = Values(pass_.order)
    sick: set[Node] = set()
    growth: list[tuple[Node, float, float]] = []
    for n in reversed(pass_.order):                             # as they were made
        operands = [values.operand(n, i) for i in range(len(n.next))]
        value = values.of(n)
        bad = value is not None and _bad(value)
        if value is None and any(t._node is n for t in pass_.roots):
            bad = any(_bad(t._array) for t in pass_.roots if t._node is n)
            value = next(t._array for t in pass_.roots if t._node is n)
        given = [a for a in operands if a is not None and _float(a)]
        if bad and n.op.name in FILLS and not np.isnan(_host(value)).any():
            continue                                            # a mask of infinities, put there on purpose
        if bad:
            ill = [i for i, a in enumerate(operands) if a is not None and _float(a) and _bad(a)]
            fills = all(n.next[i] is not None and n.next[i].op.name in FILLS for i in ill)      # type: ignore[union-attr]
            if not ill or (fills and np.isnan(_host(value)).any()):
                return _told(dbg, n, "forward", _host(value), [(_operand_name(n, i), a) for i, a in enumerate(operands) if a is not None], growth, values, axes=dbg.axes.of(n))
            outside = [i for i in ill if n.next[i] is None or isinstance(n.next[i], AccumulateGrad)]
            if outside and not any(m in sick for m in n.next):
                return _from_outside(dbg, n, outside[0], operands[outside[0]])
            sick.add(n)
        elif value is not None and given:
            growth.append((n, max(map(_largest, given)), _largest(value)))
    return None


def _from_outside(dbg: Sight, n: Node, i: int, value: Any) -> Origin:
    m = n.next[i]
    what = f"the parameter {dbg.name_of(m.variable)}" if isinstance(m, AccumulateGrad) else f"the data that comes into {n.op.label} as {_operand_name(n, i)}"
    a = _host(value)
    places = np.argwhere(~np.isfinite(a))
    kind = "nan" if np.isnan(a).any() else "inf"
    return Origin("forward", kind, **_place(dbg, n), where=places[:SHOWN].tolist(), count=len(places), size=int(a.size),
                  operands=[_described(_operand_name(n, i), a, places)], path=path_to(dbg, n), words=f"{what} holds {_kind(kind)} already; no op made it",
                  why="it came from outside the graph", fix="look at the data" if m is None else "an earlier update made it: look at the step before")


# -- backward --------------------------------------------------------------------------------------------------------------------------


class _Growth(NamedTuple):
    node: Node
    given: float
    made: float


def backward_origin(dbg: Sight) -> Origin:
    """Runs the pass aside, and compares what comes into each node with what it gives."""
    pass_ = dbg._pass
    now = Kept(pass_, 0, 0, {}, {})
    pass_.check(0, aside=True)
    growth: list[tuple[Node, float, float]] = []
    sink = set_sink(None)
    pass_.put_back_beside(pass_.first)
    again = walk(pass_.roots, [g.copy() if pass_.hooked and not pass_.create else g for g in pass_.start], retain=True, create=pass_.create, observe=True,
                 write=lambda t, g: True, captures={k: [] for k in pass_.captures} if pass_.captures is not None else None, accumulate=pass_.accumulate, site=pass_.site)
    try:
        for stop in again:
            n, given = stop.node, [_host(g) for g in stop.grads if g is not None]
            if stop.when == "before":
                pass_.alter(n, stop.grads)
                if any(_bad(g) for g in given):
                    return _met(dbg, n, given, growth)
                continue
            if isinstance(n, AccumulateGrad):
                continue
            for i, o in enumerate(stop.grads_out):
                if o is None or n.next[i] is None:
                    continue
                a = _host(o)
                if _bad(a):
                    m = n.next[i]
                    shape, dtype = meta_of(m, n.nrs[i])          # type: ignore[arg-type]
                    return _told(dbg, n, "backward", _host(fit(np.asarray(a), shape, dtype, n, m)), _saved(n), growth, Values(pass_.order), f"of {_operand_name(n, i)}", axes=dbg.axes.operand(n, i))      # type: ignore[arg-type]
                if given:
                    growth.append((n, max(map(_largest, given)), _largest(a)))
    finally:
        again.close()
        set_sink(sink)
        pass_.put_back_beside(now)
    return _blow_up(dbg, growth)


def _met(dbg: Sight, n: Node, given: list[Any], growth: list[tuple[Node, float, float]]) -> Origin:
    """Something that is not finite comes into a node although every node gave finite gradients: a hook, a sum, an edit, or the pass's own start."""
    a = next(g for g in given if _bad(g))
    places = np.argwhere(~np.isfinite(a))
    kind = "nan" if np.isnan(a).any() else "inf"
    hooks = hooks_of(n)
    who = ("an edit" if n in dbg._pass.edits else f"a hook ({', '.join(hooks)})" if hooks else "the gradient that the pass begins with" if not growth else "the sum of the gradients that meet there")
    return Origin("backward", kind, **_place(dbg, n), where=places[:SHOWN].tolist(), count=len(places), size=int(a.size), path=path_to(dbg, n),
                  before=_jump(dbg, n, growth), words=f"{who} made {_kind(kind)} in what comes into {title(n)}",
                  why="every node before it gave finite gradients", fix="look at the hook" if hooks else "look at what is added, and scale it down")


def _blow_up(dbg: Sight, growth: list[tuple[Node, float, float]]) -> Origin:
    """Everything is finite: the node that makes the range jump most, when it does."""
    ranked = [(made / given if given else 0.0, n, given, made) for n, given, made in growth]
    if not ranked:
        return Origin(words="no gradient has been computed: there is nothing to look at")
    ratio, n, given, made = max(ranked, key=lambda r: r[0])
    if ratio < JUMP or made < 1.0:
        return Origin(words=f"every gradient is finite, and no node makes them jump: {title(n)} enlarges most, {ratio:.3g}-fold to {made:.3g} at most")
    first = next((r for r in ranked if r[0] >= JUMP and r[3] >= 1.0), (ratio, n, given, made))
    ratio, n, given, made = first
    values = Values(dbg._pass.order)
    found = _told(dbg, n, "backward", np.zeros(0), _saved(n), [], values, kind="blow-up", largest=made)
    found.words = f"{title(n)} makes the gradient jump {ratio:.3g}-fold, from {given:.3g} to {made:.3g} at most"
    return found


# -- words -----------------------------------------------------------------------------------------------------------------------------


def _told(dbg: Sight, n: Node, direction: str, value: Any, operands: list[tuple[str, Any]], growth: list[tuple[Node, float, float]], values: Values, what: str = "",
          kind: str = "", largest: float = 0.0, axes: Names | None = None) -> Origin:
    places = np.argwhere(~np.isfinite(value)) if value.size else np.zeros((0, 0), int)
    kind = kind or ("nan" if np.isnan(value).any() else "inf")
    at = [(name, _at(a, value.shape, places)) for name, a in operands if hasattr(a, "dtype")]
    largest = max([largest, *[_largest(a) for _, a in operands if hasattr(a, "dtype") and _float(a)]])
    tex = formula(n) if direction == "backward" else "y = " + n.op.tex
    reason, fix = why(n.op.name, direction, [(name, v if v is not None else a) for (name, v), (_, a) in zip(at, [o for o in operands if hasattr(o[1], "dtype")], strict=True)], largest, kind, tex)
    made = {"nan": "NaN", "inf": "an infinity"}.get(kind, kind)
    words = f"{title(n)} made {made} in the gradient {what}".rstrip() if direction == "backward" else f"{n.op.label} made {made} from finite values"
    return Origin(direction, kind, **_place(dbg, n), axes=axes, where=places[:SHOWN].tolist(), count=len(places), size=int(value.size),
                  operands=[_described(name, a, places, value.shape) for name, a in operands], formula=tex, why=reason, fix=fix,
                  path=path_to(dbg, n), before=_jump(dbg, n, growth, direction), words=words)


def _place(dbg: Sight, n: Node) -> dict[str, Any]:
    return {"node": n, "row": dbg.row(n), "index": dbg._pass.sequence.index(n), "name": title(n), "label": n.op.label, "module": dbg.where.module(n), "source": resolve(n.site)}


def _jump(dbg: Sight, n: Node, growth: list[tuple[Node, float, float]], direction: str = "backward") -> dict[str, Any] | None:
    """The first op on the way to `n` whose largest value is a thousand times its largest operand."""
    on_path = _reach(dbg, n, direction)
    for m, given, made in growth:
        if m is not n and given > 0 and made / given >= JUMP and made >= 1.0 and m in on_path:
            place = _place(dbg, m)
            source = place["source"]
            return {"node": place["row"], "index": place["index"], "name": place["name"], "module": place["module"], "source": told(source),
                    "words": f"{m.op.label if direction == 'forward' else title(m)} from {given:.3g} to {made:.3g} at most" + (f" ({source})" if source else "")}
    return None


def _reach(dbg: Sight, n: Node, direction: str) -> set[Node]:
    """What lies before `n` on the way that values take: operands forward, consumers backward."""
    seen, stack = {n}, [n]
    while stack:
        m = stack.pop()
        for k in (m.next if direction == "forward" else parents_of(dbg._pass, m)):
            if k is not None and k not in seen:
                seen.add(k)
                stack.append(k)
    return seen


def path_to(dbg: Sight, n: Node) -> list[dict[str, Any]]:
    """The shortest way from the loss to a node."""
    starts = {t._node for t in dbg._pass.roots}
    came: dict[Node, Node | None] = {n: None}
    queue = [n]
    for m in queue:                                             # grows while it is walked
        if m in starts:
            way = []
            step: Node | None = m
            while step is not None:
                way.append({"node": dbg.row(step), "index": dbg._pass.sequence.index(step), "name": title(step), "module": dbg.where.module(step)})
                step = came[step]
            return way
        for k in parents_of(dbg._pass, m):
            if k not in came:
                came[k] = m
                queue.append(k)
    return []


def hooks_of(n: Node) -> list[str]:
    """The names of the hooks that run at a node."""
    extra = n.extra
    found = [] if extra is None else [h for _, h in (extra.tensor_hooks or {}).values()] + list((extra.pre or {}).values()) + list((extra.post or {}).values())
    variable = getattr(n, "variable", None)
    if variable is not None and variable._extra is not None:
        found += list((variable._extra.hooks or {}).values()) + list((variable._extra.post_accumulate or {}).values())
    return [getattr(h, "__qualname__", type(h).__name__) for h in found]


def _saved(n: Node) -> list[tuple[str, Any]]:
    if n.saved.__class__ is not tuple:                          # held by hooks, which would run
        return []
    if n.plan is None:
        return [(f"saved_{i}", t._array) for i, t in enumerate(n.saved_tensors) if t is not None]
    return [(name, v) for name, v in zip(names(n), arrays(n), strict=True) if hasattr(v, "dtype") or isinstance(v, (int, float))]


def _operand_name(n: Node, i: int) -> str:
    return n.op.operands[i] if not n.op.variadic and i < len(n.op.operands) and n.plan is not None else f"x{i}"


def _described(name: str, a: Any, places: Any, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    from ..core.tensor import wrap
    from .summary import one_line

    if not hasattr(a, "dtype"):
        return {"name": name, "shape": [], "values": [], "words": str(a)}
    there = _at(a, shape if shape is not None else a.shape, places)
    values = [] if there is None else [float(v) for v in there[:SHOWN]] if there.dtype.kind in "fiub" else []
    return {"name": name, "shape": list(a.shape), "values": values, "words": one_line(wrap(_host(a))) + (f", {', '.join(f'{v:.4g}' for v in values[:4])} there" if values else "")}


def _at(a: Any, shape: tuple[int, ...], places: Any) -> Any:
    """Values of an operand where a result of this shape is not finite; None where the places of one are not those of the other."""
    a = _host(a)
    if not len(places):
        return None
    try:
        return np.broadcast_to(a, shape)[tuple(places[:64].T)]
    except ValueError:
        return None


def _kind(kind: str) -> str:
    return {"nan": "NaN", "inf": "an infinity"}.get(kind, kind)


def _host(a: Any) -> Any:
    a = getattr(a, "_array", a)
    return np.asarray(a) if isinstance(a, (np.ndarray, np.generic, int, float)) else a.get()


def _float(a: Any) -> bool:
    return getattr(a, "dtype", None) is not None and a.dtype.kind in "fc"


def _bad(a: Any) -> bool:
    a = _host(a)
    return _float(a) and not math.isfinite(float(abs(np.vdot(a, a)))) and not np.isfinite(a).all()


def _floats(n: Node) -> list[Any]:
    from .memory import saved_arrays

    return [a for a, _ in saved_arrays(n) if _float(a)]


def _largest(a: Any) -> float:
    a = _host(a)
    return float(np.abs(a).max()) if a.size else 0.0
