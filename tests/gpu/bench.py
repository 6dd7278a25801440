"""Time of a step on a device, side by side with PyTorch on the same device, and what a recording costs there: `python tests/gpu/run.py --bench`.

Sides take turns in one process; a figure is the median of the rounds, each of which ends when the device has done its work. Ratios are what to read.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import tapescope as ts


def torch_on(device: str) -> Any:
    """PyTorch where it can use this device, else None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if device == "cpu" or torch.cuda.is_available() else None


def waiter(lib: Any, device: str) -> Callable[[], None]:
    """Waits until the device has done what it was given."""
    if device == "cpu":
        return lambda: None
    if lib is ts:
        import cupy

        return cupy.cuda.Device().synchronize                # type: ignore[no-any-return]
    return lib.cuda.synchronize                              # type: ignore[no-any-return]


def matmul(lib: Any, device: str, n: int) -> Callable[[], Any]:
    """Forward and backward of one product of two n x n matrices."""
    a, b = (lib.from_numpy(np.random.default_rng(k).standard_normal((n, n)).astype("f4")).to(device).requires_grad_() for k in range(2))

    def step() -> None:
        a.grad = b.grad = None
        (a @ b).sum().backward()

    return step


def elementwise(lib: Any, device: str, n: int) -> Callable[[], Any]:
    """Forward and backward of a chain of six elementwise ops: what is not fused reads and writes memory each time."""
    a = lib.from_numpy(np.random.default_rng(0).standard_normal(n).astype("f4")).to(device).requires_grad_()

    def step() -> None:
        a.grad = None
        ((a * 2 + 1).tanh() * a).relu().sum().backward()

    return step


def training(lib: Any, device: str, kind: str) -> Callable[[], Any]:
    """One step of training: forward, loss, backward, Adam."""
    nn = lib.nn
    rng = np.random.default_rng(0)
    if kind == "mlp":
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        x = rng.standard_normal((256, 784))
    else:
        model = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
                              nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
        x = rng.standard_normal((64, 3, 32, 32))
    model = model.to(device)
    opt = lib.optim.Adam(model.parameters(), lr=1e-3)
    inputs, labels = lib.from_numpy(x.astype("f4")).to(device), lib.from_numpy(rng.integers(0, 10, len(x))).to(device)

    def step() -> None:
        opt.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        opt.step()

    return step


def recorded(step: Callable[[], Any], values: str) -> Callable[[], Any]:
    """Five of the same steps under a recording, its beginning and its end included."""
    def run() -> None:
        with ts.record(values=values):
            for _ in range(5):
                step()

    return run


def compare(sides: dict[str, tuple[Callable[[], Any], Callable[[], None], int]], rounds: int) -> dict[str, float]:
    """Microseconds a step of each side: (what to run, how to wait, steps that it makes)."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for run, wait, _ in sides.values():                      # kernels are compiled and memory pools filled outside of the measurement
        run()
        run()
        wait()
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, (run, wait, steps) in sides.items():
            start = perf_counter()
            run()
            wait()
            times[name].append((perf_counter() - start) / steps * 1e6)
    gc.enable()
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> int:
    """Prints a table, and as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: whether it runs, not how fast")
    parser.add_argument("--json", help="also write the figures to this file")
    args = parser.parse_args()
    torch = torch_on(args.device)
    rounds = 3 if args.quick else args.rounds
    work: dict[str, Callable[[Any], Callable[[], Any]]] = {}
    for n in (64, 128) if args.quick else (64, 1024, 4096):
        work[f"matmul {n}"] = lambda lib, n=n: matmul(lib, args.device, n)
    for n in (1_000, 10_000) if args.quick else (1_000, 1_000_000, 100_000_000):
        work[f"elementwise {n:,}"] = lambda lib, n=n: elementwise(lib, args.device, n)
    for kind in ("mlp",) if args.quick else ("mlp", "cnn"):
        work[f"training step, {kind}"] = lambda lib, kind=kind: training(lib, args.device, kind)
    print(f"device {args.device}; tapescope {ts.__version__}; " + (f"PyTorch {torch.__version__}" if torch else "PyTorch cannot use this device: nothing to compare with"))
    print(f"{'':28}{'tapescope':>14}{'PyTorch':>14}{'ratio':>8}   (us a step)")
    figures: dict[str, dict[str, float]] = {}
    for name, make in work.items():
        sides = {"tapescope": (make(ts), waiter(ts, args.device), 1)}
        if torch:
            sides["torch"] = (make(torch), waiter(torch, args.device), 1)
        found = figures[name] = compare(sides, rounds)
        theirs = f"{found['torch']:14.1f}{found['tapescope'] / found['torch']:8.2f}" if torch else ""
        print(f"{name:28}{found['tapescope']:14.1f}{theirs}", flush=True)
    print(f"\n{'recording an MLP step':28}{'us a step':>14}{'ratio':>8}")
    wait = waiter(ts, args.device)
    levels = {"off": (training(ts, args.device, "mlp"), wait, 1)} | {
        level: (recorded(training(ts, args.device, "mlp"), level), wait, 5) for level in ("none", "health", "stats", "histogram")}
    found = figures["recording"] = compare(levels, rounds)
    for level, time in found.items():
        print(f"{level:28}{time:14.1f}{time / found['off']:8.2f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
