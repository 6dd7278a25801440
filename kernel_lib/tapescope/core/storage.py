"""What tensors that share memory share: a version, the line of the last change, and who is looking."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .site import Site
    from .tensor import Tensor


class Storage:
    """Made when a tensor is first viewed, changed in place, or saved as an output; until then its version is 0."""

    __slots__ = ("changed_at", "version", "views")

    def __init__(self) -> None:
        self.version = 0
        self.changed_at: Site | None = None
        self.views: list[weakref.ref[Tensor]] = []       # differentiable views, to be re-based after an in-place op

    def live_views(self) -> list[Tensor]:
        found = [(r, r()) for r in self.views]
        self.views = [r for r, t in found if t is not None]
        return [t for _, t in found if t is not None]
