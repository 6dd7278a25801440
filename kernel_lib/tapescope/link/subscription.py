"""What a page wants to see of a recording, and how far it has seen it: a cursor, never a queue."""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any

from ..tape import Frame, Tape, registry

KINDS = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "tensor", "media", "kernels", "status", "findings", "projection", "debug")
MAX_BYTES = 256 * 1024
GAP = 1 / 20                       # seconds between two frames of one subscription

# A page needs only the newest of these, or a few up to the newest: at first, and whenever it is behind. Of the others it gets every row.
_NEWEST = {"clocks": 1, "gradients": 1, "status": 1, "findings": 1, "debug": 1, "tensor": 2, "media": 4, "projection": 2}
_AT_FIRST = {"tensor": 12, "media": 12, "projection": 12}
_QUERY_BYTES = 64 << 20            # of one answer; a query of a recording that outruns the wire ends here


class Subscription:
    """Reads one kind from one recording; `once` makes it a query."""

    __slots__ = ("__weakref__", "_ahead", "_sent", "_tape", "cursor", "due", "id", "kind", "max_bytes", "once", "request", "spec", "steps")

    def __init__(self, message: dict[str, Any], once: bool) -> None:
        self.request = str(message.get("request"))
        self.spec = str(message.get("recording") or "latest")
        self.once = once
        self.kind = message.get("kind")
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; known are {', '.join(KINDS)}")
        id = message.get("id")
        self.id = None if id is None else str(id)
        self.steps = _range(message.get("steps"))
        size = message.get("max_bytes") or MAX_BYTES
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"max_bytes must be a whole number of bytes, not {size!r}")
        self.max_bytes = min(max(size, 1024), MAX_BYTES)
        if self.spec != "latest" and registry.get(self.spec) is None:
            raise ValueError(f"there is no recording {self.spec!r}; there are {', '.join(t.id for t in registry.list()) or 'none'}")
        self._tape: weakref.ref[Tape] | None = None            # a page that sleeps must not keep a recording alive
        self.cursor: Any = None
        self.due = 0.0
        self._ahead: deque[Frame] = deque()                    # the rest of the page that was read last
        self._sent = 0

    @property
    def tape(self) -> Tape | None:
        """The recording that is being read, as long as it is there."""
        return None if self._tape is None else self._tape()

    def follow(self) -> bool:
        """Looks up the recording; True when it is another one than before, which is then read from its beginning."""
        found = registry.get(self.spec)
        if found is None or found is self.tape or (self.once and self._tape is not None):
            return False
        self._tape, self.cursor = weakref.ref(found), None
        self._ahead.clear()
        return True

    def read(self) -> Frame | None:
        """The next frame, or None when there is nothing new."""
        if not self._ahead:
            self._page()
        return self._ahead.popleft() if self._ahead else None

    def more(self) -> bool:
        """Whether a query has something left; looks ahead, so that the last frame can say that it is the last."""
        if not self._ahead and self._sent < _QUERY_BYTES:
            self._page()
        return bool(self._ahead)

    def _page(self) -> None:
        tape = self.tape
        if tape is None:
            return
        kind = self.kind or ""
        most = None if self.once else (_AT_FIRST.get(kind) if self.cursor is None else None) or _NEWEST.get(kind)
        frames, self.cursor = tape.frames(kind, self.cursor, id=self.id, steps=self.steps, max_bytes=self.max_bytes, most=most)
        self._ahead.extend(frames)
        self._sent += sum(f.nbytes for f in frames)


def _range(steps: Any) -> tuple[int, int] | None:
    if steps is None:
        return None
    if not isinstance(steps, (list, tuple)) or len(steps) != 2 or not all(isinstance(s, int) for s in steps):
        raise ValueError(f"steps must be [first, last], not {steps!r}")
    return steps[0], steps[1]
