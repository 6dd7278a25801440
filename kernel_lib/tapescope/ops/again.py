"""Second derivatives of ops whose gradient is written by hand for arrays: what they compute is done again, of ops of the table, and that is differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.autograd import grad
from ..core.state import mode, set_grad, set_sink
from ..core.tensor import Tensor, wrap


def gradients(function: Callable[..., Any], operands: Sequence[Any], upstream: Sequence[Any], needs: Sequence[bool]) -> list[Any]:
    """The gradients of `function(*operands)`, Tensors with a history of their own; None where none is needed."""
    before, sink = set_grad(True), mode.sink
    set_sink(None)                                          # on the tape it stays one node
    try:
        # views of the operands: a gradient must end here, whatever made the operand
        given = [t.view(t._array.shape) if n and isinstance(t, Tensor) else t for t, n in zip(operands, needs, strict=True)]
        made = function(*given)
        outputs = made if isinstance(made, tuple) else (made,)
        pairs = [(y, g if isinstance(g, Tensor) else wrap(g)) for y, g in zip(outputs, upstream, strict=True) if g is not None and y._req]
        wanted = [t for t, n in zip(given, needs, strict=True) if n]
        found = iter(grad([y for y, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True) if pairs else [None] * len(wanted))
        return [_or_zeros(next(found), t) if n else None for t, n in zip(operands, needs, strict=True)]
    finally:
        set_grad(before)
        set_sink(sink)


def _or_zeros(g: Any, t: Tensor) -> Any:
    return t * 0 if g is None else g
