"""A folder of TensorBoard's with a million points, opened here and by TensorBoard's own reader: `python -m tests.benchmarks logdir [quick]`."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from time import perf_counter, process_time

import tapescope as ts
from tapescope.formats.records import frame
from tapescope.utils.tensorboard import summary
from tapescope.utils.tensorboard.event_file import event

TAGS = ("train/loss", "train/accuracy", "lr", "val/loss", "a/b/c/a_longer_tag")


def main(quick: bool = False) -> None:
    points = 200_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="tapescope-bench-") as folder:
        steps = points // len(TAGS)
        data = b"".join(frame(event(summary.scalar_field(t, i * 0.5), i, 1.7e9 + i)) for i in range(steps) for t in TAGS)
        (Path(folder) / "events.out.tfevents.1700000000.host.1.0").write_bytes(data)
        times = []
        for _ in range(3):
            start, cpu = perf_counter(), process_time()
            tape = ts.load_tape(folder)
            frames, _ = tape.frames("scalars", id="lr", max_bytes=1 << 20)
            times.append((perf_counter() - start, process_time() - cpu))
        wall, cpu = min(times)
        print(f"  {points:,} points ({len(data) / 1e6:.0f} MB): opened in {wall:.2f} s ({cpu:.2f} s of processor time)", flush=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        except ImportError:
            return
        start, cpu = perf_counter(), process_time()
        EventAccumulator(folder, size_guidance={"scalars": 0}).Reload()
        theirs, their_cpu = perf_counter() - start, process_time() - cpu
        print(f"  TensorBoard's EventAccumulator: {theirs:.1f} s ({their_cpu:.1f} s), {theirs / wall:.0f} times as long")


if __name__ == "__main__":
    main()
