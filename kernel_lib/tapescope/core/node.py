"""Nodes of the backward graph: what `tensor.grad_fn` is."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .hooks import RemovableHandle, add_hook

if TYPE_CHECKING:
    from .op import Op
    from .site import Site
    from .tensor import Tensor

_BY_HAND = frozenset(("AccumulateGrad", "CopyBackwards", "CopySlices"))
next_seq = itertools.count(1).__next__


class Freed:
    """Stands where a node's saved values were; one per pass, with the line that started it."""

    __slots__ = ("site",)

    def __init__(self, site: Site | None) -> None:
        self.site = site


class NodeExtra:
    """What few nodes have: hooks, metadata, several outputs."""

    __slots__ = ("metadata", "outs", "post", "pre", "retain", "tensor_hooks")

    def __init__(self) -> None:
        self.metadata: dict[Any, Any] = {}
        self.outs: tuple[tuple[tuple[int, ...], Any], ...] | None = None      # (shape, dtype) per output, when several
        self.tensor_hooks: dict[int, tuple[int, Callable[..., Any]]] | None = None
        self.pre: dict[int, Callable[..., Any]] | None = None
        self.post: dict[int, Callable[..., Any]] | None = None
        self.retain: list[tuple[int, weakref.ref[Tensor]]] | None = None


class Node:
    """One op's part of the backward graph, with what its vjps need.

    `next_functions`, `name()`, `metadata`, `register_hook`, `register_prehook` and `_saved_*` are PyTorch's.
    """

    __slots__ = ("__weakref__", "dtype", "extra", "next", "nrs", "op", "plan", "saved", "seq", "shape", "site")

    op: Op
    seq: int
    next: tuple[Node | None, ...]
    nrs: tuple[int, ...]
    plan: Any                           # a Plan; None where a user's Function runs itself
    saved: Any                          # a tuple of what the vjps need, or Freed
    shape: tuple[int, ...]
    dtype: Any
    site: Site | None
    extra: NodeExtra | None

    def name(self) -> str:
        """PyTorch's name of this node, with the namespace of those that it has written by hand; `op.node_name` is what is printed."""
        name = self.op.node_name
        return "torch::autograd::" + name if name in _BY_HAND else name

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        return tuple(zip(self.next, self.nrs, strict=True))

    @property
    def metadata(self) -> dict[Any, Any]:
        return self.more().metadata

    def more(self) -> NodeExtra:
        if self.extra is None:
            self.extra = NodeExtra()
        return self.extra

    def _sequence_nr(self) -> int:
        return self.seq

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls `fn(grad_inputs, grad_outputs)` after the node has run; a returned tuple replaces grad_inputs."""
        extra = self.more()
        extra.post = {} if extra.post is None else extra.post
        return add_hook(extra.post, fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls `fn(grad_outputs)` before the node runs; a returned tuple replaces them."""
        extra = self.more()
        extra.pre = {} if extra.pre is None else extra.pre
        return add_hook(extra.pre, fn)

    def explain(self) -> Any:
        """What this node computes on the way back, with its formula: text in a terminal, mathematics in a notebook."""
        from .explain import Explanation

        return Explanation(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            from .saved import named

            return named(self, name[len("_saved_"):])
        raise AttributeError(f"{self.op.node_name!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        from .saved import names

        return [*object.__dir__(self), *("_saved_" + n for n in names(self))]

    def __repr__(self) -> str:
        return f"<{self.op.node_name} object at {id(self):#x}>"


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds what arrives to `variable.grad`."""

    __slots__ = ("variable",)

    variable: Tensor


def title(node: Any) -> str:
    """The name of a node as it is printed and shown: without a namespace."""
    return str(node.name().rpartition("::")[2])


def meta_of(node: Node, nr: int) -> tuple[tuple[int, ...], Any]:
    """Shape and NumPy dtype of output `nr` of a node, which are those of the gradient that arrives there."""
    if nr == 0 or node.extra is None or node.extra.outs is None:
        return node.shape, node.dtype
    return node.extra.outs[nr]


def same(g: Any) -> Any:
    """The vjp of what is only added: a rule that the engine need not call."""
    return g
