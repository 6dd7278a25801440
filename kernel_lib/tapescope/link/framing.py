"""Messages as bytes: a header of u4 numbers, little-endian (bytes of the JSON, number of buffers, bytes of each buffer), then the JSON, then the buffers."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

MOST = 1 << 24                     # bytes of a message from outside


def encode(content: dict[str, Any], buffers: list[Any]) -> bytes:
    """A message as it goes over the pipe."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    raw = [memoryview(b).cast("B") for b in buffers]
    return b"".join([struct.pack(f"<{2 + len(raw)}I", len(text), len(raw), *map(len, raw)), text, *raw])


def decode(pipe: BinaryIO) -> tuple[Any, list[bytes]] | None:
    """The next message; None at the end of the pipe, or in the middle of a message. Raises ValueError for one that is too long or no JSON."""
    head = _exactly(pipe, 8)
    if head is None:
        return None
    size, n = struct.unpack("<2I", head)
    if size > MOST or n > 1024:
        raise ValueError(f"a message of {size:,} bytes and {n:,} buffers is not read: the limit is {MOST:,} bytes")
    sizes = _exactly(pipe, 4 * n)
    lengths = struct.unpack(f"<{n}I", sizes) if sizes is not None else ()
    if sum(lengths) > MOST:
        raise ValueError(f"buffers of {sum(lengths):,} bytes are not read: the limit is {MOST:,} bytes")
    text = None if sizes is None else _exactly(pipe, size)
    buffers = [] if text is None else [_exactly(pipe, length) for length in lengths]
    if text is None or any(b is None for b in buffers):
        return None
    try:
        return json.loads(text), [b for b in buffers if b is not None]
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as e:
        raise ValueError(f"a message is no JSON: {e}") from None


def _exactly(pipe: BinaryIO, n: int) -> bytes | None:
    parts = []
    while n:
        part = pipe.read(n)
        if not part:
            return None
        parts.append(part)
        n -= len(part)
    return b"".join(parts)
