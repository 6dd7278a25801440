"""Per-op cost on tiny tensors against PyTorch and bare NumPy: `python tests/benchmarks/ops.py`.

Chains of 200 ops, one thread, sides interleaved in one process, process CPU time, minimum of the rounds. Ratios are what to read.
"""

from __future__ import annotations

import gc
import os

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

from time import process_time  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

import tapescope as ts  # noqa: E402

LENGTH, REPEAT, ROUNDS = 200, 5, 15


def chain(op: str, a: Any, b: Any) -> Any:
    x = a
    if op == "add":
        for _ in range(LENGTH):
            x = x + b
    elif op == "mul":
        for _ in range(LENGTH):
            x = x * b
    elif op == "matmul":
        for _ in range(LENGTH):
            x = x @ b
    else:
        for _ in range(LENGTH):
            x = x.relu()
    return x


def numpy_chain(op: str, a: Any, b: Any) -> Any:
    f = {"add": np.add, "mul": np.multiply, "matmul": np.matmul, "relu": np.maximum}[op]
    b = 0 if op == "relu" else b
    x = a
    for _ in range(LENGTH):
        x = f(x, b)
    return x


def timed(run: Any) -> float:
    run()                                                  # the other side has had the caches
    start = process_time()
    for _ in range(REPEAT):
        run()
    return (process_time() - start) / (LENGTH * REPEAT) * 1e6


def sides(op: str) -> dict[str, Any]:
    shape = (8, 8) if op == "matmul" else (4,)
    a = np.random.default_rng(0).standard_normal(shape).astype("f4") / 3
    b = np.random.default_rng(1).standard_normal(shape).astype("f4") / 3
    found: dict[str, Any] = {"numpy fwd": lambda: numpy_chain(op, a, b)}
    libraries: list[tuple[str, Any]] = [("tapescope", ts)]
    try:
        import torch

        torch.set_num_threads(1)
        libraries.append(("torch", torch))
    except ImportError:
        print("PyTorch is not installed: no ratios to it")
    for name, lib in libraries:
        x, w = lib.tensor(a.tolist(), requires_grad=True), lib.tensor(b.tolist(), requires_grad=True)
        ones = lib.ones(shape)

        def both(x: Any = x, w: Any = w, ones: Any = ones) -> None:
            x.grad = w.grad = None
            chain(op, x, w).backward(ones)

        def quiet(x: Any = x, w: Any = w, lib: Any = lib) -> None:
            with lib.no_grad():
                chain(op, x, w)
        found[f"{name} fwd"] = lambda x=x, w=w: chain(op, x, w)
        found[f"{name} no_grad"] = quiet
        found[f"{name} fwd+bwd"] = both
    return found


def main(quick: bool = False) -> None:
    gc.disable()
    print(f"{'op':8} {'side':20} {'us/op':>8}   ratio to torch")
    for op in ("add", "mul", "matmul", "relu"):
        best: dict[str, float] = {}
        runs = sides(op)
        for _ in range(ROUNDS):
            for name, run in runs.items():
                best[name] = min(best.get(name, 1e9), timed(run))
            gc.collect()
        for name, us in best.items():
            side, _, kind = name.partition(" ")
            ratio = f"{us / best['torch ' + kind]:.2f}" if side == "tapescope" and "torch " + kind in best else ""
            print(f"{op:8} {name:20} {us:8.2f}   {ratio}")


if __name__ == "__main__":
    main()
