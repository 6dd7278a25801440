"""Arguments and results as their tensors, and the shape around them, which can be a key."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..nn.parameter import Parameter

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Unhashable(Exception):
    """Something among arguments or results that is neither tensor, number, text nor a container of them."""


class Leaves:
    """The tensors of a structure, in order."""

    __slots__ = ("tensors",)

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []

    def signature(self) -> tuple[Any, ...]:
        """Shape, dtype and layout of each tensor, and which of them are the same."""
        seen: dict[int, int] = {}
        return tuple([(a.shape, a.dtype.str, True if a.flags.c_contiguous else a.strides, t._req, seen.setdefault(id(t), i)) for i, t in enumerate(self.tensors) for a in (t._array,)])


class _Slot:
    """Where a tensor stands."""

    def __repr__(self) -> str:
        return "*"


SLOT = _Slot()


def flatten(x: Any, leaves: Leaves) -> Any:
    """The structure with tensors taken out into `leaves`; raises Unhashable."""
    kind = type(x)
    if kind is Tensor or kind is Parameter:
        leaves.tensors.append(x)
        return SLOT
    if kind in _PLAIN:
        return (kind, x) if x == x else (kind, "nan")
    if kind is tuple or kind is list:
        return (kind, tuple([flatten(v, leaves) for v in x]))
    if kind is dict:
        return (dict, tuple([(k, flatten(v, leaves)) for k, v in x.items()]))
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return (kind, tuple([flatten(v, leaves) for v in x]))
    raise Unhashable(f"there is a {kind.__name__} among arguments or results")


def unflatten(shape: Any, tensors: list[Any]) -> Any:
    """The structure with tensors put back."""
    it = iter(tensors)

    def build(s: Any) -> Any:
        if s is SLOT:
            return next(it)
        kind, inside = s
        if kind is dict:
            return {k: build(v) for k, v in inside}
        if kind is tuple:
            return tuple([build(v) for v in inside])
        if kind is list:
            return [build(v) for v in inside]
        if kind in _PLAIN:
            return float("nan") if inside == "nan" and kind is float else inside
        return kind(*[build(v) for v in inside])

    return build(shape)
