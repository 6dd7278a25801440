"""Adapters to a Jupyter kernel: the comm that a panel opens, the control channel that reaches a busy kernel, the announcement."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from . import commands
from .client import Client
from .service import service

TARGET, ANNOUNCE = "tapescope", "tapescope.announce"
REQUEST, REPLY = "tapescope_request", "tapescope_reply"

_by_comm: dict[str, Client] = {}
_installed = False


def unpin(comm: Any) -> None:
    """ipykernel 7.4 sends replies to the shell that last published on a comm; keep the page's choice."""
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def install() -> bool:
    """Makes this kernel answer pages; harmless outside a kernel and the second time. Returns whether there is a kernel."""
    global _installed
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or _installed:
        return kernel is not None
    _installed = True
    commands.schedule = _scheduler(kernel)
    kernel.comm_manager.register_target(TARGET, _opened)
    if hasattr(kernel, "control_handlers"):
        kernel.control_handlers[REQUEST] = _control(kernel)
    _announce()
    return True


def _announce() -> None:
    """Tells pages that are already open that this kernel has the library now."""
    from comm import create_comm

    comm = create_comm(target_name=ANNOUNCE, data={})
    comm.close()


def _scheduler(kernel: Any) -> Callable[[Callable[[], None]], None] | None:
    """Runs a function on the main thread's loop: at once when no cell runs, else after it."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:
        loop = getattr(getattr(kernel, "io_loop", None), "asyncio_loop", None)
    if loop is None:
        return None

    def schedule(fn: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(fn)
    return schedule


def _client(comm: Any, name: str) -> Client:
    unpin(comm)

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        comm.send(content, buffers=buffers)

    client = service.add(Client(name or comm.comm_id, send, control=True))
    _by_comm[comm.comm_id] = client
    for comm_id, known in list(_by_comm.items()):
        if known.closed:
            del _by_comm[comm_id]
    return client


def _opened(comm: Any, message: Any) -> None:
    data = message["content"].get("data") or {}
    client = _by_comm.get(comm.comm_id)
    if client is None or client.closed:
        client = _client(comm, str(data.get("client") or ""))
    unpin(comm)

    def closed(_: Any) -> None:
        _by_comm.pop(comm.comm_id, None)
        service.remove(client)

    def heard(m: Any) -> None:
        client.receive(m["content"].get("data"))

    comm.on_msg(heard)
    comm.on_close(closed)


def _control(kernel: Any) -> Callable[..., Any]:
    """Handles requests on the control channel, in the control thread, whatever the main thread does."""

    def handle(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        content = dict(parent["content"])
        comm_id = str(content.pop("comm_id", "") or "")
        name = str(content.pop("client", "") or "")
        client = _by_comm.get(comm_id)
        if client is None and comm_id:                      # the comm_open still waits behind the running cell
            from comm import get_comm_manager
            from comm.base_comm import BaseComm

            known = get_comm_manager().comms.get(comm_id)
            comm = known if known is not None else _early(comm_id)
            assert isinstance(comm, BaseComm)
            client = _client(comm, name)
        if client is None:
            kernel.session.send(stream, REPLY, {"status": "error", "evalue": "there is no comm with this id"}, parent, ident)
            return
        kernel.session.send(stream, REPLY, {"status": "ok"}, parent, ident)
        client.receive({**content, "client": name})
    return handle


def _early(comm_id: str) -> Any:
    """Our end of a comm that the page has opened and the shell has not yet heard of."""
    from ipykernel.comm import Comm

    comm = Comm(comm_id=comm_id, target_name=TARGET, primary=False)
    unpin(comm)
    return comm
