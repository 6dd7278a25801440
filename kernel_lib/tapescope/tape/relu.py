"""Which units of a relu were ever active: OR over the samples of several steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .frame import Column
from .reduce import EXACT, host

if TYPE_CHECKING:
    from .recorder import Recorder
    from .walk import Step

WINDOW = 5                       # looks that make a verdict
OFTEN = 5                        # after the first window every fifth recorded step is looked at


def seen(x: Any) -> tuple[Any, tuple[int, ...]]:
    """What is looked at of an output, and its axes but that of the units: axis 1 of [N, C, H, W], else the last."""
    axis = 1 if x.ndim == 4 else x.ndim - 1
    if (size := math.prod(x.shape)) > EXACT and x.shape[0] > 1:
        x = x[:: -(-size // EXACT)]
    return x, tuple(i for i in range(x.ndim) if i != axis)


class Unit:
    """One relu of the program: its units, and the share that stayed silent in the newest window."""

    def __init__(self, graph: int, row: int, name: str) -> None:
        self.graph, self.row, self.name = graph, row, name
        self.alive: Column | None = None
        self.looks = 0
        self.samples = 0
        self.last_step = -1
        self.first_step = -1
        self.history: list[tuple[int, int, float, int, int]] = []      # (first step, last step, dead share, units, samples)

    def look(self, x: Any, step: int) -> None:
        part, rest = seen(x)
        self.add(host((part > 0).any(axis=rest)), int(math.prod(part.shape)), step)

    def add(self, alive: Column, size: int, step: int) -> None:
        """Which units were active among `size` elements."""
        if self.alive is None or self.alive.shape != alive.shape:
            self.alive, self.looks, self.samples, self.first_step = alive, 0, 0, step
        else:
            self.alive |= alive
        self.looks += 1
        self.samples += size // max(len(alive), 1)
        self.last_step = step

    def close(self) -> None:
        assert self.alive is not None
        dead = 1.0 - float(np.count_nonzero(self.alive)) / max(self.alive.size, 1)
        self.history.append((self.first_step, self.last_step, dead, int(self.alive.size), self.samples))
        del self.history[:-64]
        self.alive, self.looks = None, 0


class Relus:
    """All relus of a recording."""

    def __init__(self) -> None:
        self.units: dict[tuple[str, int], Unit] = {}

    @staticmethod
    def due(n: int) -> bool:
        return n < WINDOW or n % OFTEN == 0

    def see(self, step: Step, x: Any, r: Recorder) -> None:
        unit = self.of(step, x.ndim, r)
        if unit is not None:
            unit.look(x, r.step_no)

    def of(self, step: Step, ndim: int, r: Recorder) -> Unit | None:
        """The relu of a step of the structure; None where nothing is to be looked at."""
        if ndim < 2:
            return None
        path = r.open[-1].path if r.open else ""
        unit = self.units.get((path, step.row))
        if unit is None:
            if len(self.units) >= 512:
                return None
            unit = self.units[path, step.row] = Unit(step.graph.number if step.graph else -1, step.row, path)
        return unit if unit.last_step != r.step_no else None

    def end_step(self, step: int) -> None:
        for unit in self.units.values():
            if unit.looks >= WINDOW:
                unit.close()
