"""What if: changes to gradients and saved values at a stop, carried out on a branch. The held pass itself stays as it is until the branch is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.device import module_of
from ..core.engine import walk
from ..core.node import AccumulateGrad, Freed, Node, title
from ..core.saved import names
from ..core.say import Said, say
from ..core.state import set_sink
from ..core.storage import new_storage
from ..core.tensor import Tensor, wrap
from .kept import Kept

if TYPE_CHECKING:
    from .passes import Pass
    from .sight import Sight

HOW = ("zero", "scale", "clip", "replace", "noise")


class Change:
    """One change: a function of whatever comes to its place, so that changes before it on the branch count.

    `how` is "zero", "scale" (by a factor), "clip" (to a norm of at most `by`), "noise" (normal, of deviation `by`; the same numbers whenever it runs) or
    "replace" (by `value`). `what` is "gradient" or the name of a saved value.
    """

    def __init__(self, node: Any, index: int, what: str, how: str, by: float | None, value: Any, nr: int | None, seed: int) -> None:
        if how not in HOW:
            raise ValueError(say("a change is one of {0}, not {1}", ', '.join(HOW), repr(how)))
        if how in ("scale", "clip", "noise"):
            if by is None:
                raise TypeError(say("{0} needs a number: {1}={2}", how, how, '1.0' if how == 'clip' else '0.5'))
            if how != "scale" and not by >= 0:
                raise ValueError(say("{0} needs a number that is not negative, not {1}", how, repr(by)))
        self.node, self.index, self.what, self.how, self.nr, self.seed = node, index, what, how, nr, seed
        self.by = None if by is None else float(by)
        self.value = value

    def of(self, array: Any) -> Any:
        """The array after the change, in its own dtype: always memory of its own."""
        xp = module_of(array)
        if self.how == "zero":
            return xp.zeros_like(array)
        if self.how == "scale":
            return (array * self.by).astype(array.dtype)
        if self.how == "replace":
            return xp.array(self.value, dtype=array.dtype)
        if self.how == "noise":
            drawn = np.random.default_rng(self.seed).standard_normal(array.shape) * self.by
            return (array + xp.asarray(drawn)).astype(array.dtype)
        most = self.by or 0.0
        norm = math.sqrt(float(xp.vdot(array.astype(np.float64), array.astype(np.float64)).real))
        return (array * (most / norm)).astype(array.dtype) if norm > most else array.copy()

    def to(self, given: Any) -> Any:
        """The same for a Tensor or an array; a Tensor leaves the graph unless it is scaled."""
        if not isinstance(given, Tensor):
            return self.of(given)
        return given * self.by if self.how == "scale" else wrap(self.of(given._array))

    def words(self) -> Said:
        """'the gradient at MulBackward0 scaled by 0.5'."""
        what = say("the gradient at {0}", title(self.node)) if self.what == "gradient" else say("{0} saved by {1}", self.what, title(self.node))
        by = "" if self.by is None else f"{self.by:g}"
        return {"zero": say("{0} set to zero", what), "scale": say("{0} scaled by {1}", what, by), "clip": say("{0} clipped to norm {1}", what, by),
                "noise": say("{0} with noise of deviation {1}", what, by), "replace": say("{0} replaced", what)}[self.how]


def incoming(node: Any, grads: Sequence[Any], how: str, nr: int | None) -> list[Any]:
    """The gradients that a change at a node is of; IndexError and ValueError say what does not fit."""
    if nr is not None and not 0 <= nr < len(grads):
        raise IndexError(say("{0} has {1} incoming gradient(s); there is no number {2}", title(node), len(grads), nr))
    found = [g for i, g in enumerate(grads) if g is not None and nr in (None, i)]
    if how == "replace" and len(found) != 1:
        raise ValueError(say("{0} has {1} incoming gradients: say which is replaced by input=", title(node), len(grads)))
    return found


def must_fit(node: Any, old: Sequence[int], new: Sequence[int], saved: str | None = None) -> None:
    """ValueError where a replacement has another shape than what it replaces."""
    if list(old) != list(new):
        if saved is None:
            raise ValueError(say("the gradient at {0} has shape {1}, the replacement {2}", title(node), list(old), list(new)))
        raise ValueError(say("{0} of {1} has shape {2}, the replacement {3}", saved, title(node), list(old), list(new)))


def change(dbg: Sight, how: str, by: float | None, value: Any, saved: str | None, nr: int | None, seed: int) -> Change:
    """A change at the cursor; TypeError and ValueError say what does not fit."""
    stop = dbg._pass.stop
    if stop is None:
        raise RuntimeError(say("the pass is over: there is nothing to change; step back first"))
    node = stop.node
    old = [getattr(g, "_array", g) for g in incoming(node, stop.grads, how, nr)] if saved is None else [_array(entry_of(node, saved)[1], saved, node)]
    if how == "replace":
        value = value._array if isinstance(value, Tensor) else np.asarray(value)
        must_fit(node, np.shape(old[0]), np.shape(value), saved)
        value = np.array(value) if isinstance(value, np.ndarray) else value.copy()
    return Change(node, dbg.index, saved or "gradient", how, by, value, nr, seed)


# -- saved values -----------------------------------------------------------------------------------------------------------------


def entry_of(node: Node, name: str) -> tuple[int, Any]:
    """Which entry of `node.saved` a name stands for, and the value in it."""
    if isinstance(node, AccumulateGrad) or isinstance(node.saved, Freed):
        raise ValueError(say("{0} holds no saved values any more", title(node)) if isinstance(node.saved, Freed) else say("{0} holds no saved values", title(node)))
    if node.saved.__class__ is not tuple:
        raise ValueError(say("what {0} saved is held by hooks on saved tensors, a checkpoint's say, and cannot be changed", title(node)))
    known = [f"saved_{i}" for i in range(len(node.saved))] if node.plan is None else names(node)
    if name not in known:
        raise ValueError(say("{0} saves {1}; there is no {2}", title(node), ', '.join(known) or 'nothing', repr(name)))
    i = known.index(name)
    entry = node.saved[i]
    if node.plan is None:
        return i, entry[3] if entry[0] is None else entry[0]
    k = node.plan.tensors_saved
    return i, entry[0] if i < k or (i == k and node.plan.saves_output) else entry


def _array(value: Any, name: str, node: Node) -> Any:
    a = getattr(value, "_array", value)
    if not hasattr(a, "dtype") or a.dtype.kind not in "fc":
        kind = type(value).__name__ if not hasattr(a, "dtype") else a.dtype
        raise TypeError(say("{0} of {1} is {2}: only floating-point values can be changed", name, title(node), kind))
    return a


def put_in(node: Node, changes: Sequence[Change]) -> Any:
    """What `node.saved` is with its saved values changed."""
    saved = list(node.saved)
    for c in changes:
        i, _ = entry_of(node, c.what)
        entry = saved[i]
        if node.plan is None:
            was = entry[0]._array if entry[0] is not None else entry[3]
            new = c.of(was)
            saved[i] = (wrap(new), 0, None, new) if entry[0] is not None else (None, 0, None, new)
        elif i < node.plan.tensors_saved:
            saved[i] = (wrap(c.of(_array(entry[0], c.what, node))), 0)
        elif i == node.plan.tensors_saved and node.plan.saves_output:
            saved[i] = (c.of(_array(entry[0], c.what, node)), 0, new_storage())
        else:
            saved[i] = c.of(_array(entry, c.what, node))
    return tuple(saved)


# -- running it -------------------------------------------------------------------------------------------------------------------


class Changes:
    """The changes of a branch by node: what a pass asks as it comes to a node, and what it puts in the place of saved values."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.gradients: dict[Node, list[Change]] = {}
        self.saved: dict[Node, list[Change]] = {}
        for c in changes:
            (self.gradients if c.what == "gradient" else self.saved).setdefault(c.node, []).append(c)

    def all(self) -> list[Change]:
        """All of them; those of one node in their order."""
        return [c for many in (*self.gradients.values(), *self.saved.values()) for c in many]

    def apply(self, node: Node, grads: list[Any]) -> None:
        """Changes what comes into a node, in place of the list."""
        for c in self.gradients.get(node, ()):
            for i, g in enumerate(grads):
                if g is not None and c.nr in (None, i):
                    grads[i] = c.to(g)

    def values(self, node: Node) -> Any:
        """What `node.saved` is with its saved values changed."""
        return put_in(node, self.saved[node])


def outcome(pass_: Pass, changes: Sequence[Change] = (), *, edited: bool = True, index: int | None = None) -> dict[Tensor, Any]:
    """What every leaf is given by this pass with some changes; nothing is written, and the pass stays where it is.

    `edited` says whether edits of the pass itself count. `index` is where it may begin: the first node at which anything differs.
    """
    if pass_.captures is not None or not pass_.accumulate:
        raise RuntimeError(say("this pass is that of grad(), which writes no .grad: what-if compares what backward() writes"))
    now = Kept(pass_, 0, 0, {}, {})
    here = pass_.index if index is None else index
    pass_.check(here, aside=True)
    place = None
    if edited or not (pass_.edits or pass_.changes):
        place = next((k for k in reversed(pass_.kept) if k.index <= here), None)
    elif pass_.beginning:
        raise RuntimeError(say("the pass had freed its first nodes before it was held: what it would be without edits cannot be told"))
    found: dict[Tensor, Any] = {n.variable: g for n, g in pass_.arrived[:place.arrived if place is not None else 0]}
    by = Changes(changes)
    put = {n: n.saved for n in by.saved}

    def meet(node: Node, grads: list[Any]) -> bool:
        if edited:
            pass_.alter(node, grads)
        by.apply(node, grads)
        return False

    def write(leaf: Tensor, g: Any) -> bool:
        found[leaf] = g
        return True

    options: dict[str, Any] = {"retain": True, "create": pass_.create, "observe": meet, "write": write, "site": pass_.site}
    sink = set_sink(None)
    if not edited:
        pass_.leave()
    try:
        for n in put:
            n.saved = by.values(n)
        pass_.put_back_beside(pass_.first if place is None else place)
        if place is None:
            again = walk(pass_.roots, [g.copy() if pass_.hooked and not pass_.create else g for g in pass_.start], **options)
        else:
            again = walk(pass_.roots, pass_.start, resume=(pass_.order[place.position:], place.again(), dict(place.leaves)), **options)
        for _ in again:
            pass
    finally:
        for n, saved in put.items():
            n.saved = saved
        if not edited:
            pass_.enter()
        set_sink(sink)
        pass_.put_back_beside(now)
    return {t: getattr(g, "_array", g) for t, g in found.items()}
