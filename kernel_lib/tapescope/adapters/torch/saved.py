"""Saved values of PyTorch's nodes, in whose place others may stand: for a branch, or for a pass that keeps one. The graph itself stays as it is.

A saved tensor takes one pair of hooks, once. Ours gives the value itself, or what stands in its place at the moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ...core.node import title
from ...core.say import say

if TYPE_CHECKING:
    from .branch import TorchChange

GRADIENT = "gradient"
FREED = ("Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate "
         "values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
         "graph a second time or if you need to access saved tensors after calling backward.")
_KEY = "tapescope saved"           # in the metadata of a node


class Stand:
    """The place of one saved tensor."""

    __slots__ = ("node", "other", "own", "version")

    def __init__(self, node: str) -> None:
        self.node = node
        self.own: Any = None
        self.other: Any = None                 # what is seen instead
        self.version = 0

    def pack(self, t: Any) -> Any:
        self.own, self.version = t.detach(), t._version        # with the graph behind it, it would hold its own node
        return self.own

    def unpack(self, packed: Any) -> Any:
        if self.version < 0:
            raise RuntimeError(FREED)
        if packed._version != self.version:
            raise RuntimeError(f"one of the variables needed for gradient computation has been modified by an inplace operation: what {self.node} has saved, "
                               f"of shape {list(packed.shape)}, is at version {packed._version}; expected version {self.version} instead")
        return packed if self.other is None else self.other


def raws(node: Any) -> dict[str, Any]:
    """The saved tensors of a node, by the names under which `at.saved` shows them."""
    found: dict[str, Any] = {}
    for name in dir(node):
        if name.startswith("_raw_saved_"):
            raw = getattr(node, name)
            if name == "_raw_saved_tensors" and isinstance(raw, tuple):
                found |= {f"saved_{i}": r for i, r in enumerate(raw)}
            elif not isinstance(raw, (tuple, list)):
                found[name.removeprefix("_raw_saved_")] = raw
    return found


def stand_of(node: Any, name: str) -> Stand:
    """The place of what a node has saved under this name; ValueError and TypeError say why nothing else can stand there."""
    stands = node.metadata.setdefault(_KEY, {})
    if name in stands:
        return stands[name]  # type: ignore[no-any-return]
    try:
        known = raws(node)
    except RuntimeError:
        raise ValueError(say("{0} holds no saved values any more", title(node))) from None
    if name not in known:
        raise ValueError(say("{0} saves {1}; there is no {2}", title(node), ', '.join(known) or 'nothing', repr(name)))
    raw = known[name]
    if hasattr(raw, "data") and not isinstance(raw.data, torch.Tensor):
        raise _held(node)
    value = node.saved_tensors[int(name[6:])] if isinstance(node, torch._C._FunctionBase) else getattr(node, f"_saved_{name}")      # raises what PyTorch raises
    if not (value.is_floating_point() or value.is_complex()):
        raise TypeError(say("{0} of {1} is {2}: only floating-point values can be changed", name, title(node), value.dtype))
    stand = Stand(title(node))
    try:
        raw.register_hooks(stand.pack, stand.unpack)
    except RuntimeError:
        raise _held(node) from None
    stands[name] = stand
    return stand


def _held(node: Any) -> ValueError:
    return ValueError(say("what {0} saved is held by hooks on saved tensors, a checkpoint's say, and cannot be changed", title(node)))


def show(changes: Iterable[TorchChange]) -> None:
    """From here on nodes see saved values with these changes, one after the other."""
    for c in changes:
        if c.what != GRADIENT:
            s = stand_of(c.node, c.what)
            s.other = c.of(s.own if s.other is None else s.other)


def hide(changes: Iterable[TorchChange]) -> None:
    """Nodes see again what they have saved."""
    for c in changes:
        if c.what != GRADIENT:
            stand_of(c.node, c.what).other = None


@contextmanager
def only(changes: Sequence[TorchChange], kept: Sequence[TorchChange]) -> Iterator[None]:
    """While it lasts, nodes see these changes, and nothing of what a pass has kept."""
    stands = [stand_of(c.node, c.what) for c in (*changes, *kept) if c.what != GRADIENT]
    before = [s.other for s in stands]
    hide((*changes, *kept))
    try:
        show(changes)
        yield
    finally:
        for s, other in zip(stands, before, strict=True):
            s.other = other


def let_go(node: Any) -> None:
    """Frees what stands for a node's saved values; asking for one raises then."""
    for s in node.metadata.pop(_KEY, {}).values():
        s.own, s.other, s.version = None, None, -1
