"""Records five real architectures and writes their graphs beside this file: `python widgets/bench/crossings/record.py`, then `node widgets/bench/crossings/count.mjs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn


class Residual(nn.Module):
    def __init__(self, i: int, o: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 or i != o else nn.Identity()

    def forward(self, x: Any) -> Any:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.down(x))


class Head(nn.Module):
    def __init__(self, d: int, k: int) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d, k), nn.Linear(d, k), nn.Linear(d, k)

    def forward(self, x: Any, mask: Any) -> Any:
        q, k, v = self.q(x), self.k(x), self.v(x)
        return F.softmax((q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).masked_fill(mask, float("-inf")), -1) @ v


class Block(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.heads, self.proj = nn.ModuleList([Head(d, d // heads) for _ in range(heads)]), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x: Any, mask: Any) -> Any:
        h = self.ln1(x)
        x = x + self.proj(ts.cat([head(h, mask) for head in self.heads], -1))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tok, self.pos = nn.Embedding(11, 16), nn.Embedding(8, 16)
        self.blocks, self.ln, self.head = nn.ModuleList([Block(16, 4) for _ in range(2)]), nn.LayerNorm(16), nn.Linear(16, 11)

    def forward(self, i: Any) -> Any:
        mask = ts.ones(8, 8, dtype=ts.bool).triu(1)
        x = self.tok(i) + self.pos(ts.arange(8))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.ln(x))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        two = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())  # noqa: E731
        self.down = nn.ModuleList([two(1, 4), two(4, 8), two(8, 16)])
        self.middle, self.pool = two(16, 32), nn.MaxPool2d(2)
        self.up = nn.ModuleList([nn.ConvTranspose2d(i, i // 2, 2, 2) for i in (32, 16, 8)])
        self.merge, self.head = nn.ModuleList([two(i, i // 2) for i in (32, 16, 8)]), nn.Conv2d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        kept = []
        for down in self.down:
            kept.append(x := down(x))
            x = self.pool(x)
        x = self.middle(x)
        for up, merge, skip in zip(self.up, self.merge, kept[::-1], strict=True):
            x = merge(ts.cat([up(x), skip], 1))
        return self.head(x)


class Recurrent(nn.Module):
    """An LSTM written out over time, with attention over its states."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.score, self.head = nn.LSTMCell(6, 8), nn.Linear(8, 1), nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        h = c = ts.zeros(len(x), 8)
        states = []
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], (h, c))
            states.append(h)
        s = ts.stack(states, 1)
        return self.head(ts.cat([(F.softmax(self.score(s), 1) * s).sum(1), h], 1))


def resnet() -> Any:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Residual(8, 8), Residual(8, 16, 2), Residual(16, 16), Residual(16, 32, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


PROGRAMS = {
    "resnet": lambda: resnet()(ts.randn(2, 3, 16, 16)),
    "gpt, a head a module": lambda: GPT()(ts.randint(0, 11, (2, 8))),
    "encoder-decoder transformer": lambda: nn.Transformer(16, 4, 1, 2, 32, batch_first=True)(ts.randn(2, 5, 16), ts.randn(2, 4, 16)),
    "u-net": lambda: UNet()(ts.randn(1, 1, 16, 16)),
    "lstm with attention": lambda: Recurrent()(ts.randn(2, 7, 6)),
}


def main() -> None:
    found = {}
    for name, program in PROGRAMS.items():
        ts.manual_seed(0)
        with ts.record(values="none") as tape:
            program().sum().backward()
            tape.step()
        frames, _ = tape.frames("graph", max_bytes=1 << 30)
        (f,) = frames
        used = sorted({int(v) for c in f.columns.values() if c.dtype == np.uint32 for v in c})
        place = {v: i for i, v in enumerate(used)}
        columns = {k: [place[int(v)] for v in c] if c.dtype == np.uint32 else c.tolist() for k, c in f.columns.items() if not k.startswith("site_")}
        found[name] = {"meta": {"graph": 0, "current": 0, "start": {}, "closed": f.meta.get("closed", [])}, "strings": [tape.strings[v] for v in used], "columns": columns}
    (Path(__file__).parent / "graphs.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
