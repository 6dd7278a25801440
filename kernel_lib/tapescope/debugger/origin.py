"""Where a NaN, an infinity or a blow-up began: the first op that made it of values that were in order, not the last that passed it on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.node import title
from ..core.say import Said, say
from ..core.say import told as told_words
from ..core.site import SiteInfo
from ..tape.walk import FILLS
from .axes import Names, place_words
from .summary import summary, words_of
from .why import why

if TYPE_CHECKING:
    from .held import Held

JUMP = 1e3                         # between the largest input and the largest output of an op: its range has jumped
SHOWN = 8                          # places of a tensor that are told


class Origin:
    """What `dbg.origin()` gives. `found` is False where everything is in order; then `words` says how much the range grew at most."""

    def __init__(self, direction: str = "", kind: str = "", **fields: Any) -> None:
        self.direction, self.kind = direction, kind
        self.found = bool(kind)
        self.node: Any = fields.get("node")
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
        said = {n: told_words(v) for n, v in (("words", self.words), ("why", self.why), ("fix", self.fix), ("before", self.before and self.before["words"])) if v}
        return {"said": said, "found": self.found, "direction": self.direction, "kind": self.kind or None, "node": self.row, "index": self.index, "name": self.name, "label": self.label,
                "module": self.module, "source": told(self.source), "where": self.where, "axes": self.axes, "count": self.count, "size": self.size, "operands": self.operands,
                "formula": self.formula, "why": self.why, "fix": self.fix, "path": self.path, "before": self.before, "words": repr(self), "title": self.words}

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


class Gave(NamedTuple):
    """A node of a pass that runs aside: what comes into it, and once it has run (`outs` is not None) what it gives to which operand."""

    node: Any
    grads: list[Any]
    outs: list[tuple[int, Any]] | None


class Reads(ABC):
    """What the search asks of a pass, whoever runs it. Arrays are NumPy's, None what is not known any more."""

    def __init__(self, dbg: Held[Any]) -> None:
        self.dbg = dbg

    @abstractmethod
    def sequence(self) -> list[Any]:
        """Nodes and leaves in the order in which the pass runs."""

    @abstractmethod
    def ops(self) -> list[Any]:
        """The nodes that are no leaves, as they were made."""

    @abstractmethod
    def roots(self) -> list[tuple[Any, Any]]:
        """What the pass begins at: nodes and values."""

    @abstractmethod
    def suspicious(self) -> bool:
        """Whether anything that is held is not finite."""

    @abstractmethod
    def forward(self, n: Any) -> tuple[Any, list[Any]]:
        """A node's value and its operands."""

    @abstractmethod
    def backward(self) -> Generator[Gave, None, None]:
        """Runs the pass aside, a node after the other: before it has run, and after."""

    @abstractmethod
    def next(self, n: Any) -> list[Any]:
        """The nodes of its operands, by number; None where no gradient goes."""

    @abstractmethod
    def op(self, n: Any) -> str: ...

    @abstractmethod
    def label(self, n: Any) -> str: ...

    @abstractmethod
    def operand(self, n: Any, i: int) -> str:
        """The name of operand i."""

    @abstractmethod
    def saved(self, n: Any) -> list[tuple[str, Any]]:
        """Arrays and numbers that a node holds, by name."""

    @abstractmethod
    def formula(self, n: Any, direction: str) -> str: ...

    @abstractmethod
    def source(self, n: Any) -> SiteInfo | None: ...

    @abstractmethod
    def hooks(self, n: Any) -> list[str]: ...

    def axes(self, n: Any, i: int | None = None) -> Names | None:
        """Names of the axes of a node's value, or of operand i."""
        return None

    def parents(self, n: Any) -> list[Any]:
        """The nodes that lead to `n`, in the order in which they run."""
        if not hasattr(self, "_parents"):
            self._parents: dict[Any, list[Any]] = {}
            for k in self.sequence():
                for m in dict.fromkeys(self.next(k)):
                    if m is not None:
                        self._parents.setdefault(m, []).append(k)
        return self._parents.get(n, [])

    def index(self, n: Any) -> int:
        return self.sequence().index(n)


def origin(reads: Reads, direction: str | None = None) -> Origin:
    """Looks forward first: a loss that is NaN makes every gradient NaN."""
    if direction not in (None, "forward", "backward"):
        raise ValueError(say('direction is "forward", "backward" or None for both, not {0}', repr(direction)))
    found = forward_origin(reads) if direction != "backward" else None
    if found is None and direction != "forward":
        return backward_origin(reads)
    return found or Origin(words=say("every forward value that is still known is finite"))


# -- forward ---------------------------------------------------------------------------------------------------------------------------


def forward_origin(reads: Reads) -> Origin | None:
    """The oldest node of the pass whose value is not finite while its operands are, by what is still held and what can be computed again of it."""
    roots = reads.roots()
    if not any(_bad(a) for _, a in roots) and not reads.suspicious():
        return None
    sick: set[Any] = set()
    growth: list[_Growth] = []
    for n in reads.ops():
        value, operands = reads.forward(n)
        bad = value is not None and _bad(value)
        ends = [a for root, a in roots if root is n]
        if value is None and ends:
            bad, value = any(map(_bad, ends)), ends[0]
        given = [a for a in operands if a is not None and _float(a)]
        if bad and reads.op(n) in FILLS and not np.isnan(value).any():
            continue                                            # a mask of infinities, put there on purpose
        if bad:
            nexts = reads.next(n)
            ill = [i for i, a in enumerate(operands) if a is not None and _float(a) and _bad(a)]
            fills = all(nexts[i] is not None and reads.op(nexts[i]) in FILLS for i in ill)
            if not ill or (fills and np.isnan(value).any()):
                return _told(reads, n, "forward", value, [(reads.operand(n, i), a) for i, a in enumerate(operands) if a is not None], growth, axes=reads.axes(n))
            outside = [i for i in ill if nexts[i] is None or hasattr(nexts[i], "variable")]
            if outside and not any(m in sick for m in nexts):
                return _from_outside(reads, n, outside[0], operands[outside[0]])
            sick.add(n)
        elif value is not None and given:
            growth.append(_Growth(n, max(map(_largest, given)), _largest(value)))
    return None


def _from_outside(reads: Reads, n: Any, i: int, a: Any) -> Origin:
    m = reads.next(n)[i]
    places = np.argwhere(~np.isfinite(a))
    kind = "nan" if np.isnan(a).any() else "inf"
    words = (say("the data that comes into {0} as {1} holds {2} already; no op made it", reads.label(n), reads.operand(n, i), _kind(kind)) if m is None
             else say("the parameter {0} holds {1} already; no op made it", reads.dbg.name_of(m.variable), _kind(kind)))
    return Origin("forward", kind, **_place(reads, n), where=places[:SHOWN].tolist(), count=len(places), size=int(a.size),
                  operands=[_described(reads.operand(n, i), a, places)], path=path_to(reads, n), words=words, why=say("it came from outside the graph"),
                  fix=say("look at the data") if m is None else say("an earlier update made it: look at the step before"))


# -- backward --------------------------------------------------------------------------------------------------------------------------


class _Growth(NamedTuple):
    node: Any
    given: float
    made: float


def backward_origin(reads: Reads) -> Origin:
    """Runs the pass aside, and compares what comes into each node with what it gives."""
    growth: list[_Growth] = []
    running = reads.backward()
    try:
        for n, given, outs in running:
            if outs is None:
                if any(map(_bad, given)):
                    return _met(reads, n, given, growth)
                continue
            for i, a in outs:
                if _bad(a):
                    return _told(reads, n, "backward", a, reads.saved(n), growth, reads.operand(n, i), axes=reads.axes(n, i))
                if given:
                    growth.append(_Growth(n, max(map(_largest, given)), _largest(a)))
    finally:
        running.close()
    return _blow_up(reads, growth)


def _met(reads: Reads, n: Any, given: list[Any], growth: list[_Growth]) -> Origin:
    """Something that is not finite comes into a node although every node gave finite gradients: a hook, a sum, an edit, or the pass's own start."""
    a = next(g for g in given if _bad(g))
    places = np.argwhere(~np.isfinite(a))
    kind = "nan" if np.isnan(a).any() else "inf"
    hooks = reads.hooks(n)
    who = (say("an edit") if n in reads.dbg.edits else say("a hook ({0})", ", ".join(hooks)) if hooks else say("the gradient that the pass begins with") if not growth
           else say("the sum of the gradients that meet there"))
    return Origin("backward", kind, **_place(reads, n), where=places[:SHOWN].tolist(), count=len(places), size=int(a.size), path=path_to(reads, n),
                  before=_jump(reads, n, growth), words=say("{0} made {1} in what comes into {2}", who, _kind(kind), title(n)),
                  why=say("every node before it gave finite gradients"), fix=say("look at the hook") if hooks else say("look at what is added, and scale it down"))


def _blow_up(reads: Reads, growth: list[_Growth]) -> Origin:
    """Everything is finite: the node that makes the range jump most, when it does."""
    ranked = [(made / given if given else 0.0, n, given, made) for n, given, made in growth]
    if not ranked:
        return Origin(words=say("no gradient has been computed: there is nothing to look at"))
    ratio, n, given, made = max(ranked, key=lambda r: r[0])
    if ratio < JUMP or made < 1.0:
        return Origin(words=say("every gradient is finite, and no node makes them jump: {0} enlarges most, {1}-fold to {2} at most", title(n), f"{ratio:.3g}", f"{made:.3g}"))
    ratio, n, given, made = next((r for r in ranked if r[0] >= JUMP and r[3] >= 1.0), (ratio, n, given, made))
    found = _told(reads, n, "backward", np.zeros(0), reads.saved(n), [], kind="blow-up", largest=made)
    found.words = say("{0} makes the gradient jump {1}-fold, from {2} to {3} at most", title(n), f"{ratio:.3g}", f"{given:.3g}", f"{made:.3g}")
    return found


# -- words -----------------------------------------------------------------------------------------------------------------------------


def _told(reads: Reads, n: Any, direction: str, value: Any, operands: list[tuple[str, Any]], growth: list[_Growth], what: str = "",
          kind: str = "", largest: float = 0.0, axes: Names | None = None) -> Origin:
    places = np.argwhere(~np.isfinite(value)) if value.size else np.zeros((0, 0), int)
    kind = kind or ("nan" if np.isnan(value).any() else "inf")
    arrays = [(name, a) for name, a in operands if hasattr(a, "dtype")]
    at = [(name, there if (there := _at(a, value.shape, places)) is not None else a) for name, a in arrays]
    largest = max([largest, *[_largest(a) for _, a in arrays if _float(a)]])
    reason, fix = why(reads.op(n), direction, at, largest, kind)
    words = (say("{0} made {1} from finite values", reads.label(n), _kind(kind)) if direction == "forward"
             else say("{0} made {1} in the gradient of {2}", title(n), _kind(kind), what) if what else say("{0} made {1} in the gradient", title(n), _kind(kind)))
    return Origin(direction, kind, **_place(reads, n), axes=axes, where=places[:SHOWN].tolist(), count=len(places), size=int(value.size),
                  operands=[_described(name, a, places, value.shape) for name, a in operands], formula=reads.formula(n, direction), why=reason, fix=fix,
                  path=path_to(reads, n), before=_jump(reads, n, growth, direction), words=words)


def _place(reads: Reads, n: Any) -> dict[str, Any]:
    return {"node": n, "row": reads.dbg.row(n), "index": reads.index(n), "name": title(n), "label": reads.label(n), "module": reads.dbg.where.module(n), "source": reads.source(n)}


def _jump(reads: Reads, n: Any, growth: list[_Growth], direction: str = "backward") -> dict[str, Any] | None:
    """The first op on the way to `n` whose largest value is a thousand times its largest operand."""
    on_path = _reach(reads, n, direction)
    for m, given, made in growth:
        if m is not n and given > 0 and made / given >= JUMP and made >= 1.0 and m in on_path:
            place = _place(reads, m)
            source = place["source"]
            name = reads.label(m) if direction == "forward" else title(m)
            words = say("{0} from {1} to {2} at most", name, f"{given:.3g}", f"{made:.3g}")
            return {"node": place["row"], "index": place["index"], "name": place["name"], "module": place["module"], "source": told(source),
                    "words": words if source is None else say("{0} ({1})", words, source)}
    return None


def _reach(reads: Reads, n: Any, direction: str) -> set[Any]:
    """What lies before `n` on the way that values take: operands forward, consumers backward."""
    seen, stack = {n}, [n]
    while stack:
        m = stack.pop()
        for k in (reads.next(m) if direction == "forward" else reads.parents(m)):
            if k is not None and k not in seen:
                seen.add(k)
                stack.append(k)
    return seen


def path_to(reads: Reads, n: Any) -> list[dict[str, Any]]:
    """The shortest way from the loss to a node."""
    starts = {node for node, _ in reads.roots()}
    came: dict[Any, Any] = {n: None}
    queue = [n]
    for m in queue:                                             # grows while it is walked
        if m in starts:
            way = []
            step: Any = m
            while step is not None:
                way.append({"node": reads.dbg.row(step), "index": reads.index(step), "name": title(step), "module": reads.dbg.where.module(step)})
                step = came[step]
            return way
        for k in reads.parents(m):
            if k not in came:
                came[k] = m
                queue.append(k)
    return []


def _described(name: str, a: Any, places: Any, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    if not hasattr(a, "dtype"):
        return {"name": name, "shape": [], "values": [], "words": str(a)}
    there = _at(a, shape if shape is not None else a.shape, places)
    values = [] if there is None else [float(v) for v in there[:SHOWN]] if there.dtype.kind in "fiub" else []
    line = words_of(summary("", a))
    return {"name": name, "shape": list(a.shape), "values": values, "words": say("{0}, {1} there", line, ", ".join(f"{v:.4g}" for v in values[:4])) if values else line}


def _at(a: Any, shape: tuple[int, ...], places: Any) -> Any:
    """Values of an operand where a result of this shape is not finite; None where the places of one are not those of the other."""
    if not len(places):
        return None
    try:
        return np.broadcast_to(a, shape)[tuple(places[:64].T)]
    except ValueError:
        return None


def _kind(kind: str) -> Said:
    return say("NaN") if kind == "nan" else say("an infinity")


def _float(a: Any) -> bool:
    return getattr(a, "dtype", None) is not None and a.dtype.kind in "fc"


def _bad(a: Any) -> bool:
    return _float(a) and not math.isfinite(float(abs(np.vdot(a, a)))) and not bool(np.isfinite(a).all())


def _largest(a: Any) -> float:
    return float(np.abs(a).max()) if a.size else 0.0
