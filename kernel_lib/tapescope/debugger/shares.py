"""Where gradients meet: what each consumer sent to a node of a held pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.engine import walk
from ..core.node import Node

if TYPE_CHECKING:
    from .stepper import Debugger


def contributions(dbg: Debugger, target: Node) -> dict[Node, float]:
    """The norm of what every node that leads to `target` gave it; found by running the pass up to there once more."""
    parents = _parents(dbg, target)
    if len(parents) < 2:
        return {}
    found: dict[Node, float] = {}
    pass_ = walk(dbg.roots, list(dbg._start), retain=True, observe=True, write=lambda t, g: None, site=dbg.site)
    for stop in pass_:
        if stop.when == "before":
            if stop.node in dbg.edits:
                stop.grads[:] = dbg.edits[stop.node]
            if stop.node is target:
                break
        elif stop.node in parents:
            parts = [np.asarray(o, np.float64).ravel() for o, m in zip(stop.grads_out, stop.node.next, strict=False) if m is target and o is not None]
            found[stop.node] = float(np.sqrt(sum(float(np.dot(p, p)) for p in parts)))
    pass_.close()
    return found


def _parents(dbg: Debugger, target: Node) -> set[Node]:
    from ..core.engine import discover

    order, _ = discover([t._node for t in dbg.roots if t._node is not None])
    return {n for n in order if any(m is target for m in n.next)}
