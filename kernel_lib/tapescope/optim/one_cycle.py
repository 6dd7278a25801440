"""The phases of the one-cycle policy. Smith & Topin, 2019."""

from __future__ import annotations

import math
from typing import Any, TypedDict


class Phase(TypedDict):
    """From one rate and momentum to another, until `end_step`; the values are keys of a parameter group."""

    end_step: float
    start_lr: str
    end_lr: str
    start_momentum: str
    end_momentum: str


def phases(total: int, up: float, three: bool) -> list[Phase]:
    """Up, then down; or up, as long down again, and then to almost nothing."""
    rise: Phase = {"end_step": float(up * total) - 1, "start_lr": "initial_lr", "end_lr": "max_lr",
                   "start_momentum": "max_momentum", "end_momentum": "base_momentum"}
    if not three:
        return [rise, {"end_step": total - 1, "start_lr": "max_lr", "end_lr": "min_lr",
                       "start_momentum": "base_momentum", "end_momentum": "max_momentum"}]
    return [rise,
            {"end_step": float(2 * up * total) - 2, "start_lr": "max_lr", "end_lr": "initial_lr",
             "start_momentum": "base_momentum", "end_momentum": "max_momentum"},
            {"end_step": total - 1, "start_lr": "initial_lr", "end_lr": "min_lr",
             "start_momentum": "max_momentum", "end_momentum": "max_momentum"}]


def anneal(kind: str, start: Any, end: Any, done: float) -> Any:
    """Between two values, along half a cosine or a line."""
    if kind == "linear":
        return (end - start) * done + start
    return end + (start - end) / 2.0 * (1 + math.cos(math.pi * done))
