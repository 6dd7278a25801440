"""What tells a recording that PyTorch's gradients are not what they look like: a GradScaler that multiplies a loss, clipping."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad

from .arrays import quietly

if TYPE_CHECKING:
    from .recorder import TorchRecorder

Here = Callable[[], "TorchRecorder | None"]


def patches(here: Here) -> list[tuple[Any, str, Any]]:
    """(owner, name, what stands there while anything is recorded)."""
    scale, unscale, update = GradScaler.scale, GradScaler._unscale_grads_, GradScaler.update

    def scaled(self: Any, outputs: Any) -> Any:
        made = scale(self, outputs)

        def tell(r: TorchRecorder) -> None:
            r.treated("scale", self)
            r.scaling.multiplying = False
            if isinstance(outputs, torch.Tensor):
                r.treated("scaled", r.mirrors.of(outputs), r.mirrors.of(made))

        if self.is_enabled():
            _tell(here, tell)
        return made

    def unscaled(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        found = unscale(self, optimizer, *args, **kwargs)
        _tell(here, lambda r: r.treated("unscaled", [r.mirrors.of(p) for g in optimizer.param_groups for p in g["params"] if p.grad is not None]))
        return found

    def updated(self: Any, *args: Any, **kwargs: Any) -> Any:
        update(self, *args, **kwargs)
        _tell(here, lambda r: r.treated("updated"))

    found = [(GradScaler, "scale", scaled), (GradScaler, "_unscale_grads_", unscaled), (GradScaler, "update", updated)]
    for name, owners in (("_clip_grads_with_norm_", (clip_grad,)), ("clip_grad_value_", (clip_grad, torch.nn.utils))):
        clip = getattr(clip_grad, name, None)
        if clip is not None:
            found += [(owner, name, _clipping(here, clip)) for owner in owners]
    return found


def _clipping(here: Here, clip: Any) -> Any:
    def clipped(*args: Any, **kwargs: Any) -> Any:
        _tell(here, lambda r: r.treated("clipped"))
        return clip(*args, **kwargs)

    return clipped


def _tell(here: Here, say: Callable[[TorchRecorder], Any]) -> None:
    r = here()
    if r is None:
        return
    try:
        with quietly():
            say(r)
    except Exception as e:
        r.fail(e)
