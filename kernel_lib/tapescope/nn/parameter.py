"""Tensors that a Module owns."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap


class Parameter(Tensor):
    """A leaf that a Module registers when it is assigned as an attribute; `requires_grad` is True unless said otherwise."""

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            from ..ops.creation import empty

            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter data has to be a Tensor, but got {type(data).__name__}")
        t = wrap(data._array, cls=cls)
        if data._storage is not None and data._node is None:
            t._storage = data._storage                     # the same memory: a change through either name is noticed by both
        t.requires_grad = requires_grad
        return t  # type: ignore[return-value]

    def __repr__(self) -> str:                             # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a Module's state but is not learned; saved with it unless `persistent=False`."""

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            from ..ops.creation import empty

            data = empty(0)
        t = wrap(data._array, cls=cls)
        t.__dict__["persistent"] = persistent
        return t  # type: ignore[return-value]
