"""A branch beside the pass as it is: gradients of parameters, the optimizer's update, and the loss after the step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from ..core.node import title
from ..core.say import say
from ..core.say import told as say_told
from ..core.state import set_grad, set_sink
from ..core.tensor import Tensor, wrap
from .branch import Change, outcome
from .ear import ear
from .kept import dice, throw_again

if TYPE_CHECKING:
    from .asks import Asks
    from .sight import Sight

L = TypeVar("L")                   # a leaf
C = TypeVar("C", bound=Change)
_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")


class Comparison:
    """What differs between a pass without and with changes.

    `parameters` has a row for each leaf that a gradient reaches: `grad` and `update` as norms (without, with), `cosine` between the gradients, `difference`
    relative to the one without. `loss`: now, and after the step without and with; `measured` when the loss was computed again, else to first order.
    """

    def __init__(self, changes: list[dict[str, Any]], parameters: list[dict[str, Any]], optimizer: str, loss: dict[str, Any] | None, note: str = "") -> None:
        self.changes, self.parameters, self.optimizer, self.loss, self.note = changes, parameters, optimizer, loss, note

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"changes": self.changes, "parameters": self.parameters, "optimizer": self.optimizer, "loss": self.loss, "note": self.note, "said": {"note": say_told(self.note)}, "words": repr(self)}

    def __getitem__(self, parameter: str) -> dict[str, Any]:
        for row in self.parameters:
            if row["parameter"] == parameter:
                return row
        raise KeyError(f"no gradient reaches {parameter!r}; it reaches {', '.join(r['parameter'] for r in self.parameters[:12])}")

    def __repr__(self) -> str:
        lines = [f"what if: {c['words']}" for c in self.changes] or ["what if nothing is edited"]
        wide = max((len(r["parameter"]) for r in self.parameters), default=0)
        for r in self.parameters:
            update = "" if r["update"] is None else f"   update {_arrow(*r['update'])}"
            same = r["difference"] == 0
            lines.append(f"  {r['parameter']:{wide}}  grad {_arrow(*r['grad'])}" + ("   the same" if same else f"   cosine {r['cosine']:.3f}, differs by {r['difference']:.3g}") + update)
        if self.loss is not None:
            how = "" if self.loss["measured"] else " (to first order)"
            lines.append(f"  loss {self.loss['now']:.6g}, after the step {_arrow(self.loss['before'], self.loss['after'], 6)}{how}" + (f" with {self.optimizer}" if self.optimizer else ""))
        if self.note:
            lines.append(f"  {self.note}")
        return "\n".join(lines)


def _arrow(a: float, b: float, digits: int = 4) -> str:
    return f"{a:.{digits}g}" if a == b else f"{a:.{digits}g} → {b:.{digits}g}"


class Beside(Generic[L, C]):
    """A branch beside the pass as it is. Whoever runs the pass says what leaves are given, how they are measured, and how a step is tried."""

    def __init__(self, dbg: Asks[Any, Any], changes: Sequence[C]) -> None:
        self.dbg, self.changes = dbg, changes

    def outcomes(self) -> tuple[dict[L, Any], dict[L, Any]]:
        """What every leaf is given without and with the changes; without any, without and with the edits of the pass itself."""
        raise NotImplementedError

    def norm(self, g: Any) -> float:
        raise NotImplementedError

    def angle(self, a: Any, b: Any) -> dict[str, float]:
        """`cosine` between two gradients, and their `difference` relative to the first."""
        raise NotImplementedError

    def slope(self, g: Any, move: Any) -> float:
        """How much a move changes the loss, to first order."""
        raise NotImplementedError

    def loss_now(self) -> float | None:
        """The loss; None where the pass has not begun at one number."""
        raise NotImplementedError

    def pacing(self) -> Any:
        """The optimizer that ends the steps of the recording, if there is one."""
        ref = self.dbg.tape.recorder.pacing
        return None if ref is None else ref()

    def stepped(self, optimizer: Any, grads: dict[L, Any]) -> tuple[dict[L, Any], float | None]:
        """How the optimizer would move its parameters with these gradients, and the loss there, where it can be computed; nothing is left of it."""
        raise NotImplementedError

    def compare(self) -> Comparison:
        """Runs the pass without and with the changes, and tries a step with each outcome."""
        dbg = self.dbg
        before, after = self.outcomes()
        told = [{"node": dbg.row(c.node), "index": c.index, "name": title(c.node), "what": c.what, "how": c.how, "by": c.by, "words": (words := c.words()), "said": say_told(words)}
                for c in self.changes]
        rows = [{"parameter": dbg.name_of(t), "grad": [self.norm(g), self.norm(after[t])], **self.angle(g, after[t]), "update": None}
                for t, g in before.items() if g is not None and after.get(t) is not None]
        optimizer = dbg.optimizer if dbg.optimizer is not None else self.pacing()
        if optimizer is None:
            return Comparison(told, rows, "", None, say("set dbg.optimizer to compare updates and the loss after the step"))
        lr = optimizer.param_groups[0].get("lr")
        named = type(optimizer).__name__ + (f", lr {float(lr):g}" if lr is not None else "")
        try:
            (moves0, loss0), (moves1, loss1) = (self.stepped(optimizer, g) for g in (before, after))
        except Exception as error:
            return Comparison(told, rows, named, None, say("the step could not be tried: {0}", f"{type(error).__name__}: {error}"))
        by_name = {r["parameter"]: r for r in rows}
        slopes = [0.0, 0.0]
        for t, g in before.items():
            if g is not None and t in moves0 and t in moves1:
                by_name[dbg.name_of(t)]["update"] = [self.norm(moves0[t]), self.norm(moves1[t])]
                slopes = [s + self.slope(g, m[t]) for s, m in zip(slopes, (moves0, moves1), strict=True)]
        now = self.loss_now()
        if now is None:
            return Comparison(told, rows, named, None)
        measured = loss0 is not None and loss1 is not None
        after_step = (loss0, loss1) if measured else (now + slopes[0], now + slopes[1])
        return Comparison(told, rows, named, {"now": now, "before": after_step[0], "after": after_step[1], "measured": measured})


class Trial(Beside[Tensor, Change]):
    """The same for our own engine: the rest of the pass runs twice, and the optimizer steps in place, and back."""

    dbg: Sight

    def outcomes(self) -> tuple[dict[Tensor, Any], dict[Tensor, Any]]:
        p = self.dbg._pass
        if not self.changes:
            return outcome(p, edited=False), outcome(p)
        first = min(c.index for c in self.changes)
        return outcome(p, index=first), outcome(p, self.changes, index=first)

    def norm(self, g: Any) -> float:
        return _norm(g)

    def angle(self, a: Any, b: Any) -> dict[str, float]:
        a, b = np.asarray(_host(a), np.float64), np.asarray(_host(b), np.float64)
        if np.array_equal(a, b, equal_nan=True):
            return {"cosine": 1.0, "difference": 0.0}
        m, n = _norm(a), _norm(b)
        with np.errstate(all="ignore"):
            return {"cosine": float(np.vdot(a, b)) / (m * n) if m and n else 0.0, "difference": _norm(b - a) / m if m else math.inf}

    def slope(self, g: Any, move: Any) -> float:
        return float(np.vdot(np.asarray(_host(g), np.float64), move))

    def loss_now(self) -> float | None:
        roots = self.dbg.roots
        return _number(roots[0]) if len(roots) == 1 and roots[0]._array.size == 1 else None

    def stepped(self, optimizer: Any, grads: dict[Tensor, Any]) -> tuple[dict[Tensor, Any], float | None]:
        params = [p for group in optimizer.param_groups for p in group["params"]]
        was = {p: np.array(_host(p._array)) for p in params}
        with _untouched(self.dbg, optimizer, params):
            for p in params:
                g = grads.get(p)
                if g is not None:
                    p._grad = wrap(np.array(g) if p._grad is None else p._grad._array + g)
            type(optimizer).step(optimizer)
            moves = {p: np.asarray(_host(p._array), np.float64) - was[p] for p in params}
            loss = None
            if self.dbg.again is not None:
                grad = set_grad(False)
                try:
                    loss = _number(self.dbg.again())
                finally:
                    set_grad(grad)
        return moves, loss


@contextmanager
def _untouched(dbg: Sight, optimizer: Any, params: list[Tensor]) -> Iterator[None]:
    """Puts back parameters, gradients, the optimizer's state, buffers, random numbers and versions; nobody hears of what happens meanwhile."""
    buffers = [b for m in _models(dbg) for b in m.buffers() if isinstance(b, Tensor)]
    memory = [(t, t._array, t._array.copy(), t._storage, t._version) for t in dict.fromkeys([*params, *buffers])]
    grads = [(p, p._grad, None if p._grad is None else p._grad._array.copy()) for p in params]
    state = dict(optimizer.state)
    groups = [dict(g) for g in optimizer.param_groups]
    hooks = {n: dict(h) for n in _HOOKS if (h := getattr(optimizer, n, None)) is not None}
    for n in hooks:
        getattr(optimizer, n).clear()
    optimizer.state.update({k: _copied(v) for k, v in state.items()})
    rolled, sink = dice(), set_sink(None)
    try:
        yield
    finally:
        set_sink(sink)
        throw_again(rolled)
        for n, h in hooks.items():
            getattr(optimizer, n).update(h)
        for group, kept in zip(optimizer.param_groups, groups, strict=True):
            group.clear()
            group.update(kept)
        optimizer.state.clear()
        optimizer.state.update(state)
        for t, array, values, storage, version in memory:
            array[...] = values
            t._array, t._storage = array, storage
            if storage is not None:
                storage.version = version
        for p, g, values in grads:
            p._grad = g
            if g is not None:
                g._array[...] = values


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return wrap(value._array.copy())
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(v) for v in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _models(dbg: Sight) -> list[Any]:
    """The models that the pass may be of: the one given, and those that have been called under a recording or an ear."""
    found = [dbg.module, *[r() for r in dbg.tape.recorder.names.roots], *[r() for r in ear.names.roots]]
    return list({id(m): m for m in found if m is not None and hasattr(m, "buffers")}.values())


# -- numbers ------------------------------------------------------------------------------------------------------------------------


def _host(a: Any) -> Any:
    return a if isinstance(a, (np.ndarray, np.generic)) else a.get()


def _number(value: Any) -> float:
    return float(np.asarray(_host(value._array) if isinstance(value, Tensor) else value).reshape(()))


def _norm(a: Any) -> float:
    a = np.asarray(_host(a), np.float64)
    return math.sqrt(float(np.vdot(a, a).real))
