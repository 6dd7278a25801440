"""What a backward pass calls on its way: tensor hooks, pre-hooks, retained gradients, the node, post-hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .node import Node
from .state import set_grad
from .tensor import Tensor, wrap


def quietly(create: bool, run: Callable[[], Any]) -> Any:
    before = set_grad(create)
    try:
        return run()
    finally:
        set_grad(before)


def _tensor(g: Any) -> Any:
    return g if g is None or isinstance(g, Tensor) else wrap(np.asarray(g) if isinstance(g, np.generic) else g)


def _raw(t: Any, create: bool) -> Any:
    return t if create or t is None or not isinstance(t, Tensor) else t._array


def tensor_hooks(hooks: Any, g: Any, create: bool) -> Any:
    t = _tensor(g)
    for h in list(hooks):
        def call(h: Any = h, t: Any = t) -> Any:
            return h(t)
        replaced = quietly(create, call)
        if replaced is not None:
            if not isinstance(replaced, Tensor):
                raise TypeError(f"hook should return a Tensor or None, but got {type(replaced).__name__}")
            if replaced._array.shape != t._array.shape:
                raise RuntimeError(f"hook has changed the size of value: {list(t._array.shape)} became {list(replaced._array.shape)}")
            t = replaced
    return _raw(t, create)


def pre_hooks(node: Node, grads: list[Any], create: bool) -> list[Any]:
    assert node.extra is not None and node.extra.pre is not None
    current = tuple(_tensor(g) for g in grads)
    for h in list(node.extra.pre.values()):
        def call(h: Any = h, current: Any = current) -> Any:
            return h(current)
        replaced = quietly(create, call)
        if replaced is not None:
            current = replaced if isinstance(replaced, tuple) else (replaced,)
    return [_raw(t, create) for t in current]


def post_hooks(node: Node, outs: Sequence[Any], grads: tuple[Any, ...], create: bool) -> Sequence[Any]:
    assert node.extra is not None and node.extra.post is not None
    current = tuple(_tensor(o) for o in outs)
    given = tuple(_tensor(g) for g in grads)
    for h in list(node.extra.post.values()):
        def call(h: Any = h, current: Any = current) -> Any:
            return h(current, given)
        replaced = quietly(create, call)
        if replaced is not None:
            current = replaced if isinstance(replaced, tuple) else (replaced,)
    return [_raw(t, create) for t in current]


def hooked(node: Node, g: Any, create: bool) -> Any:
    """The incoming gradient after tensor hooks and pre-hooks; retained gradients are written on the way."""
    extra = node.extra
    if extra is None:
        return g
    grads = g if isinstance(g, list) else [g]
    if extra.tensor_hooks:
        for nr, h in list(extra.tensor_hooks.values()):
            if grads[nr] is not None:
                grads = [*grads[:nr], tensor_hooks([h], grads[nr], create), *grads[nr + 1:]]
    if extra.pre:
        grads = pre_hooks(node, grads, create)
    if extra.retain:
        for nr, ref in extra.retain:
            t = ref()
            if t is not None and grads[nr] is not None:
                if t._grad is None:
                    t._grad = grads[nr] if create else wrap(np.array(grads[nr]) if isinstance(grads[nr], np.generic) else grads[nr].copy())
                else:
                    t._grad = t._grad + grads[nr] if create else wrap(t._grad._array + grads[nr])
    return grads if isinstance(g, list) else grads[0]
