"""Relatives of Adam: Adadelta, Adamax, NAdam, RAdam, and SparseAdam for gradients of tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer, count, counter, decays, non_negative, number, one_element, zeros_like
from .work import downhill


class Adadelta(Optimizer):
    """v = ρ v + (1 - ρ) g²;  Δ = g √(u + ε) / √(v + ε);  u = ρ u + (1 - ρ) Δ²;  p -= lr Δ. Zeiler, 2012."""

    def __init__(self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0, foreach: bool | None = None, *,
                 capturable: bool = False, maximize: bool = False, differentiable: bool = False) -> None:
        non_negative(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        non_negative(eps=eps, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable,
                                  "foreach": foreach, "differentiable": differentiable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, rho, eps = number(group["lr"]), group["rho"], group["eps"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), square_avg=zeros_like(p), acc_delta=zeros_like(p))
            count(state)
            for w, g, v, u, d, s in self._work.pieces(p, state["square_avg"], state["acc_delta"], scratch=2):
                g = downhill(w, g, d, s, group["maximize"], group["weight_decay"])
                np.multiply(g, g, s)
                s *= 1 - rho
                v *= rho
                v += s
                np.add(v, eps, s)
                np.sqrt(s, s)
                delta = np.divide(g, s, d)
                np.add(u, eps, s)
                np.sqrt(s, s)
                delta *= s
                np.multiply(delta, delta, s)
                s *= 1 - rho
                u *= rho
                u += s
                delta *= lr
                w -= delta
            p.bump()


class Adamax(Optimizer):
    """m = β₁ m + (1 - β₁) g;  u = max(β₂ u, |g| + ε);  p -= lr m̂ / u. Kingma & Ba, 2015."""

    def __init__(self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False, capturable: bool = False) -> None:
        non_negative(lr=lr, eps=eps)
        decays(betas)
        non_negative(weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
                                  "differentiable": differentiable, "capturable": capturable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        beta1, beta2 = group["betas"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), exp_avg=zeros_like(p), exp_inf=zeros_like(p))
            size = number(group["lr"]) / (1 - beta1 ** count(state))
            for w, g, m, u, d, s in self._work.pieces(p, state["exp_avg"], state["exp_inf"], scratch=2):
                g = downhill(w, g, d, s, group["maximize"], group["weight_decay"])
                np.subtract(g, m, s)
                s *= 1 - beta1
                m += s
                np.absolute(g, s)
                s += group["eps"]
                u *= beta2
                np.maximum(u, s, out=u)
                np.divide(m, u, s)
                s *= size
                w -= s
            p.bump()


class NAdam(Optimizer):
    """Adam with Nesterov momentum: μₜ = β₁ (1 - 0.96^(t ψ) / 2);  p -= lr ((1 - μₜ) g / (1 - Πμ) + μₜ₊₁ m / (1 - Πμ μₜ₊₁)) / (√v̂ + ε). Dozat, 2016."""

    def __init__(self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False) -> None:
        non_negative(lr=lr, eps=eps)
        decays(betas)
        non_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
                                  "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
                                  "capturable": capturable, "differentiable": differentiable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        (beta1, beta2), lr, decay = group["betas"], number(group["lr"]), group["weight_decay"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), mu_product=wrap(np.ones((), np.float32)), exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
            t = count(state)
            mu, following = (beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
            product = state["mu_product"]._array
            product *= np.float32(mu)
            now = lr * (1 - mu) / (1 - float(product))
            then = lr * following / (1 - float(product) * following)
            root = math.sqrt(1 - beta2 ** t)
            for w, g, m, v, d, s in self._work.pieces(p, state["exp_avg"], state["exp_avg_sq"], scratch=2):
                if group["decoupled_weight_decay"] and decay:
                    w *= 1 - lr * decay
                g = downhill(w, g, d, s, group["maximize"], 0 if group["decoupled_weight_decay"] else decay)
                np.subtract(g, m, s)
                s *= 1 - beta1
                m += s
                np.multiply(g, g, s)
                s *= 1 - beta2
                v *= beta2
                v += s
                np.sqrt(v, s)
                s /= root
                s += group["eps"]
                g = np.multiply(g, now, d)
                g += m * then
                g /= s
                w -= g
            p.bump()


class RAdam(Optimizer):
    """Adam whose step is rectified by the variance of its second moment, plain momentum while that is unknown. Liu et al., 2020."""

    def __init__(self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False) -> None:
        non_negative(lr=lr, eps=eps)
        decays(betas)
        non_negative(weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
                                  "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        (beta1, beta2), lr, decay = group["betas"], number(group["lr"]), group["weight_decay"]
        limit = 2 / (1 - beta2) - 1
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
            t = count(state)
            known = 1 - beta2 ** t
            length = limit - 2 * t * beta2 ** t / known      # of the moving average, as if it were a simple one
            size = lr / (1 - beta1 ** t)
            if length > 5.0:
                size *= math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) * math.sqrt(known)
            for w, g, m, v, d, s in self._work.pieces(p, state["exp_avg"], state["exp_avg_sq"], scratch=2):
                if group["decoupled_weight_decay"] and decay:
                    w *= 1 - lr * decay
                g = downhill(w, g, d, s, group["maximize"], 0 if group["decoupled_weight_decay"] else decay)
                np.subtract(g, m, s)
                s *= 1 - beta1
                m += s
                np.multiply(g, g, s)
                s *= 1 - beta2
                v *= beta2
                v += s
                if length > 5.0:
                    np.sqrt(v, s)
                    s += group["eps"]
                    np.divide(m, s, s)
                    s *= size
                else:
                    np.multiply(m, size, s)
                w -= s
            p.bump()


class SparseAdam(Optimizer):
    """Adam that touches only the rows for which a sparse gradient has values: their moments and their parameters, as `Embedding(sparse=True)` gives them."""

    def __init__(self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, maximize: bool = False) -> None:
        one_element(lr)
        if not number(lr) > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        decays(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        every = [p for group in self.param_groups for p in group["params"]]
        if sparse := [i for i, p in enumerate(every) if p.is_sparse]:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        if wide := [i for i, p in enumerate(every) if p.is_complex()]:
            raise ValueError(f"Complex params at indices {wide}: SparseAdam does not support complex parameters")

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        if params:
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")

    def sparse_update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        beta1, beta2 = group["betas"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=0, exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
            state["step"] += 1
            rows = p._grad._array.summed()                 # type: ignore[union-attr]
            if not rows.values.size:
                continue
            g, at = -rows.values if group["maximize"] else rows.values, rows.place()
            m, v = state["exp_avg"]._array, state["exp_avg_sq"]._array
            m[at] += (g - m[at]) * (1 - beta1)
            v[at] += (g * g - v[at]) * (1 - beta2)
            size = number(group["lr"]) * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
            p._array[at] -= size * (m[at] / (np.sqrt(v[at]) + group["eps"]))
            p.bump()
