"""Adapters to a Jupyter kernel: the comm that a panel opens, and the control channel that reaches a busy kernel."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Any

from .client import Client
from .door import TARGET
from .loop import service

REPLY = "tapescope_reply"

REMEMBERED = 4096                      # comms that were closed, by us or by their pages: what they still say comes late and counts for nothing

_by_comm: dict[str, Client] = {}
_gone: dict[str, None] = {}            # in the order in which they went
_opening = threading.Lock()            # the first message of a comm may come by two channels at once


def unpin(comm: Any) -> None:
    """ipykernel 7.4 sends replies to the shell that last published on a comm, a busy one; keeps the page's choice instead."""
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def _client(comm: Any, name: str) -> Client:
    unpin(comm)

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        comm.send(content, buffers=buffers)

    def close() -> None:
        _forget(comm.comm_id)
        with contextlib.suppress(KeyError):                 # our end only: the manager has not met it yet
            comm.close()

    client = Client(name or comm.comm_id, send, control=True, close=close)
    for older in [c for c in _by_comm.values() if c.name == client.name]:
        older.close()                                       # also one that has been let go: it must not come back and take our place
    _by_comm[comm.comm_id] = client
    return service.add(client)


def _forget(comm_id: str) -> None:
    _by_comm.pop(comm_id, None)
    _gone[comm_id] = None
    while len(_gone) > REMEMBERED:
        del _gone[next(iter(_gone))]


def opened(comm: Any, message: Any) -> None:
    """A page has opened its comm."""
    data = message["content"].get("data")
    name = data.get("client") if isinstance(data, dict) else None
    with _opening:
        late = comm.comm_id in _gone                        # it waited behind a cell, and its page has been replaced meanwhile
        client = None if late else _by_comm.get(comm.comm_id) or _client(comm, str(name or ""))
    if client is None:
        comm.close()
        return
    unpin(comm)

    def closed(_: Any) -> None:
        client.closed = True
        _forget(comm.comm_id)
        service.remove(client)

    def heard(m: Any) -> None:
        client.receive(m["content"].get("data"))

    comm.on_msg(heard)
    comm.on_close(closed)


def requested(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
    """A request by the control channel, handled in the control thread, whatever the main thread does."""
    content = dict(parent["content"])
    comm_id = str(content.pop("comm_id", "") or "")
    name = str(content.pop("client", "") or "")             # of the way, not of the page: a panel's way has one page
    wrong = "a request names the comm it belongs to: comm_id is missing" if not comm_id else ""
    client = None
    with _opening:
        if comm_id in _gone:
            wrong = "this page was closed, or another one has taken its place: reload it"
        elif comm_id:
            client = _by_comm.get(comm_id) or _early(comm_id, name)
    answer = {"status": "error", "ename": "ValueError", "evalue": wrong, "traceback": []} if wrong else {"status": "ok"}
    sys.modules["IPython"].get_ipython().kernel.session.send(stream, REPLY, answer, parent, ident)
    if client is not None:
        client.receive(content)


def _early(comm_id: str, name: str) -> Client:
    """A client for a comm whose comm_open still waits behind the running cell."""
    from comm import create_comm

    return _client(create_comm(comm_id=comm_id, target_name=TARGET, primary=False), name)
