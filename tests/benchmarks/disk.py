"""What a recording on disk costs and gives: `python -m tests.benchmarks disk [quick]`.

The stream is that of a large run: events in blocks of 1,000 rows and 12 columns, moments, histograms of 64 bins, copies of 1 MiB.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypeVar

import numpy as np

import tapescope as ts
from tapescope.tape.store.disk import Disk
from tapescope.tape.store.series import Series
from tapescope.tape.store.shelf import Shelf

from .recording import gpt

BLOCK = 1000
T = TypeVar("T")


class Sparse(Disk):
    """Copies are zeros, and the blob files holes: read, they are what a tape of this size is, and a disk need not have it."""

    def _append(self, data: memoryview) -> int:
        start = self._blob_end
        self._blob_end += len(data)
        os.ftruncate(self._blob, self._blob_end)
        return start


def stream(path: Path, flushes: int, make: type[Disk] = Disk) -> float:
    """Writes `flushes` blocks of events, and with every tenth of them what else a run brings; seconds."""
    rng = np.random.default_rng(0)
    events = {f"c{i}": rng.integers(0, 1 << 20, BLOCK).astype(np.int32) if i < 10 else rng.random(BLOCK) for i in range(12)}
    moments = {"key": np.arange(20, dtype=np.uint32), "step": np.zeros(20, np.int32), "time": np.zeros(20), "moments": rng.random((20, 10), np.float32)}
    bins = {"key": np.arange(50, dtype=np.uint32), "step": np.zeros(50, np.int32), "first": np.full(50, 900, np.uint16), "length": np.full(50, 64, np.uint16),
            "count": rng.integers(0, 1000, 3200).astype(np.uint32)}
    copies = [np.zeros(1 << 18, np.float32) if make is Sparse else rng.random(1 << 18, np.float32) for _ in range(8)]
    stats, histograms = Series("stats"), Series("histograms")
    start = perf_counter()
    disk = make(path, {"name": "stream", "state": "stopped"})
    for i in range(flushes):
        with disk.transaction():
            disk.insert([disk.row("event", events, first=i * BLOCK, last=(i + 1) * BLOCK, steps=(i, i), n=BLOCK)])
            stats.add(disk, {**moments, "step": moments["step"] + i})
            if i % 10 == 0:
                histograms.add(disk, {**bins, "step": bins["step"] + i})
            if i % 2 == 0:
                disk.snapshots([("a", i, copies[i % 8], (1 << 18,), "float32")])
        for s in (stats, histograms):
            if s.full:
                with disk.transaction():
                    s.sort(disk)
                s.settled()
    disk.close()
    return perf_counter() - start


def overhead(rounds: int, steps: int, folder: Path) -> None:
    """GPT-mini recorded in memory and to disk, in turns; wall and processor time of all threads."""
    step = gpt()
    step()
    best: dict[str, list[float]] = {}
    for n in range(rounds):
        for where in ("memory", "disk"):
            tape = ts.record(None if where == "memory" else folder / f"gpt{n}")
            step()
            wall, cpu = perf_counter(), process_time()
            for _ in range(steps):
                step()
            found = [(perf_counter() - wall) / steps * 1e3, (process_time() - cpu) / steps * 1e3]
            best[where] = [min(p) for p in zip(best.get(where, found), found, strict=True)]
            tape.stop()
    (mw, mc), (dw, dc) = best["memory"], best["disk"]
    print(f"  GPT-mini: in memory {mw:.1f} ms a step, to disk {dw:.1f} ms ({dw / mw - 1:+.1%}); processor time {mc:.1f} and {dc:.1f} ms ({dc / mc - 1:+.1%})")


def opening(gib: int, folder: Path) -> None:
    """A tape of so many GiB, opened: the first look, and what its views ask for then. The list of runs beside it."""
    path = folder / "long"
    stream(path, 2000 * gib, Sparse)
    sizes = [f.stat().st_size / 1e9 for f in path.iterdir()]

    def open_it() -> Any:
        tape: Any = ts.load_tape(path)
        names(tape)
        tape.status(), tape.frames("graph"), tape.frames("findings"), tape.frames("tensor", most=12)
        return tape

    os.sync()
    seconds, tape = timed(open_it)
    again, _ = timed(open_it)
    window, _ = timed(lambda: tape.frames("stats", id="k1", steps=(1000, 1100)))
    copy, frames = timed(lambda: tape.frames("tensor", id="a", steps=(1500, 1500))[0])
    listed, found = timed(lambda: ts.runs(folder))
    assert len(frames) == 1 and any(r.path == path for r in found)
    print(f"  a tape of {sum(sizes):.1f} GB ({max(sizes):.1f} GB its largest file) is open and its first look read in {seconds * 1e3:.0f} ms, again in {again * 1e3:.0f} ms; "
          f"a window of statistics in {window * 1e3:.1f} ms, one copy of {tape._shelf.last_snapshot():,} in {copy * 1e3:.1f} ms; the runs of its folder are listed in {listed * 1e3:.0f} ms")


def timed(act: Callable[[], T]) -> tuple[float, T]:
    start = perf_counter()
    found = act()
    return perf_counter() - start, found


def names(tape: Any) -> None:
    """The stream knows keys by number alone."""
    tape.intern.list += [f"k{i}" for i in range(1, 51)]
    tape.intern.index |= {f"k{i}": i for i in range(1, 51)}


def main(quick: bool = False) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tapescope-bench-"))
    try:
        flushes = 200 if quick else 1000
        path = folder / "stream"
        reads: list[float] = []
        done = threading.Event()

        def beside() -> None:
            while not done.wait(0.05):
                if (path / "tape.db").exists():
                    start = perf_counter()
                    try:
                        Shelf(path).count("event")
                    except ts.tape.store.TapeError:
                        continue                               # its tables are being made
                    reads.append(perf_counter() - start)

        thread = threading.Thread(target=beside)
        thread.start()
        seconds = stream(path, flushes)
        done.set()
        thread.join()
        size = sum(f.stat().st_size for f in path.iterdir()) / 1e6
        print(f"  {flushes * BLOCK:,} events and the rest in {seconds:.2f} s: {flushes * BLOCK / seconds:,.0f} events/s, {size:.0f} MB; "
              f"a reader beside it opened {len(reads)} times, {1e3 * max(reads, default=0):.1f} ms at most")
        start = perf_counter()
        tape: Any = ts.load_tape(path)
        opened = perf_counter() - start
        names(tape)
        best = 1.0
        n = 0
        for i in range(1, 30):
            start = perf_counter()
            frames, _ = tape.frames("histograms", id=f"k{i}", max_bytes=1 << 20)
            best = min(best, perf_counter() - start)
            n = sum(len(f.columns["key"]) for f in frames)
        print(f"  opened in {opened * 1e3:.1f} ms; {n} histograms of one tensor in {best * 1e3:.2f} ms")
        opening(1 if quick else 10, folder)
        overhead(2 if quick else 5, 20 if quick else 40, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
