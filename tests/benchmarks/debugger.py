"""What a breakpoint costs that is never met, and how fast a held pass goes back: `python -m tests.benchmarks debugger [quick]`, GPT-mini on one thread."""

from __future__ import annotations

import statistics
import sys
from time import perf_counter, process_time
from typing import Any

import tapescope as ts
import tapescope.nn.functional as F

from . import models, recording

BREAKPOINTS: dict[str, dict[str, Any] | None] = {
    "none": None, "op": {"op": "cosh"}, "module": {"module": "nothing"}, "parameter": {"parameter": "nothing"},
    "op, non-finite": {"op": "softmax", "when": "nonfinite"}, "norm": {"norm_above": 1e30}, "non-finite": {"when": "nonfinite"}}


def cost(quick: bool) -> None:
    """Whole training steps, process time; the kinds take turns, the median of the differences to the step without in the same round is told."""
    step = models.gpt(ts)
    times: dict[str, list[float]] = {k: [] for k in BREAKPOINTS}
    for round_ in range(6 if quick else 24):
        for name in (list(BREAKPOINTS) if round_ % 2 else reversed(BREAKPOINTS)):
            fields = BREAKPOINTS[name]
            point = ts.break_on(**fields) if fields else None
            step()
            start = process_time()
            for _ in range(5):
                step()
            times[name].append((process_time() - start) / 5)
            if point is not None:
                assert point.hits == 0
                point.delete()
    for name, found in times.items():
        more = statistics.median(a / b for a, b in zip(found, times["none"], strict=True)) - 1
        print(f"  breakpoint {name:16}{statistics.median(found) * 1e3:8.2f} ms a step   {more:+7.2%}")


def apart(quick: bool) -> None:
    """The same program with tiny tensors, where what a breakpoint costs by op, module and pass stands out of the noise, beside a step of GPT-mini."""
    whole, step = models.gpt(ts), models.gpt(ts, length=4, d=8, heads=2, vocabulary=8)
    whole()
    start = process_time()
    for _ in range(5):
        whole()
    mini = (process_time() - start) / 5
    times: dict[str, list[float]] = {k: [] for k in BREAKPOINTS}
    for round_ in range(20 if quick else 80):
        for name in (list(BREAKPOINTS) if round_ % 2 else reversed(BREAKPOINTS)):
            fields = BREAKPOINTS[name]
            point = ts.break_on(**fields) if fields else None
            step()
            for _ in range(4):
                start = perf_counter()
                step()
                times[name].append(perf_counter() - start)
            if point is not None:
                point.delete()
    quiet = {k: statistics.quantiles(v, n=10)[0] for k, v in times.items()}
    for name, took in quiet.items():
        more = took - quiet["none"]
        print(f"  apart {name:16}{more * 1e6:8.0f} µs a step   {more / mini:+7.2%} of a step of GPT-mini ({mini * 1e3:.1f} ms)")


def deciding() -> None:
    """What it takes to see that a breakpoint cannot be met, beside a step: process time of one pass, which a busy machine hardly moves."""
    from tapescope.debugger import watch

    step = models.gpt(ts)
    step()
    start = process_time()
    for _ in range(5):
        step()
    whole = (process_time() - start) / 5
    original = watch.plan_of
    for name, fields in BREAKPOINTS.items():
        if fields is None:
            continue
        taken: list[float] = []

        def timed(*args: Any) -> Any:
            began = perf_counter()
            found = original(*args)
            taken.append(perf_counter() - began)      # noqa: B023
            return found

        point = ts.break_on(**fields)
        watch.plan_of = timed
        for _ in range(10):
            step()
        watch.plan_of = original
        point.delete()
        print(f"  deciding {name:16}{min(taken) * 1e6:8.0f} µs a pass   {min(taken) / whole:7.2%} of a step")


def moves() -> None:
    """A held pass of the model that `recording` measures, batch 8: from its end to its start, one step back, one step."""
    ts.manual_seed(0)
    model = recording.GPT()
    ids, target = ts.randint(0, 256, (8, 64)), ts.randint(0, 256, (8 * 64,))
    dbg = ts.debug(F.cross_entropy(model(ids).view(-1, 256), target), module=model)
    dbg.go(dbg.total - 1)
    found: dict[str, list[float]] = {"end to start": [], "one step back": [], "one step": []}

    def timed(name: str, move: Any) -> None:
        start = perf_counter()
        move()
        found[name].append((perf_counter() - start) * 1e3)

    for _ in range(5):
        dbg.go(dbg.total - 1)
        timed("end to start", lambda: dbg.go(0))
        dbg.go(dbg.total - 1)
        while dbg.index > 2:
            timed("one step back", dbg.step_back)
    dbg.go(0)
    while dbg.index < dbg.total - 1:
        timed("one step", dbg.step)
    for name, times in found.items():
        print(f"  {name:16} median {statistics.median(times):8.2f} ms, slowest {max(times):8.2f} ms")
    print(f"  {dbg.total} nodes; {dbg.nbytes / 1e6:.1f} MB are held to go back")


def main(quick: bool = False) -> None:
    cost(quick)
    apart(quick)
    deciding()
    moves()


if __name__ == "__main__":
    main("quick" in sys.argv)
