"""What PyTorch has as one node and is made of several ops here: one node, whose rule does the ops again and differentiates them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.arrays import as_array
from ..core.op import op, run
from ..core.state import set_grad, set_sink
from ..core.tensor import Tensor, wrap
from .again import gradients


def _takes(f: Any, names: list[str]) -> Any:
    """The op table reads names off signatures; this is one."""
    f.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
    return f


def one_node(name: str, node: str, tex: str, operands: int, grad_tex: str, *, multi: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Declares `f(*tensors, *numbers)`, made of ops, as an op of that many operands `x0`, `x1` ... It is called as `f` is; `multi`: it gives several tensors."""
    own = [f"x{k}" for k in range(operands)]

    def declare(f: Callable[..., Any]) -> Any:
        def forward(*given: Any) -> Any:
            before, sink = set_grad(False), set_sink(None)           # on the tape it is one op
            try:
                made = f(*[wrap(a) for a in given[:operands]], *given[operands])
                return tuple([t._array for t in made]) if multi else made._array
            finally:
                set_grad(before)
                set_sink(sink)

        def rule(g: Any, *given: Any) -> list[Any]:
            *values, numbers, needs = given
            upstream = list(g) if multi else [g]
            arrays = not any(isinstance(x, Tensor) for x in upstream)
            tensors = [wrap(as_array(v), req=n) if arrays else v for v, n in zip(values, needs, strict=True)]
            found = gradients(lambda *ts: f(*ts, *numbers), tensors, upstream, needs)
            return [x._array if arrays and isinstance(x, Tensor) else x for x in found]

        o = op(tex, operands=operands, name=name, grad_tex=grad_tex, holomorphic=False, multi=multi)(_takes(forward, [*own, "numbers"])).op
        o.node_name = node
        o.joint = _takes(rule, ["g", *own, "numbers", "needs"])

        def call(*args: Any) -> Any:
            return run(o, args[:operands], (args[operands:],))

        call.__name__, call.__doc__ = f.__name__, f.__doc__
        setattr(call, "op", o)
        return call
    return declare
