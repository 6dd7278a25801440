"""A training step of four models, side by side with PyTorch on one thread: `python -m tests.benchmarks models [quick]`.

The same classes are built on both libraries; a step is forward, backward and the optimizer. Rounds alternate between the libraries in one process;
the figure is the median of the rounds' medians, the ratio that of the medians. Where PyTorch is not installed its columns stay empty.
"""

from __future__ import annotations

import importlib
import os
import statistics
import sys

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

from collections.abc import Callable  # noqa: E402
from time import perf_counter  # noqa: E402
from typing import Any  # noqa: E402

Step = Callable[[], None]


def step_of(lib: Any, model: Any, x: Any, y: Any) -> Step:
    """One training step with Adam and cross entropy."""
    F = lib.nn.functional
    opt = lib.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        out = model(x)
        loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y)
        opt.zero_grad()
        loss.backward()
        opt.step()

    return step


def mlp(lib: Any) -> Step:
    """Digits: 64-256-128-10, batch 64."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    return step_of(lib, model, lib.randn(64, 64), lib.randint(0, 10, (64,)))


def lenet(lib: Any) -> Step:
    """LeNet-5 on 28x28, batch 64."""
    nn = lib.nn
    model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    return step_of(lib, model, lib.randn(64, 1, 28, 28), lib.randint(0, 10, (64,)))


def cnn(lib: Any) -> Step:
    """Three convolutions with batch norm on 3x32x32, batch 32."""
    nn = lib.nn
    layers: list[Any] = []
    for i, o in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10))
    return step_of(lib, model, lib.randn(32, 3, 32, 32), lib.randint(0, 10, (32,)))


def gpt(lib: Any, length: int = 64, d: int = 128, heads: int = 4, layers: int = 4, vocabulary: int = 256) -> Step:
    """GPT-mini: 4 blocks of width 128, 64 tokens, batch 8."""
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):                                # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.norm2, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

        def forward(self, x: Any) -> Any:
            b, t, _ = x.shape
            q, k, v = (p.view(b, t, heads, d // heads).transpose(1, 2) for p in self.qkv(self.norm1(x)).split(d, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):                                  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary)

        def forward(self, ids: Any) -> Any:
            x = self.token(ids) + self.place(lib.arange(ids.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    ids = lib.randint(0, vocabulary, (8, length + 1))
    return step_of(lib, GPT(), ids[:, :-1], ids[:, 1:].reshape(-1))


def lstm(lib: Any, length: int = 35, d: int = 128, vocabulary: int = 256) -> Step:
    """Word language model: two LSTM layers of width 128, 35 tokens, batch 20."""
    nn = lib.nn

    class Words(nn.Module):                                # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.lstm, self.head = nn.Embedding(vocabulary, d), nn.LSTM(d, d, 2), nn.Linear(d, vocabulary)

        def forward(self, ids: Any) -> Any:
            return self.head(self.lstm(self.words(ids))[0])

    ids = lib.randint(0, vocabulary, (length + 1, 20))
    return step_of(lib, Words(), ids[:-1], ids[1:].reshape(-1))


MODELS = {"MLP": (mlp, 200), "LeNet": (lenet, 10), "CNN": (cnn, 8), "GPT-mini": (gpt, 5), "LSTM": (lstm, 8)}


def libraries() -> dict[str, Any]:
    found = {}
    for name in ("tapescope", "torch"):
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            print(f"  {name} is not installed: its column stays empty")
    if "torch" in found:
        found["torch"].set_num_threads(1)
    return found


def median(step: Step, n: int) -> float:
    times = []
    for _ in range(n):
        start = perf_counter()
        step()
        times.append(perf_counter() - start)
    return statistics.median(times)


def main(quick: bool = False) -> None:
    libs = libraries()
    print(f"  {'model':10}{'tapescope':>12}{'torch':>12}   ratio")
    for name, (make, n) in MODELS.items():
        steps = {}
        for key, lib in libs.items():
            lib.manual_seed(0)
            steps[key] = make(lib)
        times: dict[str, list[float]] = {key: [] for key in steps}
        for round_ in range(4 if quick else 9):
            for key, step in steps.items():
                t = median(step, n)
                if round_:
                    times[key].append(t)
        found = {key: statistics.median(t) for key, t in times.items()}
        columns = "".join(f"{found[k] * 1e3:9.3f} ms" if k in found else f"{'':12}" for k in ("tapescope", "torch"))
        ratio = f"{found['tapescope'] / found['torch']:8.2f}" if len(found) == 2 else ""
        print(f"  {name:10}{columns}{ratio}", flush=True)


if __name__ == "__main__":
    main("quick" in sys.argv)
