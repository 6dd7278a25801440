"""What is logged beside numbers: pictures, sounds, words, curves, each as bytes of a type, bounded, the newest always kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frame import Frame
from .log import ItemLog
from .reduce import host

ALL = 64 << 20                   # bytes of a recording's media


class Media:
    """Bytes by kind and tag."""

    def __init__(self) -> None:
        self.items = ItemLog(ALL)

    def log(self, kind: str, tag: str, step: int, time: float, value: Any, meta: dict[str, Any]) -> None:
        """Keeps bytes (of `meta["mime"]`), text, or an array. Raises TypeError for anything else."""
        about: dict[str, Any] = {"kind": kind, "tag": tag, "step": step, "time": time, **meta}
        value = getattr(value, "_array", value)
        if isinstance(value, str):
            about.setdefault("mime", "text/plain")
            value = value.encode("utf-8", "replace")
        elif isinstance(value, (bytes, bytearray)):
            about.setdefault("mime", "application/octet-stream")
        elif hasattr(value, "dtype") and value.dtype.kind in "biufc":
            array = np.ascontiguousarray(host(value))
            about |= {"mime": "application/x-array", "shape": list(np.shape(value)), "dtype": array.dtype.str}
            value = array.tobytes()
        else:
            raise TypeError(f"{kind} {tag!r}: bytes, text or an array can be logged, not {type(value).__name__}")
        self.items.add((kind, tag, meta.get("part")), step, len(value) + 256, (about, np.frombuffer(value, np.uint8)))

    def frames(self, tag: str | None, cursor: int | None, steps: tuple[int, int] | None, max_bytes: int, most: int | None = None) -> tuple[list[Frame], int]:
        """A frame each, from number `cursor` on; with `most` the newest of each tag, so that a page knows of all of them."""
        items, after = self.items.read(cursor or 0, max_bytes, None, steps) if most is None else self.items.newest(cursor or 0)
        return [Frame("media", dict(i.data[0]), {"bytes": i.data[1].copy()}) for i in items if tag is None or i.key[1] == tag], after
