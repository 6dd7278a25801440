"""What recording costs: `python tests/benchmarks/recording.py [quick]`.

Whole training steps, recording off and at every level, interleaved in one process on one thread; process CPU time, minimum of the rounds.
Ratios are what to read. "us/op" is what one op more on the tape costs, its backward node and module calls included.
"""

from __future__ import annotations

import gc
import os
import sys

for _v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_v] = "1"

from collections.abc import Callable, Iterator  # noqa: E402
from time import process_time  # noqa: E402
from typing import Any  # noqa: E402

import tapescope as ts  # noqa: E402
import tapescope.nn.functional as F  # noqa: E402
from tapescope import nn, optim  # noqa: E402
from tapescope.utils.data import DataLoader, TensorDataset  # noqa: E402

LEVELS = (None, "none", "health", "stats", "histogram")


class Attention(nn.Module):
    """Causal self-attention, written out."""

    def __init__(self, d: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.register_buffer("mask", ts.tril(ts.ones(length, length)).bool())

    def forward(self, x: Any) -> Any:
        b, t, d = x.shape
        q, k, v = (part.view(b, t, self.heads, d // self.heads).transpose(1, 2) for part in self.qkv(x).split(d, dim=2))
        scores = q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5
        scores = scores.masked_fill(~self.mask[:t, :t], float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, d: int, heads: int, length: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(d), Attention(d, heads, length)
        self.norm2, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary: int = 256, d: int = 128, layers: int = 4, heads: int = 4, length: int = 128) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        self.blocks = nn.Sequential(*[Block(d, heads, length) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary)

    def forward(self, ids: Any) -> Any:
        x = self.token(ids) + self.place(ts.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def mlp() -> Callable[[], None]:
    """A smaller MLP, 64-64-32-10, batch 64, Adam, one batch again and again: nothing but the step, and the worst case."""
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    opt = optim.Adam(model.parameters(), lr=1e-3)
    x, y = ts.randn(64, 64), ts.randint(0, 10, (64,))

    def step() -> None:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()

    return step


def quickstart() -> Callable[[], None]:
    """The loop of examples/quickstart.ipynb: 64-256-128-10, AdamW, a shuffling DataLoader."""
    ts.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU())
    model = nn.Sequential(encoder, nn.Linear(128, 10))
    opt = optim.AdamW(model.parameters(), lr=1e-3)
    data = DataLoader(TensorDataset(ts.rand(1437, 8, 8), ts.randint(0, 10, (1437,))), batch_size=64, shuffle=True)

    def batches() -> Iterator[Any]:
        while True:
            yield from data

    loader = batches()

    def step() -> None:
        x, y = next(loader)
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()

    return step


def gpt(batch: int = 16) -> Callable[[], None]:
    """GPT-mini: 4 layers, width 128, 128 tokens, naive attention, AdamW."""
    ts.manual_seed(0)
    model = GPT()
    opt = optim.AdamW(model.parameters(), lr=3e-4)
    ids, target = ts.randint(0, 256, (batch, 128)), ts.randint(0, 256, (batch * 128,))

    def step() -> None:
        loss = F.cross_entropy(model(ids).view(-1, 256), target)
        opt.zero_grad()
        loss.backward()
        opt.step()

    return step


def measure(step: Callable[[], None], rounds: int, steps: int, warm: int) -> dict[str | None, float]:
    """Seconds of CPU a step, per level; minimum over rounds. Thinned histograms fall into the time as they come."""
    best: dict[str | None, float] = {}
    notes: dict[str | None, Any] = {}
    step()
    for _ in range(rounds):
        for level in LEVELS:
            tape = ts.record(values=level) if level else None
            for _ in range(warm):
                step()
            gc.collect()
            start = process_time()
            for _ in range(steps):
                step()
            best[level] = min(best.get(level, 1e9), (process_time() - start) / steps)
            if tape is not None:
                tape.stop()
                assert tape.error is None, tape.error_text
                notes[level] = tape
    ops = sum(len(g.op_name) for g in notes["none"].graphs.values() if g.count > 1)
    bare = best[None]
    for level in LEVELS[1:]:
        own = notes[level].status()["overhead"]
        print(f"    {level:10}{best[level] * 1e3:9.3f} ms   x{best[level] / bare:5.2f}   {(best[level] - bare) / ops * 1e6:6.2f} us/op   "
              f"(the tape says {own:.0%})")
    print(f"    {ops} ops a step")
    return best


def per_op() -> None:
    """A chain of 200 adds of what needs no gradient: nothing but ops."""
    a = ts.randn(4)

    def chain() -> None:
        x = a
        for _ in range(200):
            x = x + a

    def timed() -> float:
        start = process_time()
        for _ in range(20):
            chain()
        return (process_time() - start) / 4000 * 1e6

    off: list[float] = []
    on: list[float] = []
    silent: list[float] = []
    for _ in range(20):
        off.append(timed())
        before = ts.core.state.set_sink(Silent())
        silent.append(timed())
        ts.core.state.set_sink(before)
        with ts.record(values="none") as tape:
            tape.step()
            for _ in range(2):
                chain()
                tape.step()
            start = process_time()
            for _ in range(20):
                chain()
                tape.step()
            on.append((process_time() - start) / 4000 * 1e6)
    print(f"  add of 4 numbers, us: off {min(off):.2f}, a sink that does nothing {min(silent):.2f}, structure {min(on):.2f} "
          f"(+{min(on) - min(off):.2f}; of it the recorder {min(on) - min(silent):.2f})")


class Silent:
    """The cheapest sink there can be."""

    def op(self, *args: Any) -> None: ...


def main(quick: bool = False) -> None:
    per_op()
    for title, make, rounds, steps, warm in (("the loop of the quickstart", quickstart, 15, 100, 20),
                                             ("a smaller MLP, one batch again and again", mlp, 15, 100, 20), ("GPT-mini, batch 16", gpt, 4, 10, 1)):
        print(f"  {title}")
        best = measure(make(), max(rounds // (3 if quick else 1), 2), max(steps // (2 if quick else 1), 3), warm)
        print(f"    bare      {best[None] * 1e3:9.3f} ms")


if __name__ == "__main__":
    main("quick" in sys.argv)
