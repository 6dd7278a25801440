"""One node of a backward pass: its rule, on arrays or on Tensors, and gradients in the shape and dtype of what they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import errors
from .called import quietly
from .narrow import widened
from .node import Node
from .saved import arrays, tensors
from .state import numbers, set_grad
from .tensor import Tensor


def run_node(node: Node, g: Any, create: bool) -> Sequence[Any]:
    """The gradients of a node's operands from the gradient of its output: None where none is needed."""
    plan = node.plan
    if plan is None:                                                # a user's autograd.Function brings its own
        return node.run(g, create)
    if numbers.wide and node.op.holomorphic and _is_complex(g):
        return _conjugated(node, plan, g, create)
    if create:
        values = tensors(node)
        before = set_grad(True)
        try:
            return vjps(node, plan, g, values)
        finally:
            set_grad(before)
    if numbers.wide and numbers.bfloat16 is not None:
        *given, values = widened([*(g if isinstance(g, list) else [g]), tuple(arrays(node))])
        return vjps(node, plan, given if isinstance(g, list) else given[0], list(values))
    return vjps(node, plan, g, arrays(node))


def _is_complex(g: Any) -> bool:
    return any(_is_complex(x) for x in g if x is not None) if isinstance(g, list) else (g._array if isinstance(g, Tensor) else g).dtype.kind == "c"


def _conjugated(node: Node, plan: Any, g: Any, create: bool) -> Sequence[Any]:
    """PyTorch's gradient of a complex number is the conjugate of the derivative: for a holomorphic op, the real rule between two conjugations."""
    before = set_grad(create)
    try:
        g = [x if x is None else x.conj() for x in g] if isinstance(g, list) else g.conj()
        outs = vjps(node, plan, g, tensors(node) if create else arrays(node))
        return [o.conj() if o is not None and _is_complex(o) else o for o in outs]
    finally:
        set_grad(before)


def vjps(node: Node, plan: Any, g: Any, values: list[Any]) -> Sequence[Any]:
    if plan.joint is not None:
        _, rule, where, _ = plan.vjps[0]
        return rule(g, *[plan.needs if p < 0 else values[p] for p in where])
    outs = [None] * len(node.next)
    for i, rule, where, n in plan.vjps:
        if n == 0:
            outs[i] = rule(g)
        elif n == 1:
            outs[i] = rule(g, values[where[0]])
        else:
            outs[i] = rule(g, *[values[p] for p in where])
    return outs


def fit(g: Any, shape: tuple[int, ...], dtype: Any, node: Node, to: Node) -> Any:
    """The gradient in the shape and dtype of what it belongs to: broadcast dimensions are summed."""
    if tuple(g.shape) != tuple(shape):
        lead = len(g.shape) - len(shape)
        dims = tuple(range(lead)) + tuple(i + lead for i, s in enumerate(shape) if s == 1 and g.shape[i + lead] != 1)
        if lead < 0 or any(s not in (1, g.shape[i + lead]) for i, s in enumerate(shape)):
            raise RuntimeError(f"Function {node.name()} returned an invalid gradient at the input of {to.name()} - got {list(g.shape)} "
                               f"but expected shape compatible with {list(shape)}{errors.at(node.site)}")
        if isinstance(g, Tensor):
            before = set_grad(True)
            try:
                g = g.sum(dims).reshape(shape)
            finally:
                set_grad(before)
        elif lead == 1 and len(dims) == 1 and g.ndim == 2:
            g = np.add.reduce(g, 0)
        else:
            g = np.add.reduce(g, dims).reshape(shape) if dims else g.reshape(shape)
    if isinstance(g, Tensor):
        if g._array.dtype == dtype:
            return g
        return quietly(True, lambda: (g.real if g._array.dtype.kind == "c" and dtype.kind != "c" else g).to(np.dtype(dtype)))
    if g.dtype != dtype:
        g = (g.real if g.dtype.kind == "c" and dtype.kind != "c" else g).astype(dtype)
    return g
