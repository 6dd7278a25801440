"""Which dtype a region computes in: `amp.autocast` sets it, products and losses ask."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from . import dtype as dt
from .state import numbers
from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


class Region(threading.local):
    """What holds in this thread."""

    enabled: bool = False
    dtype: dt.dtype | None = None
    cache: bool = True
    device: str = ""


region = Region()


def enter(enabled: bool, kind: dt.dtype | None) -> tuple[bool, dt.dtype | None]:
    """Begins a region; returns what held before. `numbers.autocast` counts the regions of all threads, so that nobody else has to ask."""
    before = region.enabled, region.dtype
    region.enabled, region.dtype = enabled, kind
    numbers.autocast += 1
    return before


def leave(before: tuple[bool, dt.dtype | None]) -> None:
    """Ends a region."""
    region.enabled, region.dtype = before
    numbers.autocast -= 1


def cast(t: Any, kind: dt.dtype) -> Any:
    """A tensor of floating-point numbers in another dtype; float64 and everything else stays."""
    if not isinstance(t, Tensor) or t.dtype is kind or t.dtype.category != 2 or t.dtype is dt.float64:
        return t
    return t.to(kind)


def lower(*operands: Any) -> Any:
    """The operands of a product, in the dtype of the region."""
    kind = region.dtype
    return operands if not region.enabled or kind is None else [cast(t, kind) for t in operands]


def full_precision(f: F) -> F:
    """`f` computes in float32 in a region: a loss, whose sums are long."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if numbers.autocast and region.enabled:
            args, kwargs = tuple(cast(a, dt.float32) for a in args), {k: cast(v, dt.float32) for k, v in kwargs.items()}
        return f(*args, **kwargs)

    return call  # type: ignore[return-value]
