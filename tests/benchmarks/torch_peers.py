"""Others who watch a PyTorch model train, on the same GPT-mini: a process for each, because some of them change PyTorch for good.

In every process bare steps and watched ones take turns; process CPU time per step, the least of each. What is not installed is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

from . import models  # noqa: E402

Watched = tuple[Callable[[], None], Callable[[], None]]        # a watched step, and the end


def tapescope(model: Any, step: Callable[[], None], x: Any, folder: str) -> Watched:
    from tapescope.adapters import torch as tst

    tape = tst.record(model, values="histogram")

    def stop() -> None:
        tape.stop()
        if tape.error is not None:
            raise tape.error

    return step, stop


def tensorboard(model: Any, step: Callable[[], None], x: Any, folder: str) -> Watched:
    from torch.utils.tensorboard import SummaryWriter

    writer, n = SummaryWriter(folder), 0

    def watched() -> None:
        nonlocal n
        step()
        n += 1
        for name, p in model.named_parameters():
            writer.add_histogram(name, p.detach(), n)
            writer.add_histogram(f"{name}/grad", p.grad, n)

    return watched, writer.close


def wandb(model: Any, step: Callable[[], None], x: Any, folder: str) -> Watched:
    import wandb as w

    run = w.init(mode="offline", project="benchmark", dir=folder, settings=w.Settings(console="off", silent=True))
    run.watch(model, log="all", log_freq=1)

    def watched() -> None:
        step()
        run.log({"step": 1})

    def stop() -> None:
        run.unwatch(model)
        run.finish()

    return watched, stop


def torchexplorer(model: Any, step: Callable[[], None], x: Any, folder: str) -> Watched:
    import torchexplorer as t

    t.watch(model, log_freq=1, backend="none")
    return step, lambda: None


def torchlens(model: Any, step: Callable[[], None], x: Any, folder: str) -> Watched:
    import torchlens as t

    def forward() -> None:
        t.trace(model, x)

    return forward, lambda: None


PEERS: dict[str, tuple[str, Callable[..., Watched], bool]] = {
    "tapescope": ("statistics and histograms of all parameters and gradients, and the graph", tapescope, True),
    "tensorboard": ("add_histogram of all parameters and gradients", tensorboard, True),
    "wandb": ("watch(log='all', log_freq=1), offline", wandb, True),
    "torchexplorer": ("watch(log_freq=1), 1000 values of each", torchexplorer, False),
    "torchlens": ("trace of one forward pass, beside a whole training step", torchlens, False),
}                                                              # what it does, how, and whether it goes away again


def main(quick: bool = False) -> None:
    print("  beside others, GPT-mini, every step:")
    for name, (what, _, _) in PEERS.items():
        if find_spec(name) is None or (name == "torchexplorer" and shutil.which("dot") is None):
            print(f"    {name:14} is not installed{', or Graphviz, whose dot it runs, is not' if name == 'torchexplorer' else ''}: not measured ({what})")
            continue
        done = subprocess.run([sys.executable, "-m", "tests.benchmarks.torch_peers", name, *(["quick"] if quick else [])], capture_output=True, text=True, check=False,
                              cwd=Path(__file__).resolve().parents[2])
        line = [row for row in done.stdout.splitlines() if row.startswith("ratio ")]
        print(f"    {name:14} " + (line[-1].removeprefix("ratio ") if line else f"failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}") + f"  {what}", flush=True)


def measure(name: str, rounds: int) -> None:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    step = models.gpt(torch)
    cells = [c.cell_contents for c in step.__closure__ or ()]
    model = next(c for c in cells if isinstance(c, torch.nn.Module))
    x = next(c for c in cells if isinstance(c, torch.Tensor))
    _, make, leaves = PEERS[name]
    for _ in range(5):
        step()
    bare: list[float] = []
    watched: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            bare += [_timed(step) for _ in range(8)]
            if not leaves:
                continue
            run, stop = make(model, step, x, folder)
            run()
            watched += [_timed(run) for _ in range(4)]
            stop()
        if not leaves:
            run, stop = make(model, step, x, folder)
            run()
            watched += [_timed(run) for _ in range(4 * rounds)]
    print(f"ratio x{min(watched) / min(bare):.2f}  ({min(bare) * 1e3:.1f} -> {min(watched) * 1e3:.1f} ms)")


def _timed(call: Callable[[], None]) -> float:
    began = process_time()
    call()
    return process_time() - began


if __name__ == "__main__":
    measure(sys.argv[1], 2 if "quick" in sys.argv else 5)
