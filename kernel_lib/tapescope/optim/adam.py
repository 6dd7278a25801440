"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, count, counter, decays, exclusive, non_negative, number, zeros_like


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p -= lr m̂ / (√v̂ + ε). Kingma & Ba, 2015.

    With `decoupled_weight_decay` the decay acts on the weights, not on the gradient, as in AdamW.
    """

    def __init__(self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        non_negative(lr=lr, eps=eps)
        decays(betas)
        non_negative(weight_decay=weight_decay)
        _both_alike(betas, bool(foreach) and not capturable)
        exclusive(foreach, fused, differentiable)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "foreach": foreach,
                                  "maximize": maximize, "capturable": capturable, "differentiable": differentiable, "fused": fused,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        lr, eps, decay = number(group["lr"]), group["eps"], group["weight_decay"]
        amsgrad, maximize, decoupled = group["amsgrad"], group["maximize"], group["decoupled_weight_decay"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
                if amsgrad:
                    state["max_exp_avg_sq"] = zeros_like(p)
            t = count(state)
            # lr m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε) = [lr r/(1-β₁ᵗ)] m / (√v + ε r) with r = √(1-β₂ᵗ): one pass over the memory less
            root = math.sqrt(1 - beta2 ** t)
            size, small = lr * root / (1 - beta1 ** t), eps * root
            kept = [state["exp_avg"], state["exp_avg_sq"]]
            if amsgrad:
                kept.append(state["max_exp_avg_sq"])
            for w, g, m, v, *top, d, s in self._work.pieces(p, *kept, scratch=2):
                if maximize:
                    g = np.negative(g, d)
                if decay and decoupled:
                    w *= 1 - lr * decay
                elif decay:
                    np.multiply(w, decay, s)
                    g = np.add(g, s, d)
                np.subtract(g, m, s)
                s *= 1 - beta1
                m += s
                np.multiply(g, g, s)
                s *= 1 - beta2
                v *= beta2
                v += s
                if amsgrad:
                    v = np.maximum(top[0], v, out=top[0])
                np.sqrt(v, s)
                s += small
                np.divide(m, s, s)
                s *= size
                w -= s
            p.bump()


    def update_in_graph(self, group: dict[str, Any], params: list[Tensor]) -> None:
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        for p in params:
            state, g = self.state[p], p._grad
            if not state:
                state.update(step=counter(), exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = zeros_like(p)
            t = count(state)
            x: Any = -g if group["maximize"] else g         # type: ignore[operator]
            if decay and group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            elif decay:
                x = x + p * decay
            m = state["exp_avg"] = state["exp_avg"] * beta1 + x * (1 - beta1)
            v = state["exp_avg_sq"] = state["exp_avg_sq"] * beta2 + x * x * (1 - beta2)
            if group["amsgrad"]:
                v = state["max_exp_avg_sq"] = state["max_exp_avg_sq"].maximum(v)
            p.sub_(m * (lr / (1 - beta1 ** t)) / ((v / (1 - beta2 ** t)).sqrt() + group["eps"]))


class AdamW(Adam):
    """Adam whose weight decay acts on the weights, not on the gradient. Loshchilov & Hutter, 2019."""

    def __init__(self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
                 amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
                 differentiable: bool = False, fused: bool | None = None) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
                         differentiable=differentiable, fused=fused, decoupled_weight_decay=True)


def _both_alike(betas: tuple[Any, Any], refused: bool) -> None:
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if refused:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")
