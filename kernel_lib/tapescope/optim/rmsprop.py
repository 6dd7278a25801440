"""RMSprop and Adagrad: steps divided by the size that gradients have had."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer, count, counter, exclusive, non_negative, number, zeros_like


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²;  p -= lr g / (√v + ε), with momentum and, `centered`, v minus the squared mean. Hinton, 2012."""

    def __init__(self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
                 centered: bool = False, capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
                 differentiable: bool = False) -> None:
        non_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
                                  "capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, alpha, eps, decay = number(group["lr"]), group["alpha"], group["eps"], group["weight_decay"]
        momentum, centered = group["momentum"], group["centered"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), square_avg=zeros_like(p))
                if momentum > 0:
                    state["momentum_buffer"] = zeros_like(p)
                if centered:
                    state["grad_avg"] = zeros_like(p)
            count(state)
            kept = [state["square_avg"]]
            if centered:
                kept.append(state["grad_avg"])
            if momentum > 0:
                kept.append(state["momentum_buffer"])
            for w, g, v, *more, d, s in self._work.pieces(p, *kept, scratch=2):
                if group["maximize"]:
                    g = np.negative(g, d)
                if decay:
                    np.multiply(w, decay, s)
                    g = np.add(g, s, d)
                np.multiply(g, g, s)
                s *= 1 - alpha
                v *= alpha
                v += s
                if centered:
                    mean = more[0]
                    np.subtract(g, mean, s)
                    s *= 1 - alpha
                    mean += s
                    np.multiply(mean, mean, s)
                    np.subtract(v, s, s)
                    np.sqrt(s, s)
                else:
                    np.sqrt(v, s)
                s += eps
                np.divide(g, s, s)
                if momentum > 0:
                    b = more[-1]
                    b *= momentum
                    b += s
                    np.multiply(b, lr, s)
                else:
                    s *= lr
                w -= s
            p.bump()


class Adagrad(Optimizer):
    """s += g²;  p -= lr g / (√s + ε). Duchi et al., 2011."""

    def __init__(self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0, eps: float = 1e-10,
                 foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False, fused: bool | None = None) -> None:
        non_negative(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value, eps=eps)
        exclusive(foreach, fused, differentiable)
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                                  "differentiable": differentiable, "fused": fused})
        for group in self.param_groups:
            for p in group["params"]:
                total = zeros_like(p)
                total._array.fill(group["initial_accumulator_value"])
                self.state[p] = {"step": counter(), "sum": total}

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        eps, decay = group["eps"], group["weight_decay"]
        for p in params:
            state = self.state[p]
            if not state:                                  # of a group that was added later
                state.update(step=counter(), sum=zeros_like(p))
            rate = number(group["lr"]) / (1 + (count(state) - 1) * group["lr_decay"])
            for w, g, total, d, s in self._work.pieces(p, state["sum"], scratch=2):
                if group["maximize"]:
                    g = np.negative(g, d)
                if decay:
                    np.multiply(w, decay, s)
                    g = np.add(g, s, d)
                total += np.multiply(g, g, s)
                np.sqrt(total, s)
                s += eps
                np.divide(g, s, s)
                s *= rate
                w -= s
            p.bump()

    def sparse_update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        if group["weight_decay"]:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=counter(), sum=zeros_like(p))
            rate = number(group["lr"]) / (1 + (count(state) - 1) * group["lr_decay"])
            g = p._grad._array.summed()                    # type: ignore[union-attr]
            v, at, total = -g.values if group["maximize"] else g.values, g.place(), state["sum"]._array
            total[at] += v * v
            p._array[at] -= rate * (v / (np.sqrt(total[at]) + group["eps"]))
            p.bump()
