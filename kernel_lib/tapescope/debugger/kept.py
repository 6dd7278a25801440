"""A place of a pass to which it can go back: what waits there, and the random numbers that come next."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.node import Node
from ..core.random import default_generator

if TYPE_CHECKING:
    from .passes import Pass


class Kept:
    """A place of a pass: what waits there, and how far everything beside it had come."""

    __slots__ = ("arrived", "buffer", "captured", "dice", "index", "leaves", "nbytes", "position", "retained")

    def __init__(self, pass_: Pass, index: int, position: int, buffer: dict[Node, Any], leaves: dict[Node, int]) -> None:
        self.index, self.position, self.buffer, self.leaves = index, position, buffer, leaves
        self.arrived = len(pass_.arrived)
        self.captured = [len(v) for v in (pass_.captures or {}).values()]
        self.dice = dice() if pass_.foreign or pass_.hooked else None
        self.retained = [t._grad for t in pass_.retained]
        self.nbytes = sum(a.nbytes for g in buffer.values() for a in (g if isinstance(g, list) else [g]) if a is not None)

    def again(self) -> dict[Node, Any]:
        """What waits here, for an engine that goes on from here."""
        return own(self.buffer)


def own(buffer: dict[Node, Any]) -> dict[Node, Any]:
    """Gradients that wait; the list of a node with several outputs, which the engine fills as they come, is a copy."""
    return {n: list(g) if g.__class__ is list else g for n, g in buffer.items()}


def dice() -> Any:
    """The state of the random numbers that a hook or a Function may draw."""
    bits = default_generator._bits.state
    return bits, default_generator._next_normal, np.random.get_state(), random.getstate()


def throw_again(state: Any) -> None:
    bits, normal, legacy, python = state
    default_generator._bits.state, default_generator._next_normal = bits, normal
    np.random.set_state(legacy)
    random.setstate(python)
