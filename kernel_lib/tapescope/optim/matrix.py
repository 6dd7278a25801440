"""Optimizers that see a parameter as a matrix: Adafactor and Muon."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer, count, counter, number, one_element, zeros_like


def _at_least(value: Any, bound: float, words: str) -> None:
    if not value >= bound:
        raise ValueError(f"{words} but is: {value}")


class Adafactor(Optimizer):
    """Adam whose second moment is kept as the product of its row and column means. Shazeer & Stern, 2018."""

    def __init__(self, params: Any, lr: Any = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0,
                 weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False) -> None:
        one_element(lr)
        _at_least(number(lr), 0.0, "Learning rate should be >= 0")
        if beta2_decay > 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            _at_least(eps[0], 0.0, "epsilon1 should be >= 0")
        _at_least(eps[1], 0.0, "epsilon2 should be >= 0")
        _at_least(d, 1.0, "Clipping threshold d should be >= 1")
        _at_least(weight_decay, 0.0, "weight_decay should be >= 0")
        super().__init__(params, {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
                                  "maximize": maximize})

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, decay = number(group["lr"]), group["weight_decay"]
        for p in params:
            assert p._grad is not None
            w, g = p._array, -p._grad._array if group["maximize"] else p._grad._array
            least = float(np.finfo(w.dtype).eps) if group["eps"][0] is None else group["eps"][0]
            state = self.state[p]
            if not state:
                state["step"] = counter()
                if w.ndim > 1:
                    state["row_var"] = wrap(np.zeros_like(w, shape=(*w.shape[:-1], 1)))
                    state["col_var"] = wrap(np.zeros_like(w, shape=(*w.shape[:-2], 1, w.shape[-1])))
                else:
                    state["variance"] = zeros_like(p)
            t = count(state)
            new = t ** group["beta2_decay"]
            rate = max(group["eps"][1], _norm(w) / math.sqrt(w.size)) * min(lr, 1 / math.sqrt(t))
            if decay:
                w *= 1 - lr * decay
            squares = g * g
            if w.ndim > 1:
                row, column = state["row_var"]._array, state["col_var"]._array
                row += (squares.mean(-1, keepdims=True) - row) * new
                column += (squares.mean(-2, keepdims=True) - column) * new
                estimate = row @ column / np.maximum(row.mean(-2, keepdims=True), least)
            else:
                state["variance"]._array += (squares - state["variance"]._array) * new
                estimate = state["variance"]._array
            update = g / np.sqrt(np.maximum(estimate, least * least))
            update *= rate / max(1.0, _norm(update) / (math.sqrt(update.size) * group["d"]))
            w -= update
            p.bump()


def _norm(a: Any) -> float:
    flat = a.reshape(-1)
    return math.sqrt(float(flat @ flat))


class Muon(Optimizer):
    """Momentum whose update is made orthogonal by Newton-Schulz steps in bfloat16, as PyTorch's; for matrices only. Jordan et al., 2024."""

    def __init__(self, params: Any, lr: Any = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
                 ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: str | None = None) -> None:
        one_element(lr)
        _at_least(number(lr), 0.0, "Learning rate should be >= 0")
        _at_least(momentum, 0.0, "momentum should be >= 0")
        _at_least(weight_decay, 0.0, "weight decay should be >= 0")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov, "ns_coefficients": ns_coefficients,
                                  "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}")

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, momentum = number(group["lr"]), group["momentum"]
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        for p in params:
            assert p._grad is not None
            w, g = p._array, p._grad._array
            state = self.state[p]
            if not state:
                state["momentum_buffer"] = zeros_like(p)
            m = state["momentum_buffer"]._array
            m += (g - m) * (1 - momentum)
            update = g + (m - g) * momentum if group["nesterov"] else m
            rows, columns = w.shape
            ratio = math.sqrt(max(1, rows / columns)) if group["adjust_lr_fn"] != "match_rms_adamw" else 0.2 * math.sqrt(max(rows, columns))
            w *= 1 - lr * group["weight_decay"]
            w -= lr * ratio * _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"]).astype(w.dtype)
            p.bump()


def _bfloat16(a: Any) -> Any:
    """float32 rounded to the eight leading bits that bfloat16 keeps, ties to even."""
    bits = module_of(a).ascontiguousarray(a, dtype=np.float32).view(np.uint32)
    return ((bits + (((bits >> 16) & 1) + 0x7FFF)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def _orthogonal(g: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """U S' Vᵀ with S' near 1, where g = U S Vᵀ: a quintic iteration X <- a X + (b A + c A²) X with A = X Xᵀ."""
    a, b, c = coefficients
    tall = g.shape[0] > g.shape[1]
    x = _bfloat16(g.T if tall else g)
    x = _bfloat16(x / max(float(_bfloat16(np.float32(_norm(x)).reshape(1))[0]), eps))
    for _ in range(steps):
        gram = _bfloat16(x @ x.T)
        x = _bfloat16(a * x + _bfloat16(b * gram + c * (gram @ gram)) @ x)
    return x.T if tall else x
