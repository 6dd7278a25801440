"""The kernel side of the wire: one queue in, outlets out, and adapters to comm, control channel and widgets."""

from . import providers
from .client import KERNEL, PROTOCOL, Client
from .jupyter import install
from .service import service

__all__ = ["KERNEL", "PROTOCOL", "Client", "install", "providers", "service"]
