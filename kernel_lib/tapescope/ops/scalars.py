"""Ops along a dimension, taught to take a single number as a line of one, so that it stays one node."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from ..core.symbol import Symbol


def scalar_too(f: Any) -> None:
    """Wraps the forward and the rules of an op whose operand is `x`."""
    o, inner = f.op, f.op.forward

    @functools.wraps(inner)
    def forward(x: Any, *params: Any) -> Any:
        if x.ndim:
            return inner(x, *params)
        out = inner(x.reshape(1), *params)
        return tuple([a.reshape(()) for a in out]) if o.aux else out.reshape(())

    o.forward = forward
    o.vjps = tuple(_rule(rule) for rule in o.vjps)


def _rule(rule: Any) -> Any:
    names = list(inspect.signature(rule).parameters)[1:]
    tell = next((i for i, n in enumerate(names) if n in ("x", "x_shape", "y")), -1)
    keep = names.index("keepdim") if "keepdim" in names else -1

    @functools.wraps(rule)
    def call(g: Any, *values: Any) -> Any:
        told = g if tell < 0 else values[tell]
        if isinstance(told, Symbol) or isinstance(g, Symbol) or len(told if tell >= 0 and names[tell] == "x_shape" else told.shape):
            return rule(g, *values)
        lines: list[Any] = [(1,) if n == "x_shape" else v.reshape((1,)) if n in ("x", "y") else v for n, v in zip(names, values, strict=True)]
        kept = keep < 0 or values[keep]
        lines = [v.reshape((1,)) if n == "indices" and kept else v for n, v in zip(names, lines, strict=True)]
        return rule(g.reshape((1,)) if kept else g, *lines).reshape(())
    return call
