"""The adapter to an anywidget: each model is one client."""

from __future__ import annotations

import itertools
from typing import Any

from . import jupyter
from .client import KERNEL, Client
from .service import service

_number = itertools.count(1).__next__


def connect(widget: Any) -> Client:
    """Lets a widget's page end speak the wire by custom messages."""
    jupyter.install()
    comm = getattr(widget, "comm", None)
    if comm is not None:
        jupyter.unpin(comm)

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        widget.send(content, buffers=buffers)

    client = Client(f"widget-{_number()}", send)

    def heard(_: Any, content: Any, buffers: Any) -> None:
        if client.closed or service.get(client.name) is None:
            client.closed = False
            service.add(client)
        client.receive(content)

    widget.on_msg(heard)
    widget.kernel = KERNEL
    return client
