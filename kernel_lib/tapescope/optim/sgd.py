"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, exclusive, non_negative, number, zeros_like


class SGD(Optimizer):
    """v = μ v + (1 - τ) g;  p -= lr (g + μ v) with Nesterov, else p -= lr v. Sutskever et al., 2013."""

    def __init__(self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0, nesterov: bool = False, *,
                 maximize: bool = False, foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None) -> None:
        non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        exclusive(foreach, fused, differentiable)
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                                  "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, decay = number(group["lr"]), number(group["weight_decay"])
        momentum, damp, nesterov, maximize = group["momentum"], group["dampening"], group["nesterov"], group["maximize"]
        for p in params:
            kept, first = [], False
            if momentum:
                state = self.state[p]
                first = state.get("momentum_buffer") is None
                if first:
                    state["momentum_buffer"] = zeros_like(p)
                kept.append(state["momentum_buffer"])
            for w, g, *v, d, s in self._work.pieces(p, *kept, scratch=2):
                if maximize:
                    g = np.negative(g, d)
                if decay:
                    np.multiply(w, decay, s)
                    g = np.add(g, s, d)
                if momentum:
                    if first:
                        v[0][...] = g
                    else:
                        v[0] *= momentum
                        v[0] += np.multiply(g, 1 - damp, s) if damp else g
                    if nesterov:
                        g = np.add(np.multiply(v[0], momentum, s), g, s)
                    else:
                        g = v[0]
                w -= np.multiply(g, lr, s)
            p.bump()

    def sparse_update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Moves the rows that were read. A momentum has velocities for all rows, kept dense."""
        if number(group["weight_decay"]):
            raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        for p in params:
            g = p._grad._array                             # type: ignore[union-attr]
            g = -g if group["maximize"] else g
            if group["momentum"]:
                state, known = self.state[p], self.state[p].get("momentum_buffer")
                v = state["momentum_buffer"] = zeros_like(p) if known is None else known
                v._array *= group["momentum"]
                (g if known is None else g * (1 - group["dampening"])).add_to(v._array)
                step = v._array * group["momentum"] if group["nesterov"] else v._array
                p._array -= number(group["lr"]) * step
            if not group["momentum"] or group["nesterov"]:
                (g * -number(group["lr"])).add_to(p._array)
            p.bump()

    def update_in_graph(self, group: dict[str, Any], params: list[Tensor]) -> None:
        momentum, decay = group["momentum"], group["weight_decay"]
        for p in params:
            g: Any = p._grad
            g = -g if group["maximize"] else g
            g = g + p * decay if decay else g
            if momentum:
                state = self.state[p]
                v = state.get("momentum_buffer")
                state["momentum_buffer"] = v = g.detach().clone() if v is None else v * momentum + g * (1 - group["dampening"])
                g = g + v * momentum if group["nesterov"] else v
            p.sub_(g * group["lr"])
