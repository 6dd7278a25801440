"""The most memory that a training step holds beyond what it began with, beside PyTorch: `python tests/benchmarks/memory.py`.

NumPy tells its allocations to tracemalloc; PyTorch's profiler lists its own. Both count arrays to the byte, whatever the machine is doing meanwhile.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from .models import MODELS, libraries

Step = Callable[[], Any]


def ours(step: Step) -> int:
    """Peak bytes of a step with NumPy; Python's own small objects count, too."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def theirs(step: Step) -> int:
    """Peak bytes of a step with PyTorch."""
    from torch.profiler import ProfilerActivity, profile

    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    held = peak = 0
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]       # type: ignore[union-attr]
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def measured(name: str) -> dict[str, int]:
    """Peak bytes of a model's second step by library: the first makes what stays."""
    found = {}
    for key, lib in libraries().items():
        lib.manual_seed(0)
        step = MODELS[name][0](lib)
        step()
        step()
        found[key] = (theirs if key == "torch" else ours)(step)
    return found


def main(quick: bool = False) -> None:
    print(f"  {'model':10}{'tapescope':>14}{'torch':>14}   ratio")
    for name in MODELS:
        found = measured(name)
        columns = "".join(f"{found[key] / 1e6:11.2f} MB" if key in found else f"{'':14}" for key in ("tapescope", "torch"))
        print(f"  {name:10}{columns}" + (f"{found['tapescope'] / found['torch']:8.2f}" if len(found) == 2 else ""), flush=True)


if __name__ == "__main__":
    main("quick" in sys.argv)
