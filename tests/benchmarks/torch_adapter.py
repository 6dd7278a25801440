"""What listening to PyTorch costs: `python -m tests.benchmarks torch_adapter [quick]`.

Whole training steps of one PyTorch model, unrecorded, recorded in several ways, and after a recording has ended, taking turns in one process on one thread;
process CPU time per step, medians of rounds. Ratios to the bare step are what to read. "begins" is the recording's first step, in which everything is new.
"""

from __future__ import annotations

import os
import statistics
import sys

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

import gc  # noqa: E402
from time import process_time  # noqa: E402
from typing import Any  # noqa: E402

from . import models  # noqa: E402

WAYS: dict[str, dict[str, Any] | None] = {
    "bare": None, "structure": {"values": "none"}, "health": {"values": "health"}, "stats": {"values": "stats"},
    "statistics and histograms, every step": {"values": "histogram"}, "the same, every 10th step": {"values": "histogram", "every": 10}, "detached": None}
GOALS = {"structure": 1.15, "statistics and histograms, every step": 1.40, "the same, every 10th step": 1.05, "detached": 1.00}


def main(quick: bool = False) -> None:
    try:
        import torch
    except ImportError:
        print("  torch is not installed: nothing to measure")
        return
    from tapescope.adapters import torch as tst

    torch.set_num_threads(1)
    cases = {"GPT-mini": (models.gpt, 30), "MLP": (models.mlp, 200)}
    for name, (make, n) in cases.items():
        torch.manual_seed(0)
        step = make(torch)
        for _ in range(10):
            step()
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        firsts: dict[str, list[float]] = {way: [] for way in WAYS}
        ops = 0
        for round_ in range(3 if quick else 8):
            for way, options in WAYS.items():
                gc.collect()
                tape = None if options is None else tst.record(**options)
                before = process_time()
                step()
                first = process_time() - before
                for _ in range(2):
                    step()
                before = process_time()
                for _ in range(n):
                    step()
                took = (process_time() - before) / n
                if tape is not None:
                    tape.stop()
                    if tape.error is not None:
                        raise tape.error
                    ops = max(ops, max(len(g.op_name) for g in tape.graphs.values()))
                if round_:
                    times[way].append(took)
                    firsts[way].append(first)
        bare = statistics.median(times["bare"])
        print(f"  {name}: {bare * 1e3:.2f} ms a step, {ops} ops, {n} steps a turn")
        for way, found in times.items():
            ratio = statistics.median([t / b for t, b in zip(found, times["bare"], strict=True)])
            goal = GOALS.get(way)
            print(f"    {way:40}{statistics.median(found) * 1e3:9.3f} ms  x{ratio:.3f}" + (f"  (goal {goal:.2f})" if goal else "      " + " " * 7)
                  + f"  begins {statistics.median(firsts[way]) * 1e3:8.2f} ms", flush=True)


if __name__ == "__main__":
    main("quick" in sys.argv)
