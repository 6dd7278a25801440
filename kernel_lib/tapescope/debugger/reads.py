"""A pass of our own engine as `origin` reads it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.engine import walk
from ..core.explain import formula
from ..core.node import AccumulateGrad, Node, meta_of
from ..core.rule import fit
from ..core.saved import arrays, names
from ..core.site import SiteInfo, resolve
from ..core.state import set_sink
from .axes import Names
from .kept import Kept
from .memory import saved_arrays
from .origin import Gave, Reads, _bad
from .shares import parents_of
from .values import Values

if TYPE_CHECKING:
    from .sight import Sight


class OwnReads(Reads):
    """The values are those that nodes hold, and what can be computed again of them; the gradients those of a run beside the pass."""

    dbg: Sight

    def __init__(self, dbg: Sight) -> None:
        super().__init__(dbg)
        self._pass = dbg._pass
        self._values: Values | None = None

    def sequence(self) -> list[Node]:
        return self._pass.sequence

    def ops(self) -> list[Node]:
        return self._pass.order[::-1]

    def roots(self) -> list[tuple[Any, Any]]:
        return [(t._node, _host(t._array)) for t in self._pass.roots]

    def suspicious(self) -> bool:
        return any(_bad(_host(a)) for n in self._pass.order for a, _ in saved_arrays(n))

    def forward(self, n: Node) -> tuple[Any, list[Any]]:
        if self._values is None:
            self._values = Values(self._pass.order)
        values, value = self._values, self._values.of(n)
        return _host(value), [_host(values.operand(n, i)) for i in range(len(n.next))]

    def backward(self) -> Generator[Gave, None, None]:
        p = self._pass
        now = Kept(p, 0, 0, {}, {})
        p.check(0, aside=True)
        sink = set_sink(None)
        p.put_back_beside(p.first)
        again = walk(p.roots, [g.copy() if p.hooked and not p.create else g for g in p.start], retain=True, create=p.create, observe=True,
                     write=lambda t, g: True, captures={k: [] for k in p.captures} if p.captures is not None else None, accumulate=p.accumulate, site=p.site)
        try:
            for stop in again:
                n, given = stop.node, [_host(g) for g in stop.grads if g is not None]
                if stop.when == "before":
                    p.alter(n, stop.grads)
                    yield Gave(n, [_host(g) for g in stop.grads if g is not None], None)
                elif not isinstance(n, AccumulateGrad):
                    yield Gave(n, given, [(i, _fitted(o, n, i)) for i, o in enumerate(stop.grads_out) if o is not None and n.next[i] is not None])
        finally:
            again.close()
            set_sink(sink)
            p.put_back_beside(now)

    def next(self, n: Node) -> list[Any]:
        return list(n.next)

    def parents(self, n: Node) -> list[Node]:
        return parents_of(self._pass, n)

    def op(self, n: Node) -> str:
        return n.op.name

    def label(self, n: Node) -> str:
        return n.op.label

    def operand(self, n: Node, i: int) -> str:
        return n.op.operands[i] if not n.op.variadic and i < len(n.op.operands) and n.plan is not None else f"x{i}"

    def saved(self, n: Node) -> list[tuple[str, Any]]:
        if n.saved.__class__ is not tuple:                      # held by hooks, which would run
            return []
        if n.plan is None:
            return [(f"saved_{i}", _host(t._array)) for i, t in enumerate(n.saved_tensors) if t is not None]
        return [(name, _host(v)) for name, v in zip(names(n), arrays(n), strict=True) if hasattr(v, "dtype") or isinstance(v, (int, float))]

    def formula(self, n: Node, direction: str) -> str:
        return formula(n) if direction == "backward" else "y = " + n.op.tex

    def source(self, n: Node) -> SiteInfo | None:
        return resolve(n.site)

    def hooks(self, n: Node) -> list[str]:
        return hooks_of(n)

    def axes(self, n: Node, i: int | None = None) -> Names | None:
        return self.dbg.axes.of(n) if i is None else self.dbg.axes.operand(n, i)


def hooks_of(n: Node) -> list[str]:
    """The names of the hooks that run at a node."""
    extra = n.extra
    found = [] if extra is None else [h for _, h in (extra.tensor_hooks or {}).values()] + list((extra.pre or {}).values()) + list((extra.post or {}).values())
    variable = getattr(n, "variable", None)
    if variable is not None and variable._extra is not None:
        found += list((variable._extra.hooks or {}).values()) + list((variable._extra.post_accumulate or {}).values())
    return [getattr(h, "__qualname__", type(h).__name__) for h in found]


def _fitted(o: Any, n: Node, i: int) -> Any:
    """What a node gives to operand i; in its shape where it is to be told of."""
    a, m = _host(o), n.next[i]
    if m is None or not _bad(a):
        return a
    shape, dtype = meta_of(m, n.nrs[i])
    return _host(fit(np.asarray(a), shape, dtype, n, m))


def _host(a: Any) -> Any:
    """On the host; a number stays one."""
    a = a[0] if isinstance(a, tuple) and a else a
    a = getattr(a, "_array", a)
    return a if a is None or isinstance(a, (np.ndarray, np.generic, int, float)) else a.get()
