"""The wire over a pipe: what a program without Jupyter (an editor) starts to look at recordings on disk."""

from __future__ import annotations

import threading
from typing import Any, BinaryIO

from . import commands
from .client import Client
from .framing import decode, encode
from .loop import service
from .relay import Relays


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

    client, relays = service.add(Client("stdio", send)), Relays(send)
    while not client.closed:
        try:
            message = decode(inward)
        except ValueError as e:                                # where the next message begins is not known any more
            client.send({"type": "reply", "request": None, "ok": False, "error": str(e)})
            break
        if message is None:
            break
        if not relays.take(message[0]):
            client.receive(message[0])
            commands.drain()
    relays.close()
    service.remove(client)
    client.close()
