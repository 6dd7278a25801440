"""The kernel side of the wire: one queue in, cursors out, and adapters to comm, control channel and widgets.

Only `door` loads with the library in a kernel; the rest when a page knocks, or when something here is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import commands, hold, providers
    from .client import KERNEL, PROTOCOL, Client
    from .commands import drain
    from .door import install
    from .loop import service
    from .pump import Pump, wait_for

_HOME = {"KERNEL": "client", "PROTOCOL": "client", "Client": "client", "drain": "commands", "install": "door", "Pump": "pump", "wait_for": "pump",
         "service": "loop"}


def __getattr__(name: str) -> Any:
    if name in ("commands", "hold", "providers"):
        return importlib.import_module("." + name, __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module("." + _HOME[name], __name__), name)
    return found


__all__ = ["KERNEL", "PROTOCOL", "Client", "Pump", "commands", "drain", "hold", "install", "providers", "service", "wait_for"]
