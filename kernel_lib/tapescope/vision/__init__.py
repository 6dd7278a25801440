"""torchvision's places: `transforms`, `datasets`, `utils`. Pictures are Pillow's, which is imported when the first one is met."""

from __future__ import annotations

import importlib
from typing import Any

_ROOMS = ("datasets", "transforms", "utils")
__all__ = ["datasets", "transforms", "utils"]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
