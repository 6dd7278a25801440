"""What each process of the tests runs: `python ranks.py <backend> <what> <folder>`; the results lie in the folder."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import distributed as dist
from tapescope import nn, optim
from tapescope.nn.parallel import DistributedDataParallel as DDP

FOLDER = Path(sys.argv[3])


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return ts.tensor(rng.normal(size=(16, 6)).astype(np.float32)), ts.tensor(np.arange(16) % 3)


def build(seed: int = 0) -> Any:
    ts.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8) if "norm" in sys.argv[2] else nn.Identity(), nn.ReLU(), nn.Linear(8, 3))


def collectives() -> dict[str, Any]:
    rank, world = dist.get_rank(), dist.get_world_size()
    found: dict[str, Any] = {"rank": rank, "world": world, "backend": dist.get_backend()}
    for op in dist.ReduceOp:
        t = ts.tensor([1.0 + rank, 2.0 * rank, -3.0])
        dist.all_reduce(t, op)
        found[op.value] = t.tolist()
    t = ts.arange(3) + rank
    version = t._version
    dist.broadcast(t, src=1)
    found["broadcast"], found["version"] = t.tolist(), t._version > version
    parts = [ts.zeros(2) for _ in range(world)]
    dist.all_gather(parts, ts.full((2,), float(rank)))
    found["all_gather"] = [p.tolist() for p in parts]
    mine = ts.zeros(1)
    dist.scatter(mine, [ts.full((1,), 10.0 + r) for r in range(world)] if rank == 0 else None, src=0)
    found["scatter"] = mine.tolist()
    big = ts.ones(300_000) * (rank + 1)
    assert dist.all_reduce(big, async_op=True).wait()
    found["big"] = float(big[123_456])
    dist.reduce(t, 0)
    dist.barrier()
    return found


def train() -> dict[str, Any]:
    rank, world = dist.get_rank(), dist.get_world_size()
    model = DDP(build(seed=rank))                              # rank 0's weights are everybody's
    opt = optim.SGD(model.parameters(), lr=0.1)
    x, y = data()
    n = 16 // world
    x, y = x[rank * n:(rank + 1) * n], y[rank * n:(rank + 1) * n]
    grads = []
    with ts.record(FOLDER / "run", params={"world": world}) as tape:
        for step in range(4):
            opt.zero_grad()
            if step == 2:
                with model.no_sync():
                    F.cross_entropy(model(x), y).backward()
            F.cross_entropy(model(x), y).backward()
            grads.append([p.grad.tolist() for p in model.parameters()])
            opt.step()
            tape.log_scalar("own", rank * 100 + step)
    return {"grads": grads, "weights": [p.tolist() for p in model.parameters()], "names": list(model.state_dict())[:1], "path": str(tape.path)}


def unused() -> dict[str, Any]:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 1), nn.Linear(2, 1)

        def forward(self, x: Any, both: bool) -> Any:
            return self.a(x) + (self.b(x) if both else 0)

    x = ts.ones(3, 2)
    found: dict[str, Any] = {}
    model = DDP(Two(), find_unused_parameters=True)
    model(x, dist.get_rank() == 0).sum().backward()            # one rank alone uses b
    found["b"] = model.module.b.weight.grad.tolist()
    strict = DDP(Two())
    strict(x, False).sum().backward()
    try:
        strict(x, False)
    except RuntimeError as e:
        found["error"] = str(e)
    return found


def wrong() -> dict[str, Any]:
    try:
        if dist.get_rank():
            dist.broadcast(ts.zeros(3), 0)
        else:
            dist.all_reduce(ts.zeros(4))
    except RuntimeError as e:
        return {"error": str(e)}
    return {}


def gone() -> dict[str, Any]:
    if dist.get_rank() == 1:
        os._exit(0)
    try:
        dist.barrier()
    except RuntimeError as e:
        return {"error": str(e)}
    return {}


def killed() -> dict[str, Any]:
    """Rank 0 dies in the middle, with no chance to say so."""
    rank = dist.get_rank()
    model = build()
    opt = optim.SGD(model.parameters(), lr=0.1)
    x, y = data()
    with ts.record(FOLDER / "run") as tape:
        for step in range(3):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
            tape.log_scalar("own", step)
            if rank == 0 and step == 1:
                time.sleep(0.5)
                (FOLDER / "0.json").write_text("{}")
                os._exit(0)
    return {}


if __name__ == "__main__":
    dist.init_process_group(sys.argv[1], timeout=60)
    result = {"collectives": collectives, "train": train, "train-norm": train, "unused": unused, "wrong": wrong, "gone": gone, "killed": killed}[sys.argv[2]]()
    (FOLDER / f"{dist.get_rank()}.json").write_text(json.dumps(result))
    dist.destroy_process_group()
