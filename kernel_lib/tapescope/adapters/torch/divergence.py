"""Where two models that should compute the same part: one of ours and one of PyTorch's, or two of either, compared module call by module call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from .arrays import quietly


class Divergence(NamedTuple):
    """The first module call whose outputs differ: its path, which call of that module it is, and how far they are apart."""

    path: str
    call: int
    difference: float              # the largest, relative to the largest value there
    where: tuple[int, ...]
    values: tuple[float, float]
    reason: str

    def __repr__(self) -> str:
        at = f"{self.path or 'the model'}" + (f", call {self.call + 1}" if self.call else "")
        return f"<first divergence at {at}: {self.reason}>"


def first_divergence(ours: Any, theirs: Any, call: Callable[[Any], Any], other: Callable[[Any], Any] | None = None, *, tolerance: float = 1e-4) -> Divergence | None:
    """Runs `call(ours)` and `other(theirs)` (`call` again when it is left out) and compares what modules of the same path give, innermost first.

    Returns the first that differs by more than `tolerance` of the largest value there, or None. Modules that only one of them has are left out.
    """
    runs = [_outputs(ours, call), _outputs(theirs, other or call)]
    paths = {p for p, _ in runs[0]} & {p for p, _ in runs[1]}
    taken: dict[str, list[Any]] = {}
    for path, value in runs[1]:
        taken.setdefault(path, []).append(value)
    calls: dict[str, int] = {}
    for path, a in runs[0]:
        if path not in paths:
            continue
        n = calls[path] = calls.get(path, -1) + 1
        if n >= len(taken[path]):
            return Divergence(path, n, float("inf"), (), (float("nan"),) * 2, f"it is called {n + 1} times or more here, {n} there")
        b = taken[path][n]
        if a.shape != b.shape:
            return Divergence(path, n, float("inf"), (), (float("nan"),) * 2, f"shape {list(a.shape)} here, {list(b.shape)} there")
        gap = np.abs(a - b)
        gap[np.isnan(a) & np.isnan(b)] = 0
        worst = np.unravel_index(int(np.argmax(np.where(np.isnan(gap), np.inf, gap))), gap.shape) if gap.size else ()
        scale = float(np.nanmax(np.abs(b), initial=0.0)) or 1.0
        largest = float(gap[worst]) / scale if gap.size else 0.0
        if not largest <= tolerance:
            at = tuple(int(i) for i in worst)
            return Divergence(path, n, largest, at, (float(a[worst]), float(b[worst])), f"{a[worst]:.6g} here and {b[worst]:.6g} there at {list(at)}, {largest:.2g} of the largest")
    return None


def _outputs(model: Any, call: Callable[[Any], Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    handles = []
    for path, module in model.named_modules():
        def note(module: Any, args: Any, output: Any, path: str = path) -> None:
            while isinstance(output, (tuple, list)) and output:
                output = output[0]
            if isinstance(output, dict):
                output = next((v for v in output.values() if hasattr(v, "shape") and v.ndim), None)
            if hasattr(output, "shape"):
                with quietly():
                    a = output.detach().float().cpu() if isinstance(output, torch.Tensor) else output.detach()
                    found.append((path, np.array(a.numpy(), np.float64)))

        handles.append(module.register_forward_hook(note))
    try:
        call(model)
    finally:
        for h in handles:
            h.remove()
    return found
