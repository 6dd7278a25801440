"""What a Jupyter kernel hears of us on import: a comm target and a control handler. The rest of this room loads when somebody knocks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

TARGET, ANNOUNCE = "tapescope", "tapescope.announce"
REQUEST = "tapescope_request"

schedule: Callable[[Callable[[], None]], Any] | None = None        # runs a function on the main thread's loop
_installed = False


def install() -> bool:
    """Makes this kernel answer pages; harmless outside a kernel and the second time. Returns whether there is a kernel."""
    global _installed, schedule
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "comm_manager"):
        return False
    if not _installed:
        _installed = True
        schedule = _scheduler(kernel)
        kernel.comm_manager.register_target(TARGET, _opened)
        if hasattr(kernel, "control_handlers"):
            kernel.control_handlers[REQUEST] = _requested
        announce()
    return True


def announce(**news: bool) -> None:
    """Tells pages that are already open that this kernel has the library now, or what is new in it."""
    from comm import create_comm

    create_comm(target_name=ANNOUNCE, data=news).close()


def announce_breakpoints() -> bool:
    """There are breakpoints: a cell may pause, and somebody should look. Returns whether there is a kernel that could be looked at."""
    if _installed:
        announce(breakpoints=True)
    return _installed


def _scheduler(kernel: Any) -> Callable[[Callable[[], None]], Any] | None:
    """At once when no cell runs, else after the cell (or where an async cell awaits)."""
    loop: Any = None
    if threading.current_thread() is threading.main_thread():
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
    loop = loop or getattr(getattr(kernel, "io_loop", None), "asyncio_loop", None)
    return None if loop is None else loop.call_soon_threadsafe


def _opened(comm: Any, message: Any) -> None:
    from .jupyter import opened

    opened(comm, message)


def _requested(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
    from .jupyter import requested

    requested(stream, ident, parent)
