"""What a whole program is: written once, run with `torch` being Tapescope and with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tapescope as ts

PROGRAMS: dict[str, Program] = {}


@dataclass(frozen=True)
class Program:
    """`run(torch)` trains from a seed and returns the losses of its steps and a score; `goal` says what it must reach."""

    run: Callable[[Any], tuple[list[float], float]]
    at_least: float | None
    at_most: float | None
    rtol: float                         # of a loss beside PyTorch's
    score_rtol: float
    chance: bool                        # whether it uses dropout or draws from probabilities
    alike: int | None = None            # how many losses are compared, where not all: in chaotic learning rounding shows late

    def reached(self, score: float) -> bool:
        return (self.at_least is None or score >= self.at_least) and (self.at_most is None or score <= self.at_most)


def program(*, at_least: float | None = None, at_most: float | None = None, rtol: float = 1e-3, score_rtol: float = 0.02, chance: bool = False,
            alike: int | None = None) -> Callable[..., Any]:
    """Enters a function into the list of programs that the tests run with both libraries."""

    def enter(run: Callable[[Any], tuple[list[float], float]]) -> Callable[[Any], tuple[list[float], float]]:
        PROGRAMS[run.__name__] = Program(run, at_least, at_most, rtol, score_rtol, chance, alike)
        return run

    return enter


def same_chance(torch: Any) -> bool:
    """Whether PyTorch draws with its own generator here; on Intel's processors it does not."""
    torch.manual_seed(0)
    ts.manual_seed(0)
    return bool(torch.empty(64).bernoulli_(0.5).tolist() == ts.empty(64).bernoulli_(0.5).tolist())
