"""torchvision as the reference for pictures."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

_kept: list[Any] = []


def reference(name: str) -> Any:
    """A module of torchvision's; skips where it is not installed."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    pytest.importorskip("PIL", reason="Pillow is not installed: there are no pictures")
    if importlib.util.find_spec("torchvision") is None:    # type: ignore[attr-defined]
        pytest.skip("torchvision is not installed: nothing is compared with it", allow_module_level=True)
    try:
        return importlib.import_module(name)
    except RuntimeError as error:                          # its compiled part is of another build of PyTorch; transforms need none of it, but importing asks for one name
        if "torchvision::nms does not exist" not in str(error):
            raise
    for loaded in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[loaded]
    _kept.append(torch.library.Library("torchvision", "DEF"))
    for op in ("nms", "qnms"):
        _kept[-1].define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module(name)
