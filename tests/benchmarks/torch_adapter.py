"""What listening to PyTorch costs: `python -m tests.benchmarks torch_adapter [quick]`, or the table of one device alone: `python -m tests.benchmarks.torch_adapter cuda`.

Whole training steps of one PyTorch model, unrecorded, recorded in several ways, and after a recording has ended, taking turns in one process on one thread;
process CPU time per step (on a GPU the wall's, synchronised), medians of rounds. Ratios of the least to the least of the bare step are what to read. "begins" is the recording's
first step, in which everything is new: its structure is read, and at higher levels every kind of value for the first time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

import gc  # noqa: E402
from time import perf_counter, process_time  # noqa: E402
from typing import Any  # noqa: E402

from tests.references import torchvision_fits  # noqa: E402

from . import models, torch_peers  # noqa: E402

WAYS: dict[str, dict[str, Any] | None] = {
    "bare": None, "structure": {"values": "none"}, "health": {"values": "health"}, "stats": {"values": "stats"},
    "statistics and histograms, every step": {"values": "histogram"}, "the same, every 10th step": {"values": "histogram", "every": 10}, "detached": None}
GOALS = {"structure": 1.15, "statistics and histograms, every step": 1.40, "the same, every 10th step": 1.05, "detached": 1.00}
BEGINS = {"structure": 1.25}


def main(quick: bool = False, device: str | None = None) -> None:
    try:
        import torch
    except ImportError:
        print("  torch is not installed: nothing to measure")
        return
    from tapescope.adapters import torch as tst

    torch.set_num_threads(1)
    if device is not None:
        _table(torch, tst, device, quick)
        return
    _table(torch, tst, "cpu", quick)
    if torch.cuda.is_available():
        _table(torch, tst, "cuda", quick)
    else:
        print("  no CUDA device: the table of the GPU is not measured")
    torch_peers.main(quick)
    if not quick:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.torch_adapter", "memory"], check=True)


def _table(torch: Any, tst: Any, device: str, quick: bool) -> None:
    def now() -> float:
        if device == "cpu":
            return process_time()
        torch.cuda.synchronize()
        return perf_counter()

    cases = {"GPT-mini": (models.gpt, 60), "MLP": (models.mlp, 200)}
    for name, (make, n) in cases.items():
        n = 10 if quick else n
        torch.manual_seed(0)
        with torch.device(device):
            step = make(torch)
        for _ in range(10):
            step()
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        firsts: dict[str, list[float]] = {way: [] for way in WAYS}
        ops = 0
        for round_ in range(3 if quick else 6):
            for way, options in WAYS.items():
                gc.collect()
                tape = None if options is None else tst.record(**options)
                before = now()
                step()
                first = now() - before
                for _ in range(2):
                    step()
                before = now()
                for _ in range(n):
                    step()
                took = (now() - before) / n
                if tape is not None:
                    tape.stop()
                    if tape.error is not None:
                        raise tape.error
                    ops = max(ops, max(len(g.op_name) for g in tape.graphs.values()))
                if round_:
                    times[way].append(took)
                    firsts[way].append(first)
        bare = statistics.median(times["bare"])
        print(f"  {name} on {device}: {bare * 1e3:.2f} ms a step, {ops} ops, {n} steps a turn")
        for way, found in times.items():
            ratio = min(found) / min(times["bare"])
            goal, begins = (goals.get(way) if name == "GPT-mini" and device == "cpu" else None for goals in (GOALS, BEGINS))
            print(f"    {way:40}{statistics.median(found) * 1e3:9.3f} ms  x{ratio:.3f}" + (f"  (goal {goal:.2f})" if goal else "      " + " " * 7)
                  + f"  begins {statistics.median(firsts[way]) * 1e3:8.2f} ms  x{min(firsts[way]) / min(firsts['bare']):.3f}" + (f"  (goal {begins:.2f})" if begins else ""), flush=True)


def memory() -> None:
    """GPT-2 with 124 million parameters, from its config: what attaching, one step and the graph of it add to the peak of the process."""
    import resource

    import torch

    from tapescope.adapters import torch as tst

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ids = torch.randint(0, 50257, (1, 128))
    torchvision_fits()
    try:
        from transformers import GPT2Config, GPT2LMHeadModel
    except ImportError:
        print("  124M: transformers is not installed, nothing to measure")
        return
    model = GPT2LMHeadModel(GPT2Config())
    opt = torch.optim.SGD(model.parameters(), 1e-4)

    def step() -> float:
        began = process_time()
        opt.zero_grad()
        model(ids, labels=ids).loss.backward()
        opt.step()
        return process_time() - began

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    bare = [step() for _ in range(3)]
    before = peak()
    with tst.record(model, values="histogram") as tape:
        took = step()
    rows = sum(len(f.columns["op_name"]) for f in tape.frames("graph", max_bytes=1 << 30)[0])
    picture = len(tape.graph().to_dot())
    print(f"  GPT-2, {sum(p.numel() for p in model.parameters()) / 1e6:.0f}M parameters: {min(bare):.2f} s a step, {took:.2f} s the first recorded one with all histograms; "
          f"{rows} ops, its graph {picture >> 10} KB of dot; peak {before:.0f} MB, {peak() - before:+.0f} MB while recorded (goal +300)")
    if tape.error is not None:
        raise tape.error


if __name__ == "__main__":
    memory() if "memory" in sys.argv else main("quick" in sys.argv, next((d for d in ("cpu", "cuda") if d in sys.argv), None))
