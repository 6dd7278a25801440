"""The adapter to an anywidget: each model is one client, with a page for every tab that shows it."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from .client import KERNEL, Client
from .door import install
from .jupyter import unpin
from .loop import service

_number = itertools.count(1).__next__


def connect(widget: Any) -> Client:
    """Lets a widget's page end speak the wire by custom messages."""
    install()
    service.watch()
    unpin(getattr(widget, "comm", None))
    held = weakref.ref(widget)                              # a closed widget goes, whoever may still remember its client

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        w = held()
        if w is None or w.comm is None:
            raise ConnectionError("the widget was closed")
        w.send(content, buffers=buffers)

    client = Client(f"widget-{_number()}", send)

    def heard(_: Any, content: Any, buffers: Any) -> None:
        client.receive(content)

    widget.on_msg(heard)
    widget.kernel = KERNEL
    return client
