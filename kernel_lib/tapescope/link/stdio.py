"""The wire over a pipe: what a program without Jupyter (an editor) starts to look at recordings on disk.

A message is a header of u4 numbers, little-endian: bytes of the JSON, number of buffers, bytes of each buffer; then the JSON, then the buffers.
"""

from __future__ import annotations

import json
import struct
import threading
from typing import Any, BinaryIO

from . import commands
from .client import Client
from .loop import service

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


def serve(inward: BinaryIO, outward: BinaryIO) -> None:
    """Answers until the other side closes its end. `attached` says whether all of these recordings have ended, so that there is no program behind them."""
    lock = threading.Lock()

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        if content.get("type") == "attached":
            content = {**content, "replay": all(r["state"] != "recording" for r in content["recordings"])}
        data = encode(content, buffers)
        with lock:
            outward.write(data)
            outward.flush()

    client = service.add(Client("stdio", send))
    while not client.closed:
        try:
            message = decode(inward)
        except ValueError as e:                                # where the next message begins is not known any more
            client.send({"type": "reply", "request": None, "ok": False, "error": str(e)})
            break
        if message is None:
            break
        client.receive(message[0])
        commands.drain()
    service.remove(client)
    client.close()
