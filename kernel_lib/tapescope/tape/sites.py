"""One number for one place: CPython moves `f_lasti` within an instruction once it has specialised it."""

from __future__ import annotations

import dis
from bisect import bisect_right
from types import CodeType
from typing import Any

_offsets: dict[int, tuple[CodeType, list[int]]] = {}
KEEP = 4096                        # code objects whose instructions are remembered


def canonical(code: CodeType | None, lasti: int) -> int:
    """The offset of the instruction that `lasti` lies in: inline caches belong to the instruction before them."""
    if code is None or lasti < 0:
        return lasti
    known = _offsets.get(id(code))
    if known is None or known[0] is not code:
        if len(_offsets) >= KEEP:
            _offsets.clear()
        known = _offsets[id(code)] = (code, [i.offset for i in dis.get_instructions(code)])
    i = bisect_right(known[1], lasti)
    return known[1][i - 1] if i else lasti


def settled(site: Any) -> Any:
    """A site with its canonical offset."""
    return None if site is None else (site[0], canonical(site[0], site[1]))
