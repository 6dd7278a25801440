"""What `compile` saves: a function as it is written and compiled, side by side, and PyTorch's eager run of the same: `python -m tests.benchmarks compiled [quick]`.

One thread, no gradients; rounds alternate, the figure is the median of the rounds' minima, and ratios are what to read.
"""

from __future__ import annotations

import importlib
import os
import statistics

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

from collections.abc import Callable  # noqa: E402
from time import perf_counter  # noqa: E402
from typing import Any  # noqa: E402

Case = tuple[Callable[..., Any], tuple[Any, ...]]


def small(lib: Any) -> Case:
    """Ten elementwise ops on 16 numbers: nothing but what stands around them."""
    return lambda x: (((x * 2 + 1).sin() * x - 0.5).exp() + x).tanh() * x.cos(), (lib.randn(16),)


def chain(lib: Any, n: int = 1 << 20) -> Case:
    """Six elementwise ops on a million numbers: memory."""
    return lambda x, y: ((x * 2 + y).sin() * x - 1).exp(), (lib.randn(n), lib.randn(n))


def long_chain(lib: Any) -> Case:
    """The same on eight million."""
    return chain(lib, 1 << 23)


def mlp(lib: Any, batch: int = 1) -> Case:
    """64-64-64-10, one row."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
    return model, (lib.randn(batch, 64),)


def lenet(lib: Any) -> Case:
    """LeNet-5 with batch norm, one picture."""
    nn = lib.nn
    model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)).eval()
    return model, (lib.randn(1, 1, 28, 28),)


def transformer(lib: Any) -> Case:
    """Two encoder layers of width 64, 16 tokens."""
    nn = lib.nn
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True), 2, enable_nested_tensor=False).eval()
    return model, (lib.randn(1, 16, 64),)


CASES = {"10 ops, 16 numbers": (small, 300), "chain, 1M": (chain, 6), "chain, 8M": (long_chain, 2), "MLP, 1 row": (mlp, 300), "LeNet, 1 picture": (lenet, 60),
         "transformer": (transformer, 40)}


def best(f: Callable[..., Any], args: tuple[Any, ...], n: int) -> float:
    found = 1e9
    for _ in range(n):
        start = perf_counter()
        f(*args)
        found = min(found, perf_counter() - start)
    return found


def main(quick: bool = False) -> None:
    ts = importlib.import_module("tapescope")
    try:
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
    except ImportError:
        torch = None
        print("  PyTorch is not installed: its column stays empty")
    print(f"  {'':22}{'written':>12}{'compiled':>12}   ratio{'torch':>14}")
    for name, (make, n) in CASES.items():
        ts.manual_seed(0)
        f, args = make(ts)
        sides: dict[str, Case] = {"written": (f, args), "compiled": (ts.compile(f, fullgraph=True), args)}
        if torch is not None:
            sides["torch"] = make(torch)
        times: dict[str, list[float]] = {k: [] for k in sides}
        with ts.no_grad():
            for _ in range(3 if quick else 9):
                for key, (g, a) in sides.items():
                    if key == "torch":
                        with torch.no_grad():
                            times[key].append(best(g, a, n))
                    else:
                        times[key].append(best(g, a, n))
        found = {k: statistics.median(t[1:]) * 1e6 for k, t in times.items()}
        other = f"{found['torch']:11.1f} us" if torch is not None else ""
        print(f"  {name:22}{found['written']:9.1f} us{found['compiled']:9.1f} us{found['compiled'] / found['written']:8.2f}{other}", flush=True)


if __name__ == "__main__":
    import sys

    main("quick" in sys.argv)
