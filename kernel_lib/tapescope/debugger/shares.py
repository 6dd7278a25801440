"""Where gradients meet: what each consumer sent to a node of a held pass, its size and how far it points the way of the sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.engine import walk
from ..core.node import AccumulateGrad, Node, meta_of, title
from ..core.rule import fit
from .kept import Kept

if TYPE_CHECKING:
    from .passes import Pass


class Part(NamedTuple):
    """One consumer's part: the node it comes from, and the gradient that it sent, in float64."""

    node: Any
    grad: Any


def parents_of(pass_: Pass, target: Node) -> list[Node]:
    """The nodes of the pass that lead to `target`, in the order in which they run."""
    if pass_.consumers is None:
        pass_.consumers = {}
        for n in pass_.order:
            for m in dict.fromkeys(n.next):
                if m is not None:
                    pass_.consumers.setdefault(m, []).append(n)
    return pass_.consumers.get(target, [])


def contributions(pass_: Pass, target: Node) -> list[Part]:
    """What every node that leads to `target` gave it, where there are several; found by running a piece of the pass once more."""
    parents = set(parents_of(pass_, target))
    if len(parents) < 2 or pass_.writers:
        return []
    now = Kept(pass_, 0, 0, {}, {})
    first = min(pass_.order.index(n) for n in parents)
    place = next((k for k in reversed(pass_.kept) if k.position <= first), None)
    options: dict[str, Any] = {"retain": True, "create": pass_.create, "observe": True, "write": lambda t, g: True, "site": pass_.site}
    if place is None and pass_.beginning:
        return []                                               # what sent them has been freed
    if place is None:
        pass_.put_back_beside(pass_.first)
        again = walk(pass_.roots, [g.copy() if pass_.hooked and not pass_.create else g for g in pass_.start], **options)
    else:
        again = walk(pass_.roots, pass_.start, resume=(pass_.order[place.position:], place.again(), dict(place.leaves)), **options)
    found: list[Part] = []
    try:
        for stop in again:
            if stop.when == "before":
                pass_.alter(stop.node, stop.grads)
                if stop.node is target:
                    break
            elif stop.node in parents:
                part = None
                for o, m, nr in zip(stop.grads_out, stop.node.next, stop.node.nrs, strict=False):
                    if m is target and o is not None and (nr == 0 or isinstance(target, AccumulateGrad)):
                        o = np.asarray(getattr(fit(o, *meta_of(m, nr), stop.node, m), "_array", o), np.float64)
                        part = o if part is None else part + o
                if part is not None:
                    found.append(Part(stop.node, part))
    finally:
        again.close()
        pass_.put_back_beside(now)
    return found if len(found) > 1 else []


def shares(parts: Sequence[Part], dot: Callable[[Any, Any], Any]) -> list[dict[str, Any]]:
    """Of each part: `norm`; `share` of the sum of the norms; `cosine` to the sum; `along`, the part of the sum that it makes (they add up to 1)."""
    if len(parts) < 2:
        return []
    total = sum(p.grad for p in parts)
    whole = math.sqrt(float(dot(total, total)))
    norms = [math.sqrt(float(dot(p.grad, p.grad))) for p in parts]
    length = math.fsum(n for n in norms if math.isfinite(n)) or 1.0
    found = []
    for p, n in zip(parts, norms, strict=True):
        along = float(dot(p.grad, total))
        found.append({"node": p.node, "from": title(p.node), "norm": n, "share": n / length, "cosine": along / (n * whole) if n and whole else 0.0,
                      "along": along / whole**2 if whole else 0.0})
    return found
