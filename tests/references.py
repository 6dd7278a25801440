"""Libraries that stand beside PyTorch, as references for tests and benchmarks; a test that needs one which is not installed skips."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

import pytest

_kept: list[Any] = []


def torchvision_fits() -> None:
    """Lets `import torchvision` pass where its compiled part is of another build of PyTorch: what is used here needs none of it, but importing asks for two names.
    transformers imports torchvision wherever it finds it."""
    if _kept or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    import torch

    for loaded in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[loaded]
    _kept.append(torch.library.Library("torchvision", "DEF"))
    for op in ("nms", "qnms"):
        _kept[-1].define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def of_torchvision(name: str) -> Any:
    """A module of torchvision's, or of what it stands on; skips where that is not installed."""
    pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    pytest.importorskip("PIL", reason="Pillow is not installed: there are no pictures")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: nothing is compared with it", allow_module_level=True)
    torchvision_fits()
    return importlib.import_module(name)


def of_hugging_face(name: str, without: str) -> Any:
    """transformers or a library that belongs to it; skips where PyTorch or the library is not installed, and says what is not done `without` it."""
    pytest.importorskip("torch", reason="PyTorch is not installed: there is no model")
    torchvision_fits()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")           # models are made from configs: whoever asks a hub fails
    return pytest.importorskip(name, reason=f"{name} is not installed: {without}")
