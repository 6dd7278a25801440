"""L-BFGS: a quasi-Newton method of limited memory, with a line search by the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.sparse import dense
from ..core.state import set_grad
from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer, non_negative, number

Evaluate = Callable[[Any, float, Any], tuple[float, Any]]


class LBFGS(Optimizer):
    """p += t d with d = -H g, H from the last `history_size` changes of p and g. Nocedal & Wright, 2006, algorithm 7.4.

    `step(closure)` needs a closure that computes the loss anew; there can be one parameter group only.
    """

    def __init__(self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
                 tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None) -> None:
        non_negative(lr=lr)
        super().__init__(params, {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                                  "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
                                  "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def _gradient(self) -> Any:
        parts = [np.zeros_like(p._array).reshape(-1) if p._grad is None else dense(p._grad._array).reshape(-1) for p in self._params]
        return module_of(parts[0]).concatenate(parts)

    def _move(self, t: float, d: Any) -> None:
        start = 0
        for p in self._params:
            p._array += d[start:start + p._array.size].reshape(p._array.shape) * p._array.dtype.type(t)
            p.bump()
            start += p._array.size

    def _evaluate(self, closure: Callable[[], Any], x: list[Any], t: float, d: Any) -> tuple[float, Any]:
        """Loss and gradient at x + t d; the parameters stay at x."""
        self._move(t, d)
        found = float(closure()), self._gradient()
        for p, kept in zip(self._params, x, strict=True):
            p._array[...] = kept
            p.bump()
        return found

    def step(self, closure: Callable[[], Any]) -> Any:         # type: ignore[override]
        """Up to `max_iter` moves; returns the loss before the first."""
        def graded() -> Any:
            before = set_grad(True)
            try:
                return closure()
            finally:
                set_grad(before)

        before = set_grad(False)
        try:
            return self._search(graded)
        finally:
            set_grad(before)

    def _search(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        lr, most, small = number(group["lr"]), group["max_iter"], group["tolerance_change"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        original = closure()
        loss, g = float(original), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return original
        memory = _Memory(state, group["history_size"], group["lr"]._array if isinstance(group["lr"], Tensor) else None)
        for i in range(1, most + 1):
            state["n_iter"] += 1
            d = memory.direction(g, first=state["n_iter"] == 1)
            previous = memory.loss = loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            memory.t = t
            if slope > -small:
                break
            used, flat = 0, False
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                x = [p._array.copy() for p in self._params]
                loss, g, t, used = strong_wolfe(lambda x, t, d: self._evaluate(closure, x, t, d), x, t, d, loss, g, slope,
                                                most=group["max_eval"] - evaluations)
                self._move(t, d)
                flat = _largest(g) <= group["tolerance_grad"]
            else:
                self._move(t, d)
                if i != most:                              # the loss after the last move is for the next call to find
                    loss, g, used = float(closure()), self._gradient(), 1
                    flat = _largest(g) <= group["tolerance_grad"]
            memory.t = t
            evaluations += used
            state["func_evals"] += used
            if evaluations >= group["max_eval"] or flat or _largest(d * t) <= small or abs(loss - previous) < small:
                break
        memory.save()
        return original


def _largest(a: Any) -> float:
    return float(np.abs(a).max()) if a.size else 0.0


class _Memory:
    """The last changes of gradient and place, and the direction that they tell; kept in an optimizer's state under PyTorch's names."""

    def __init__(self, state: dict[str, Any], size: int, rate: Any) -> None:
        def raw(t: Any) -> Any:
            return t._array if isinstance(t, Tensor) else t

        self.state, self.size, self.rate = state, size, rate
        self.d, self.t, self.scale = raw(state.get("d")), raw(state.get("t")), raw(state.get("H_diag"))
        self.changes = [t._array for t in state.get("old_dirs") or []]
        self.steps = [t._array for t in state.get("old_stps") or []]
        self.ro = [t._array for t in state.get("ro") or []]
        self.gradient, self.loss = raw(state.get("prev_flat_grad")), state.get("prev_loss")

    def direction(self, g: Any, first: bool) -> Any:
        if first:
            self.changes, self.steps, self.ro, self.scale = [], [], [], 1
            self.d = -g
        else:
            y, s = g - self.gradient, self.d * g.dtype.type(self.t)
            ys = y @ s
            if ys > 1e-10:
                if len(self.changes) == self.size:
                    for kept in (self.changes, self.steps, self.ro):
                        kept.pop(0)
                self.changes.append(y)
                self.steps.append(s)
                self.ro.append(np.asarray(1 / ys))
                self.scale = np.asarray(ys / (y @ y))
            self.d = self._two_loops(g)
        self.gradient = g.copy()
        return self.d

    def _two_loops(self, g: Any) -> Any:
        al = self.state.setdefault("al", [None] * self.size)
        q = -g
        for i in reversed(range(len(self.changes))):
            a = self.steps[i] @ q * self.ro[i]
            al[i] = wrap(np.asarray(a))
            q -= a * self.changes[i]
        r = q * self.scale
        for i in range(len(self.changes)):
            r += self.steps[i] * (al[i]._array - self.changes[i] @ r * self.ro[i])
        return r

    def save(self) -> None:
        t = wrap(np.asarray(self.t, self.rate.dtype)) if self.rate is not None else self.t
        self.state.update(d=wrap(self.d), t=t, old_dirs=[wrap(a) for a in self.changes], old_stps=[wrap(a) for a in self.steps],
                          ro=[wrap(a) for a in self.ro], H_diag=self.scale if isinstance(self.scale, int) else wrap(self.scale),
                          prev_flat_grad=wrap(self.gradient), prev_loss=self.loss)


def _cubic(x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two values and slopes is lowest, within bounds."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    place = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2)) if x1 <= x2 else x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(place, low), high)


def strong_wolfe(evaluate: Evaluate, x: Any, t: float, d: Any, f: float, g: Any, slope: float, c1: float = 1e-4, c2: float = 0.9,
                 small: float = 1e-9, most: int = 25) -> tuple[float, Any, float, int]:
    """A step t along d where the loss fell enough and its slope is flat enough: (loss, gradient, t, evaluations)."""
    reach = _largest(d)
    new, gradient = evaluate(x, t, d)
    used, tried = 1, 0
    rise = float(gradient @ d)
    # points are (t, loss, gradient, slope)
    last: tuple[float, float, Any, float] = (0.0, f, g, slope)
    done = False
    points: list[tuple[float, float, Any, float]] = []
    while tried < most:
        here = (t, new, gradient, rise)
        if new > f + c1 * t * slope or (tried > 1 and new >= last[1]) or (rise >= 0 and not abs(rise) <= -c2 * slope):
            points = [last, here]
            break
        if abs(rise) <= -c2 * slope:
            points, done = [here], True
            break
        following = _cubic(last[0], last[1], last[3], t, new, rise, (t + 0.01 * (t - last[0]), t * 10))
        last, t = here, following
        new, gradient = evaluate(x, t, d)
        used, tried = used + 1, tried + 1
        rise = float(gradient @ d)
    if tried == most:
        points = [(0.0, f, g, slope), (t, new, gradient, rise)]
    stuck = False
    low, high = (0, 1) if points[0][1] <= points[-1][1] else (1, 0)
    while not done and tried < most:
        if abs(points[1][0] - points[0][0]) * reach < small:
            break
        (x1, f1, _, g1), (x2, f2, _, g2) = points
        t = _cubic(x1, f1, g1, x2, f2, g2)
        left, right = min(x1, x2), max(x1, x2)
        near = 0.1 * (right - left)
        if min(right - t, t - left) < near:                # close to an end twice: a tenth into the bracket
            if stuck or t >= right or t <= left:
                t = right - near if abs(t - right) < abs(t - left) else left + near
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new, gradient = evaluate(x, t, d)
        used, tried = used + 1, tried + 1
        rise = float(gradient @ d)
        here = (t, new, gradient, rise)
        if new > f + c1 * t * slope or new >= points[low][1]:
            points[high] = here
            low, high = (0, 1) if points[0][1] <= points[1][1] else (1, 0)
        else:
            if abs(rise) <= -c2 * slope:
                done = True
            elif rise * (points[high][0] - points[low][0]) >= 0:
                points[high] = points[low]
            points[low] = here
    t, loss, gradient, _ = points[low]
    return loss, gradient, t, used
