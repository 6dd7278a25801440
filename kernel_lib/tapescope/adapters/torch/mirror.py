"""PyTorch's tensors as the tape knows tensors: a weak reference with a number. None keeps a tensor, its graph or its storage alive."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from .arrays import array_of, quietly

_none = torch.zeros(0)


class Mirror(weakref.ref):  # type: ignore[type-arg]
    """A tensor as `core.tensor` has it, read through a weak reference."""

    __slots__ = ("__weakref__", "_id", "key")
    __eq__, __hash__ = object.__eq__, object.__hash__          # not those of the tensors
    _nr, _extra = 0, None

    _id: int
    key: int

    @property
    def _tensor(self) -> torch.Tensor:
        t = self()
        return _none if t is None else t

    @property
    def _array(self) -> Any:
        return array_of(self._tensor)

    @property
    def _req(self) -> bool:
        with quietly():
            return bool(self._tensor.requires_grad)

    @property
    def _node(self) -> Any:
        with quietly():
            return self._tensor.grad_fn

    @property
    def _grad(self) -> Any:
        with quietly():
            t = self._tensor
            g = t.grad if t.is_leaf else None
        return None if g is None else Held(g)

    @property
    def _version(self) -> int:
        with quietly():
            return version_of(self._tensor)


class Held:
    """A tensor for the moment, as something with an array."""

    __slots__ = ("_array",)

    def __init__(self, t: torch.Tensor) -> None:
        self._array = array_of(t)


def version_of(t: torch.Tensor) -> int:
    """The version counter; -1 for a tensor of inference mode, which has none."""
    try:
        return int(t._version)
    except RuntimeError:
        return -1


class Mirrors:
    """The mirrors of one recording; one goes when its tensor does."""

    def __init__(self) -> None:
        self.table: dict[int, Mirror] = {}

        def forget(m: Any, pop: Any = self.table.pop) -> None:
            pop(m.key, None)

        self._forget = forget

    def of(self, t: torch.Tensor) -> Mirror:
        key = id(t)
        m = self.table.get(key)
        if m is None:
            m = self.table[key] = Mirror(t, self._forget)
            m.key, m._id = key, 0
        return m
