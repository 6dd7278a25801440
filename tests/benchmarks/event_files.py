"""What a call of SummaryWriter costs, beside PyTorch's. The two take turns."""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from typing import Any

import numpy as np

import tapescope as ts
from tapescope.utils.tensorboard import SummaryWriter


def main(rounds: int = 15) -> None:
    """Prints microseconds a call, lower quartiles."""
    makers: dict[str, Any] = {"tapescope": SummaryWriter}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter as Theirs
        makers["torch"] = Theirs
    except ImportError:
        pass
    values, picture = np.random.default_rng(0).standard_normal(4096), np.random.default_rng(0).random((3, 64, 64), np.float32)
    calls: list[tuple[str, int, Any]] = [("add_scalar", 1000, lambda w, i: w.add_scalar("loss", 0.5, i)), ("add_histogram(4096)", 20, lambda w, i: w.add_histogram("h", values, i)),
                                         ("add_image(64x64)", 10, lambda w, i: w.add_image("i", picture, i)), ("add_text", 300, lambda w, i: w.add_text("t", "words", i))]
    with tempfile.TemporaryDirectory() as folder:
        writers = {n: m(f"{folder}/{n}") for n, m in makers.items()}
        for name, n, call in calls:
            took: dict[str, list[float]] = {k: [] for k in writers}
            for _ in range(rounds):
                for k, w in writers.items():
                    began = time.perf_counter()
                    for i in range(n):
                        call(w, i)
                    took[k].append((time.perf_counter() - began) / n * 1e6)
            best = {k: statistics.quantiles(v, n=4)[0] for k, v in took.items()}
            print(f"{name:>22}  " + "  ".join(f"{k} {v:8.1f} us" for k, v in best.items()))
        with ts.record():
            began = time.perf_counter()
            for i in range(5000):
                writers["tapescope"].add_scalar("loss", 0.5, i)
            print(f"{'add_scalar, recorded':>22}  tapescope {(time.perf_counter() - began) / 5000 * 1e6:8.1f} us")
        for w in writers.values():
            w.close()


if __name__ == "__main__":
    main()
