"""ASGD, which averages its weights, and Rprop, which only looks at signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer, count, counter, non_negative, number, zeros_like
from .work import downhill


class ASGD(Optimizer):
    """p = (1 - λ η) p - η g;  ax += μ (p - ax);  η = lr / (1 + λ lr t)^α;  μ = 1 / max(1, t - t0). Polyak & Juditsky, 1992."""

    def __init__(self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6, weight_decay: float = 0,
                 foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False) -> None:
        non_negative(lr=lr, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
                                  "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, lambd = number(group["lr"]), group["lambd"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), eta=wrap(np.full((), lr, np.float32)), mu=wrap(np.ones((), np.float32)), ax=zeros_like(p))
            t = count(state)
            eta, mu = float(state["eta"]._array), float(state["mu"]._array)
            for w, g, ax, d, s in self._work.pieces(p, state["ax"], scratch=2):
                g = downhill(w, g, d, s, group["maximize"], group["weight_decay"])
                w *= 1 - lambd * eta
                w -= np.multiply(g, eta, s)
                if mu == 1:
                    ax[...] = w
                else:
                    np.subtract(w, ax, s)
                    s *= mu
                    ax += s
            state["eta"]._array[...] = lr / (1 + lambd * lr * t) ** group["alpha"]
            state["mu"]._array[...] = 1 / max(1, t - group["t0"])
            p.bump()


class Rprop(Optimizer):
    """Steps that grow while the sign of the gradient stays and shrink when it turns: p -= sign(g) Δ. Riedmiller & Braun, 1993."""

    def __init__(self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2), step_sizes: tuple[float, float] = (1e-6, 50), *,
                 capturable: bool = False, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False) -> None:
        non_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                                  "differentiable": differentiable, "capturable": capturable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        (less, more), (low, high) = group["etas"], group["step_sizes"]
        for p in params:
            state = self.state[p]
            if not state:
                size = zeros_like(p)
                size._array.fill(number(group["lr"]))
                state.update(step=counter(), prev=zeros_like(p), step_size=size)
            count(state)
            for w, g, prev, size, d, s in self._work.pieces(p, state["prev"], state["step_size"], scratch=2):
                g = downhill(w, g, d, s, group["maximize"], 0)
                np.multiply(g, prev, s)
                turned = s < 0
                factor = np.where(s > 0, more, np.where(turned, less, 1)).astype(w.dtype)
                size *= factor
                np.clip(size, low, high, out=size)
                prev[...] = g
                prev[turned] = 0
                np.sign(prev, s)
                s *= size
                w -= s
            p.bump()
