"""The kernel side of the wire: one queue in, cursors out, and adapters to comm, control channel and widgets."""

from . import commands, providers
from .client import KERNEL, PROTOCOL, Client
from .commands import drain
from .jupyter import install
from .pump import Pump, wait_for
from .service import service

__all__ = ["KERNEL", "PROTOCOL", "Client", "Pump", "commands", "drain", "install", "providers", "service", "wait_for"]
