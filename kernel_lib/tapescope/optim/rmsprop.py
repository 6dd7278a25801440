"""RMSprop and Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, non_negative


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²;  p -= lr g / (√v + ε). Hinton, 2012."""

    def __init__(self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
                 centered: bool = False, **_: Any) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum=momentum)
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum, "centered": centered})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        for p in params:
            w, g = p._array, p._grad._array                # type: ignore[union-attr]
            f = w.dtype.type
            state = self.state[p]
            if not state:
                state.update(step=0.0, square_avg=np.zeros_like(w))
                if group["momentum"]:
                    state["momentum_buffer"] = np.zeros_like(w)
                if group["centered"]:
                    state["grad_avg"] = np.zeros_like(w)
            state["step"] += 1
            if group["weight_decay"]:
                g = g + w * f(group["weight_decay"])
            v = state["square_avg"]
            v *= f(group["alpha"])
            v += g * g * f(1 - group["alpha"])
            around = v
            if group["centered"]:
                m = state["grad_avg"]
                m += (g - m) * f(1 - group["alpha"])
                around = v - m * m
            step = g / (np.sqrt(around) + f(group["eps"]))
            if group["momentum"]:
                b = state["momentum_buffer"]
                b *= f(group["momentum"])
                b += step
                step = b
            w -= step * f(group["lr"])
            p.bump()


class Adagrad(Optimizer):
    """s += g²;  p -= lr g / (√s + ε). Duchi et al., 2011."""

    def __init__(self, params: Any, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0, eps: float = 1e-10,
                 **_: Any) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        for p in params:
            w, g = p._array, p._grad._array                # type: ignore[union-attr]
            f = w.dtype.type
            state = self.state[p]
            if not state:
                state.update(step=0.0, sum=np.full_like(w, group["initial_accumulator_value"]))
            state["step"] += 1
            if group["weight_decay"]:
                g = g + w * f(group["weight_decay"])
            state["sum"] += g * g
            w -= g / (np.sqrt(state["sum"]) + f(group["eps"])) * f(group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"]))
            p.bump()
