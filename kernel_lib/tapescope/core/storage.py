"""What tensors that share memory share: a version, the line of the last change, and who is looking."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .site import Site
    from .tensor import Tensor

# glibc hands memory back to the system after every step of a small model and fetches it again page by page, which took a quarter of the step. Once it
# has freed a block of this size it keeps twice as much; nothing is written to it, so that no page is touched. Elsewhere this does nothing.
np.empty(31 << 20, np.int8)


class Storage:
    """Made when a tensor is first viewed, changed in place, or saved as an output; until then its version is 0."""

    __slots__ = ("changed_at", "version", "views")

    version: int
    changed_at: Site | None
    views: Sequence[weakref.ref[Tensor]]                 # differentiable views, to be re-based after an in-place op

    def watch(self, view: Tensor) -> None:
        """Remembers a differentiable view; the dead ones are dropped now and then."""
        views = self.views
        if isinstance(views, list):
            views.append(weakref.ref(view))
            if len(views) & (len(views) - 1) == 0 and len(views) > 8:
                self.live_views()
        else:
            self.views = [weakref.ref(view)]

    def live_views(self) -> list[Tensor]:
        found = [(r, r()) for r in self.views]
        self.views = [r for r, t in found if t is not None]
        return [t for _, t in found if t is not None]


def new_storage() -> Storage:
    """A storage at version 0; without the cost of an initialiser, on the path of every op that saves its output."""
    s = Storage()
    s.version = 0
    s.changed_at = None
    s.views = ()
    return s
