"""Pictures of the rows of a projection, as a kind of projection of their own: a frame where they change, whose number the points name."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from ..tape import Frame, Tape
from ..tape import rows as known_rows
from .rows import owner_of

PREFIX = "pictures:"


def frames(tape: Tape, id: str, cursor: Any, most: int | None) -> tuple[list[Frame], Any]:
    """Pictures of the rows of `id` ("pictures:activation/fc1") that have not been told since `cursor`."""
    after, told = cursor or (None, 0)
    key, found = id.removeprefix(PREFIX), []
    items, after = tape.copies(key, after, 1 << 20, most=most)
    for item in items:
        image = tape.known_rows(owner_of(key), item.step).get("image")
        if image is None or (number := zlib.crc32(image.tobytes())) == told:
            continue
        told, n = number, item.data[1][0]
        found.append(Frame("projection", {"key": id, "step": item.step, "n": len(image), "method": "pictures", "explained": [], "image": list(image.shape[1:]), "pictures": number},
                           {"image": image.ravel(), "row": known_rows.pictured(n, len(image)).astype(np.int32)}))
    return found, (after, told)
