"""Tensors that a Module owns."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap


class Parameter(Tensor):
    """A leaf that a Module registers when it is assigned as an attribute."""

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            from ..ops import empty

            data = empty(0)
        t = wrap(data._array, cls=cls)
        t.requires_grad = requires_grad
        return t  # type: ignore[return-value]

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a Module's state but is not learned."""

    __slots__ = ()

    def __new__(cls, data: Any, *, persistent: bool = True) -> Buffer:
        t = wrap(data._array, cls=cls)
        t.persistent = persistent
        return t  # type: ignore[return-value]
