"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, blocks, non_negative


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p -= lr m̂ / (√v̂ + ε). Kingma & Ba, 2015."""

    decoupled = False

    def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 amsgrad: bool = False, *, foreach: Any = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
                 fused: Any = None) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        beta1, beta2 = group["betas"]
        lr, eps, decay, amsgrad = float(group["lr"]), group["eps"], group["weight_decay"], group["amsgrad"]
        for p in params:
            w, g = p._array, p._grad._array                # type: ignore[union-attr]
            state = self.state[p]
            if not state:
                state.update(step=0.0, exp_avg=np.zeros_like(w, order="C"), exp_avg_sq=np.zeros_like(w, order="C"))
                if amsgrad:
                    state["max_exp_avg_sq"] = np.zeros_like(w, order="C")
            state["step"] += 1
            t = state["step"]
            size, root = lr / (1 - beta1 ** t), math.sqrt(1 - beta2 ** t)
            f = w.dtype.type
            extra = (state["max_exp_avg_sq"],) if amsgrad else ()
            for part in blocks(w, g, state["exp_avg"], state["exp_avg_sq"], *extra):
                wb, gb, m, v = part[:4]
                if group["maximize"]:
                    gb = -gb
                if decay and self.decoupled:
                    wb *= f(1 - lr * decay)
                elif decay:
                    gb = gb + wb * f(decay)
                m += (gb - m) * f(1 - beta1)
                v *= f(beta2)
                scratch = gb * gb
                scratch *= f(1 - beta2)
                v += scratch
                if amsgrad:
                    np.maximum(part[4], v, out=part[4])
                    v = part[4]
                np.sqrt(v, out=scratch)
                scratch *= f(1 / root)
                scratch += f(eps)
                np.divide(m, scratch, out=scratch)
                scratch *= f(size)
                wb -= scratch
            p.bump()


class AdamW(Adam):
    """Adam whose weight decay acts on the weights, not on the gradient. Loshchilov & Hutter, 2019."""

    decoupled = True

    def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
                 amsgrad: bool = False, **kwargs: Any) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **kwargs)
