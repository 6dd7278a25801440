"""The user's line: the first frame that belongs neither to PyTorch nor to us."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from ...core.site import PACKAGES

USER, LIBRARY, QUIET, LAYER = range(4)

_LIBRARIES = frozenset(["torch", "functorch", "contextlib", "functools", "accelerate", "tapescope"])
# What these do is bookkeeping around a model, not part of it.
_QUIET = ("torch.optim", "torch.utils.data", "torch.nn.init", "torch.nn.utils.clip_grad", "torch.amp.grad_scaler", "torch.cuda.amp", "torch.serialization",
          "torch._tensor_str", "torch.distributed", "torch.testing", "torch.nn.parallel.distributed", "accelerate.utils.operations", "accelerate.data_loader",
          "torch.nn.utils.stateless", "torch.storage")

_kinds: dict[str, int] = {}


def _kind(name: str) -> int:
    root = name.partition(".")[0]
    kind = USER
    if root in _LIBRARIES and (root != "tapescope" or name.rpartition(".")[0] in PACKAGES or name in PACKAGES):
        kind = QUIET if name.startswith(_QUIET) else LAYER if name.startswith("torch.nn.modules") else LIBRARY
    _kinds[name] = kind
    return kind


def user_site(depth: int) -> Any:
    """(code, lasti) of the user's line; None when there is none; False when what runs is bookkeeping."""
    frame: FrameType | None = sys._getframe(depth)
    layer = False                              # what runs is a layer's: DistributedDataParallel that calls it does not make it bookkeeping
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        kind = _kinds.get(name)
        if kind is None:
            kind = _kind(name)
        if kind == USER:
            return frame.f_code, frame.f_lasti
        if kind == QUIET and not layer:
            return False
        layer = layer or kind == LAYER
        frame = frame.f_back
    return None
