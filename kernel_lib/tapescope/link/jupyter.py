"""Adapters to a Jupyter kernel: the comm that a panel opens, the control channel that reaches a busy kernel, the announcement."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import commands
from .client import Client
from .service import service

TARGET, ANNOUNCE = "tapescope", "tapescope.announce"
REQUEST, REPLY = "tapescope_request", "tapescope_reply"

_by_comm: dict[str, Client] = {}
_opening = threading.Lock()            # the first message of a comm may come by two channels at once
_installed = False


def unpin(comm: Any) -> None:
    """ipykernel 7.4 sends replies to the shell that last published on a comm, a busy one; keeps the page's choice instead."""
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def install() -> bool:
    """Makes this kernel answer pages; harmless outside a kernel and the second time. Returns whether there is a kernel."""
    global _installed
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "comm_manager"):
        return False
    if not _installed:
        _installed = True
        commands.schedule = _scheduler(kernel)
        kernel.comm_manager.register_target(TARGET, _opened)
        if hasattr(kernel, "control_handlers"):
            kernel.control_handlers[REQUEST] = _control(kernel)
        _comm(target_name=ANNOUNCE, data={}).close()        # pages that are already open connect now
    return True


def _comm(**options: Any) -> Any:
    from comm import create_comm

    return create_comm(**options)


def _scheduler(kernel: Any) -> Callable[[Callable[[], None]], None] | None:
    """Runs a function on the main thread's loop: at once when no cell runs, else after it (or where an async cell awaits)."""
    loop: Any = None
    if threading.current_thread() is threading.main_thread():
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
    loop = loop or getattr(getattr(kernel, "io_loop", None), "asyncio_loop", None)
    return None if loop is None else loop.call_soon_threadsafe


def _client(comm: Any, name: str) -> Client:
    unpin(comm)

    def send(content: dict[str, Any], buffers: list[Any]) -> None:
        comm.send(content, buffers=buffers)

    def close() -> None:
        _by_comm.pop(comm.comm_id, None)
        with contextlib.suppress(KeyError):                 # our end only: the manager has not met it yet
            comm.close()

    client = Client(name or comm.comm_id, send, control=True, close=close)
    _by_comm[comm.comm_id] = client
    return service.add(client)


def _opened(comm: Any, message: Any) -> None:
    data = message["content"].get("data")
    name = data.get("client") if isinstance(data, dict) else None
    with _opening:
        client = _by_comm.get(comm.comm_id) or _client(comm, str(name or ""))
    unpin(comm)

    def closed(_: Any) -> None:
        client.closed = True
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
        name = str(content.pop("client", "") or "")         # of the way, not of the page: panels have one page each
        if not comm_id:
            answer = {"status": "error", "ename": "ValueError", "evalue": "a request names the comm it belongs to: comm_id is missing", "traceback": []}
        else:
            answer = {"status": "ok"}
        kernel.session.send(stream, REPLY, answer, parent, ident)
        if comm_id:
            with _opening:                                  # our end of the comm, should its comm_open still wait behind the running cell
                client = _by_comm.get(comm_id) or _client(_comm(comm_id=comm_id, target_name=TARGET, primary=False), name)
            client.receive(content)
    return handle
