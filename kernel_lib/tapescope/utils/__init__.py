"""`torch.utils`; and `summary`, which is a package of its own beside PyTorch."""

from __future__ import annotations

import importlib
from typing import Any

from . import data
from .summary import summary

__all__ = ["checkpoint", "data", "summary", "tensorboard"]


def __getattr__(name: str) -> Any:
    if name == "checkpoint":
        return importlib.import_module("tapescope.utils.checkpoint")
    if name == "tensorboard":
        return importlib.import_module("tapescope.utils.tensorboard")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
