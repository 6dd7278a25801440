"""Losses scaled up before backward(), gradients scaled down after it, so that small ones survive float16."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import device_count, module_of
from ..core.state import mode
from ..core.tensor import Tensor
from ..ops.creation import full

_READY, _UNSCALED, _STEPPED = range(3)


def _tell(what: str, *about: Any) -> None:
    if mode.sink is not None:
        mode.sink.treated(what, *about)


class GradScaler:
    """`scale(loss).backward(); step(optimizer); update()`: a step with non-finite gradients is left out and the scale made smaller; after `growth_interval` good
    ones it grows."""

    def __init__(self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5, growth_interval: int = 2000,
                 enabled: bool = True) -> None:
        if enabled and device == "cuda" and not device_count():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            enabled = False
        if enabled and growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if enabled and backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._device, self._enabled, self._init_scale = device, enabled, init_scale
        self._growth_factor, self._backoff_factor, self._growth_interval = growth_factor, backoff_factor, growth_interval
        self._scale: Tensor | None = None                  # made when the first loss tells the device
        self._growth_tracker, self._states = 0, {}         # type: int, dict[int, dict[str, Any]]

    def _known(self, what: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(f"Attempted {what} but _scale is None.  This may indicate your script did not use scaler.scale(loss or outputs) earlier in the "
                                 "iteration.")
        return self._scale

    def _state(self, optimizer: Any) -> dict[str, Any]:
        return self._states.setdefault(id(optimizer), {"stage": _READY, "bad": None})

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a list or tuple of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=dt.float32, device=outputs.device)
            _tell("scale", self)
            made = outputs * self._scale
            _tell("scaled", outputs, made)
            return made
        if isinstance(outputs, Iterable):
            scaled = (self.scale(x) for x in outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer by the scale, so that they can be clipped."""
        if not self._enabled:
            return
        scale, state = self._known("unscale_"), self._state(optimizer)
        if state["stage"] == _UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] == _STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        by, bad = np.float32(1.0 / float(scale)), None
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.dtype is dt.float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                g = p.grad._array.values if p.grad.is_sparse else p.grad._array
                bad = bool(bad) or not bool(module_of(g).isfinite(g).all())
                g *= g.dtype.type(by)
                p.grad.bump()
        state["stage"], state["bad"] = _UNSCALED, bad
        _tell("unscaled", [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None])

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, unless a gradient is not finite; returns what it returns."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._known("step")
        state = self._state(optimizer)
        if state["stage"] == _STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] == _READY:
            self.unscale_(optimizer)
        if state["bad"] is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        state["stage"] = _STEPPED
        return None if state["bad"] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Makes the scale smaller after non-finite gradients, greater after `growth_interval` steps without any, or sets it."""
        if not self._enabled:
            return
        scale = self._known("update")
        if new_scale is not None:
            if isinstance(new_scale, Tensor) and (new_scale.numel() != 1 or new_scale.requires_grad):
                raise AssertionError("new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False.")
            scale.fill_(float(new_scale))
        else:
            found = [s["bad"] for s in self._states.values() if s["bad"] is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(found):
                scale.mul_(self._backoff_factor)
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = float(scale) * self._growth_factor
                    if np.isfinite(np.float32(grown)):
                        scale.fill_(grown)
                    self._growth_tracker = 0
        self._states.clear()
        _tell("updated")

    def get_scale(self) -> float:
        """The scale; 1.0 when disabled."""
        return (self._init_scale if self._scale is None else float(self._scale)) if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By how much the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """By how much the scale shall grow."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By how much the scale is made smaller."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """By how much the scale shall be made smaller."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """After how many good steps the scale shall grow."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs; empty when disabled."""
        return {"scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor, "growth_interval": self._growth_interval,
                "_growth_tracker": self._growth_tracker} if self._enabled else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.")
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval, self._growth_tracker = state_dict["growth_interval"], state_dict["_growth_tracker"]
