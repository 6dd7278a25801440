"""DistributedDataParallel over gloo, two processes: a recording a rank, the norms of buckets before and after the exchange, and what a pause stalls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there are no processes to listen to")

import tapescope as ts  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.distributed.is_available() or not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo: no two processes can train together")

RANK = """
import os
import sys
import time
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
import tapescope as ts
from tapescope.adapters import torch as tst

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
ddp = DistributedDataParallel(model)
ddp.register_comm_hook(None, tst.bucket_norms)
opt = torch.optim.SGD(ddp.parameters(), 0.1)
torch.manual_seed(10 + rank)
if rank:
    time.sleep(0.3)                # begins later: its clock is set by the exchanges
began = time.monotonic()
with tst.record(ddp, f"{folder}/runs", values="stats") as tape:
    for _ in range(3):
        opt.zero_grad()
        ddp(torch.randn(16, 6)).pow(2).mean().backward()
        opt.step()
assert tape.error is None, tape.error_text
assert tape.rank == rank, tape.rank
ts.break_on(op="relu")
words = []
def look(dbg):
    words.append(dbg.note)
    dbg.step(2)
    for ask in (dbg.step_back, lambda: dbg.what_if(scale=2.0)):
        try:
            ask()
        except RuntimeError as e:
            words.append(str(e))
ts.debugger.settings.on_pause = look
opt.zero_grad()
ddp(torch.randn(16, 6)).pow(2).mean().backward()
assert f"rank {rank}) is held, 1 other will wait" in words[0], words
assert all("exchange gradients with other processes" in w for w in words[1:]) and len(words) == 3, words
ts.breakpoints.clear()
if rank:
    model[1] = torch.nn.Tanh()     # not the model of rank 0
with tst.record(ddp, f"{folder}/others") as other:
    opt.zero_grad()
    ddp(torch.randn(16, 6)).pow(2).mean().backward()
    opt.step()
assert other.error is None, other.error_text
opt.zero_grad()
ddp(torch.randn(16, 6)).pow(2).mean().backward()
total = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
both = [torch.zeros(()) for _ in range(2)]
dist.all_gather(both, total)
assert both[0] == both[1]
dist.destroy_process_group()
sys.stdout.flush()
open(f"{folder}/began{rank}", "w").write(repr(began))
os._exit(0)                        # PyTorch's gloo threads now and then end the process with SIGABRT at its exit, without any recording, too
"""


def test_two_ranks(tmp_path: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(ts.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]), "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen([sys.executable, str(tmp_path / "rank.py"), str(rank), str(tmp_path)], env=environment, stderr=subprocess.PIPE, text=True) for rank in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    tapes = [ts.load_tape(tmp_path / "runs" / f"rank{rank}") for rank in range(2)]
    assert [t.rank for t in tapes] == [0, 1] and [t.step_number for t in tapes] == [3, 3]
    graphs = [next(iter(t.graphs.values())) for t in tapes]
    names = [[t.strings[i] for i in g.op_name] for t, g in zip(tapes, graphs, strict=True)]
    assert names[0] == names[1] and names[0][:3] == ["linear", "relu", "linear"]
    series = []
    for tape in tapes:
        found: dict[str, list[float]] = {}
        for f in tape.frames("scalars", max_bytes=1 << 30)[0]:
            for tag, value in zip(f.columns["tag"], f.columns["value"], strict=True):
                found.setdefault(tape.strings[int(tag)], []).append(float(value))
        series.append(found)
    a, b = series
    assert a["bucket/0/norm"] == pytest.approx(b["bucket/0/norm"], rel=1e-6) and len(a["bucket/0/norm"]) == 3
    assert a["bucket/0/local_norm"] != b["bucket/0/local_norm"] and min(a["bucket/0/in_flight"]) > 0
    assert a["grad_norm"] == pytest.approx(a["bucket/0/norm"], rel=1e-4)
    began = [float((tmp_path / f"began{rank}").read_text()) for rank in range(2)]
    both = ts.load_tape(tmp_path / "runs")
    assert both.offsets[1] == pytest.approx(began[1] - began[0], abs=0.15) and both.findings() == []
    assert "rank 1 +" in both.status()["notes"][0] and "(by 3 exchanges of gradients, within" in both.status()["notes"][0]
    tags: set[str] = set()
    found, cursor = both.frames("scalars", max_bytes=1 << 30)
    while found:
        tags |= {both.strings[int(t)] for f in found for t in f.columns["tag"]}
        found, cursor = both.frames("scalars", cursor, max_bytes=1 << 30)
    assert {"bucket/0/local_norm", "rank1/bucket/0/local_norm", "rank1/bucket/0/in_flight"} <= tags
    found, = [f for f in ts.load_tape(tmp_path / "others").findings() if f.rule == "ranks"]
    assert found.title == "rank 1 has another structure than rank 0"
