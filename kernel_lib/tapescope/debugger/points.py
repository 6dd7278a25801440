"""Breakpoints as data: a place (op, module, parameter, line, shape), a condition on the gradient there, and how often it counts."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..core.say import say
from ..core.site import resolve
from ..core.tensor import Tensor
from ..tape import registry
from ..tape.reduce import energy, nonfinite
from .where import inside

WHEN = ("nonfinite", "zero", "jump")
FIELDS = ("op", "module", "parameter", "line", "nth", "when", "norm_above", "norm_below", "factor", "shape", "step", "forward", "exception", "once",
          "enabled", "ignore", "text")
LEARN = 3                          # passes after which a jump can be told


class Measure:
    """What conditions ask of some arrays or Tensors, each worked out when it is first asked for."""

    __slots__ = ("_energy", "values")

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = [getattr(v, "_array", v) for v in values if v is not None]
        self._energy: float | None = None

    @property
    def energy(self) -> float:
        """The sum of squares of all elements."""
        if self._energy is None:
            self._energy = sum(_energy(v) for v in self.values)
        return self._energy

    @property
    def nonfinite(self) -> bool:
        return any(sum(nonfinite(v)) for v in self.values)

    @property
    def any(self) -> bool:
        return any(bool(v.any()) for v in self.values)


def _energy(a: Any) -> float:
    if a.__class__ is np.ndarray and a.size and 0 in a.strides:
        part = a[tuple(slice(0, 1) if s == 0 else slice(None) for s in a.strides)]
        return float(energy(part)) * (a.size // part.size)      # one number spread over many
    return float(energy(a))


class Breakpoint:
    """Where and when a pass pauses. Fields may be set at any time; `hits` counts how often it was met while enabled, `ignore` how many more do not count."""

    op: Any
    module: Any
    parameter: Any
    line: Any
    shape: Any
    step: Any
    nth: Any
    when: Any
    id: int
    enabled: bool
    forward: bool
    exception: bool

    def __init__(self, owner: Breakpoints | None = None, **fields: Any) -> None:
        unknown = set(fields) - set(FIELDS)
        if unknown:
            raise TypeError(say("a breakpoint has no {0}; it has {1}", ', '.join(sorted(unknown)), ', '.join(FIELDS)))
        self.__dict__.update(dict.fromkeys(FIELDS), factor=10.0, forward=False, exception=False, once=False, enabled=True, ignore=0, text="")
        self.__dict__.update(id=next(_number), hits=0, _owner=None, _seen={}, _ops={}, _leaves={})
        for name, value in fields.items():
            setattr(self, name, value)
        self.__dict__["_owner"] = owner
        self._check()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIELDS:
            value = _clean(name, value)
        elif name != "hits":
            raise AttributeError(say("a breakpoint has no {0}; it has {1}", repr(name), ', '.join(FIELDS)))
        self.__dict__[name] = value
        if self._owner is not None:
            if name in FIELDS:
                self._seen.clear()
                self._ops.clear()
                self._leaves.clear()
            self._owner.changed()

    def _check(self) -> None:
        if not (self.places or self.conditional or self.exception):
            raise ValueError(say("a breakpoint needs a place (op=, module=, parameter=, line=, shape=), a condition (when=, norm_above=, norm_below=) or exception=True"))
        if self.forward and (self.parameter or self.when == "jump"):
            raise ValueError(say("a forward breakpoint stands on an op or a module; {0} belongs to the backward pass", 'parameter' if self.parameter else 'when=jump'))

    # -- what can be done with it -----------------------------------------------------------------------------------------------

    def edit(self, **fields: Any) -> Breakpoint:
        """Changes fields, all or none of them. Returns the breakpoint."""
        Breakpoint(**(self.to_dict() | fields))
        owner = self._owner
        self.__dict__["_owner"] = None
        for name, value in fields.items():
            setattr(self, name, value)
        self.__dict__["_owner"] = owner
        self._seen.clear()
        self._ops.clear()
        self._leaves.clear()
        if owner is not None:
            owner.changed()
        return self

    def enable(self) -> Breakpoint:
        return self.edit(enabled=True)

    def disable(self) -> Breakpoint:
        return self.edit(enabled=False)

    def delete(self) -> None:
        """Takes it off the list."""
        if self._owner is not None:
            self._owner.remove(self)

    def to_dict(self) -> dict[str, Any]:
        """Its fields as JSON can hold them; `ts.breakpoints.add(**d)` makes it again."""
        return {n: list(v) if isinstance(v := self.__dict__[n], tuple) else v for n in FIELDS}

    # -- what it means ------------------------------------------------------------------------------------------------------------

    @property
    def places(self) -> bool:
        return any(v is not None for v in (self.op, self.module, self.parameter, self.line, self.shape))

    @property
    def conditional(self) -> bool:
        """Whether values have to be looked at."""
        return self.when is not None or self.norm_above is not None or self.norm_below is not None

    def at_op(self, op: Any) -> bool:
        """Whether an op is one of those named."""
        known = self._ops.get(op)
        if known is None:
            known = self._ops[op] = self.op is None or any(
                fnmatchcase(name, self.op) for name in (op.name, op.label, op.node_name, op.node_name.removesuffix("0")))
        return bool(known)

    def at_leaf(self, name: str) -> bool:
        """Whether a leaf's name is the one that is meant, or fits the pattern; "leaf[3, 4]" is a name, too."""
        known = self._leaves.get(name)
        if known is None:
            known = self._leaves[name] = self.parameter is None or name == self.parameter or fnmatchcase(name, self.parameter)
        return bool(known)

    def at_place(self, op: Any, site: Any, module: Callable[[], str], shape: tuple[int, ...], leaf: str | None = None) -> bool:
        """Whether a node or an op (a leaf, when it has a name) lies where this breakpoint stands."""
        if self.parameter is not None and (leaf is None or not self.at_leaf(leaf)):
            return False
        if self.op is not None and (leaf is not None or not self.at_op(op)):
            return False
        if self.shape is not None and not fits(shape, self.shape):
            return False
        if self.line is not None:
            info = None if leaf is not None else resolve(site)
            if info is None or info.line != self.line[1] or self.line[0] not in (info.file, info.cell):
                return False
        return self.module is None or inside(module(), self.module)

    def holds(self, m: Measure, key: Any = None) -> bool:
        """Whether the condition holds for what has been measured."""
        if not self.conditional:
            return True
        e = m.energy
        if self.when == "nonfinite":
            return not math.isfinite(e) and m.nonfinite
        if self.when == "zero" and (e != 0.0 or m.any):
            return False
        norm = math.sqrt(e) if e == e else math.nan
        if self.when == "jump" and not self._jumps(norm, key):
            return False
        return (self.norm_above is None or norm > self.norm_above or norm != norm) and (self.norm_below is None or norm < self.norm_below)

    @property
    def quiet(self) -> tuple[float, float]:
        """Sums of squares between which the condition surely does not hold."""
        if self.when == "jump" or not self.conditional:
            return 1.0, 0.0
        if self.when == "nonfinite":
            return 0.0, sys.float_info.max
        if self.when == "zero":
            return sys.float_info.min, sys.float_info.max
        if self.norm_above is not None:
            if self.norm_above < 0:                             # any norm at all
                return 1.0, 0.0
            return 0.0, self.norm_above ** 2 * (1 - 1e-6)
        assert self.norm_below is not None
        return self.norm_below ** 2 * (1 + 1e-6), math.inf

    def _jumps(self, norm: float, key: Any) -> bool:
        """More than `factor` times the mean of what has come here so far; that mean forgets slowly."""
        n, mean = self._seen.get(key, (0, 0.0))
        jump = n >= LEARN and not norm <= self.factor * mean
        if math.isfinite(norm) and not jump:
            self._seen[key] = (n + 1, mean + (norm - mean) / min(n + 1, 20))
        return jump

    def in_step(self, step: int) -> bool:
        return self.step is None or (self.step[0] <= step <= self.step[1] if isinstance(self.step, tuple) else step == self.step)

    def meet(self) -> bool:
        """Counts a hit; whether it pauses."""
        d = self.__dict__
        d["hits"] += 1
        pauses = d["ignore"] <= 0
        if not pauses:
            d["ignore"] -= 1
        elif self.once:
            d["enabled"] = False
        if self._owner is not None:
            self._owner.changed()
        return pauses

    def __str__(self) -> str:
        """'backward at log in encoder.0 when nonfinite'."""
        if self.text:
            return str(self.text)
        parts = ["forward" if self.forward else "backward"]
        where = [self.op, self.parameter and f"parameter {self.parameter}", self.shape is not None and "shape " + "x".join("*" if s is None else str(s) for s in self.shape),
                 self.line and f"line {self.line[1]}"]
        if any(where):
            parts.append("at " + ", ".join(str(w) for w in where if w))
        if self.module is not None:
            parts.append(f"in {self.module or 'the model'}")
        said = [self.when and (f"norm jumps {self.factor:g}-fold" if self.when == "jump" else self.when), self.norm_above is not None and f"norm > {self.norm_above:g}",
                self.norm_below is not None and f"norm < {self.norm_below:g}"]
        if any(said):
            parts.append("when " + " and ".join(s for s in said if s))
        if self.exception:
            parts = ["an exception is raised"]
        if self.step is not None:
            parts.append(f"in step {self.step if not isinstance(self.step, tuple) else f'{self.step[0]} to {self.step[1]}'}")
        return " ".join(parts)

    def __repr__(self) -> str:
        more = [] if self.enabled else ["disabled"]
        more += [f"hit {self.hits}x"] if self.hits else []
        more += [f"ignores {self.ignore} more"] if self.ignore else []
        return f"<Breakpoint {self.id}: {', '.join([str(self), *more])}>"


class Breakpoints:
    """The breakpoints of this process: `ts.breakpoints`. They are data, so `save` and `load` carry them over a restart."""

    def __init__(self) -> None:
        self._all: list[Breakpoint] = []
        self.version = 0
        self.listeners: list[Callable[[], None]] = []          # who runs passes, when there is something to watch
        self.first: Callable[[], None] | None = None           # who is told when there is something in the list

    def add(self, **fields: Any) -> Breakpoint:
        """Adds one; `ts.break_on` in other words."""
        made = Breakpoint(self, **fields)
        self._all.append(made)
        if len(self._all) == 1 and self.first is not None:
            self.first()
        self.changed()
        return made

    def remove(self, which: Breakpoint | int) -> None:
        found = self[which] if isinstance(which, int) else which
        self._all.remove(found)
        self.changed()

    def clear(self) -> None:
        """Removes all of them."""
        self._all.clear()
        self.changed()

    def to_list(self) -> list[dict[str, Any]]:
        """All of them as JSON can hold them, with id, hits and words."""
        return [{**b.to_dict(), "id": b.id, "hits": b.hits, "words": str(b)} for b in self._all]

    def save(self, path: str) -> None:
        """Writes them to a JSON file."""
        Path(path).write_text(json.dumps([b.to_dict() for b in self._all], indent=1) + "\n")

    def load(self, path: str) -> Breakpoints:
        """Adds those of a file that `save` has written."""
        for fields in json.loads(Path(path).read_text()):
            self.add(**fields)
        return self

    def restore(self, fields: Sequence[dict[str, Any]]) -> list[Breakpoint]:
        """Adds those of `fields` (as `to_list` gives them) that are not there already: what a page keeps for a kernel that restarts. Returns what was added."""
        known = [b.to_dict() for b in self._all]
        made = [Breakpoint(self, **{k: v for k, v in f.items() if k in FIELDS}) for f in fields]
        fresh: list[Breakpoint] = []
        for b in made:
            if b.to_dict() not in known:
                known.append(b.to_dict())
                fresh.append(b)
        self._all += fresh
        if fresh:
            self.changed()
        return fresh

    def changed(self) -> None:
        self.version += 1
        self.sync()
        for tape in registry.list():
            tape.changed()

    def sync(self) -> None:
        """Whoever runs passes looks at what there is to watch."""
        for listener in self.listeners:
            listener()

    def __getitem__(self, id: int) -> Breakpoint:
        for b in self._all:
            if b.id == id:
                return b
        raise KeyError(say("there is no breakpoint {0}; there are {1}", id, ', '.join(str(b.id) for b in self._all) or 'none'))

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self._all)) or "no breakpoints; ts.break_on(op=\"log\", when=\"nonfinite\") sets one"


def fits(shape: Sequence[int], pattern: Sequence[int | None]) -> bool:
    return len(shape) == len(pattern) and all(p is None or p == s for s, p in zip(shape, pattern, strict=True))


def _clean(name: str, value: Any) -> Any:
    """A field as it is kept; TypeError and ValueError say what it must be."""
    if name in ("forward", "exception", "once", "enabled"):
        return bool(value)
    if value is None and name not in ("factor", "ignore", "text"):
        return None
    if name in ("op", "module", "parameter"):
        if name == "op" and hasattr(value, "op") and hasattr(value.op, "node_name"):
            value = value.op.name                               # ts.log, or a grad_fn
        elif name == "op" and not isinstance(value, str) and callable(value):
            value = value.name() if callable(getattr(value, "name", None)) else getattr(value, "__name__", value)      # another library's
        if name == "parameter" and isinstance(value, Tensor):
            from .ear import ear

            value = ear.name_of(value) or value.name or f"leaf{list(value._array.shape)}"
        elif name == "parameter" and not isinstance(value, str):
            value = next((n for namer in namers if (n := namer(value))), value)
        if not isinstance(value, str):
            raise TypeError(say("{0} is a name or a pattern such as 'encoder.*', not {1}", name, type(value).__name__))
        return value
    if name == "when":
        if value not in WHEN:
            raise ValueError(say("when must be one of {0}, not {1}", ', '.join(map(repr, WHEN)), repr(value)))
        return value
    if name in ("norm_above", "norm_below", "factor"):
        return float(value)
    if name == "shape":
        return tuple(None if s in (None, -1, "*") else int(s) for s in value)
    if name == "line":
        file, line = value
        return str(file), int(line)
    if name == "step":
        return int(value) if not isinstance(value, (tuple, list)) else (int(value[0]), int(value[1]))
    if name in ("nth", "ignore"):
        return int(value)
    return "" if value is None else str(value)


_number = itertools.count(1)
namers: list[Callable[[Any], str | None]] = []                 # adapters' ways to name a parameter of their library
breakpoints = Breakpoints()


def met(hits: Iterable[Breakpoint]) -> str:
    """The breakpoints that have stopped a pass, in words; '' for none."""
    found = ""
    for b in hits:
        words = say("breakpoint {0}: {1}", b.id, b)
        found = say("{0}; {1}", found, words) if found else words
    return found
