"""`torch.nn`."""

from typing import Any

from . import functional, init, utils
from . import modules as modules
from . import parameter as parameter
from .modules import *  # noqa: F403
from .modules import __all__ as _layers
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [*_layers, "Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "functional", "init", "utils"]


def __getattr__(name: str) -> Any:
    if name in ("parallel", "DataParallel"):                   # few programs need them
        from .parallel import DataParallel

        return DataParallel if name == "DataParallel" else globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
