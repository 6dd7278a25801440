"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, non_negative


class SGD(Optimizer):
    """v = μ v + (1 - τ) g;  p -= lr (g + μ v) with Nesterov, else p -= lr v. Sutskever et al., 2013."""

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0, nesterov: bool = False, *,
                 maximize: bool = False, foreach: Any = None, differentiable: bool = False, fused: Any = None) -> None:
        non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                                  "maximize": maximize})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, momentum, decay = float(group["lr"]), group["momentum"], group["weight_decay"]
        for p in params:
            w, g = p._array, p._grad._array                # type: ignore[union-attr]
            if group["maximize"]:
                g = -g
            if decay:
                g = g + w * w.dtype.type(decay)
            if momentum:
                state = self.state[p]
                v = state.get("momentum_buffer")
                if v is None:
                    v = state["momentum_buffer"] = np.array(g)
                else:
                    v *= v.dtype.type(momentum)
                    v += g if not group["dampening"] else g * g.dtype.type(1 - group["dampening"])
                g = g + v * v.dtype.type(momentum) if group["nesterov"] else v
            w -= g * w.dtype.type(lr)
            p.bump()
