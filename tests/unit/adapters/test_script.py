"""`python -m tapescope record`: scripts that know nothing of it, whichever library they train with, alone or as ranks of a job."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope.adapters.script import place

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: no script can train with it")
RANKS = "RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"
PLAIN = """
import importlib.util, sys
assert importlib.util.find_spec("torch")        # as libraries ask, before somebody imports it
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(int(sys.argv[1])):
    opt.zero_grad()
    nn.functional.cross_entropy(model(torch.ones(3, 4)), torch.arange(3) % 2).backward()
    opt.step()
    if len(sys.argv) > 2:
        __import__("time").sleep(float(sys.argv[2]))
sys.exit(0)
"""


def shell(*args: Any, **env: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if k not in RANKS}
    return subprocess.Popen([sys.executable, "-m", "tapescope", "record", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean | env)


def ended(child: subprocess.Popen[str]) -> str:
    out, error = child.communicate(timeout=120)
    assert child.returncode == 0, error
    return out + error


@needs_torch
def test_a_pytorch_script_is_recorded_and_followed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PLAIN)
    child = shell("--to", tmp_path / "runs/exp1", tmp_path / "train.py", 30, 0.1)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (found := [run for run in (ts.runs(tmp_path / "runs") if (tmp_path / "runs").exists() else ()) if not run.error]):
        time.sleep(0.1)                        # what has just been made is listed before it can be read
    tape: Any = found[0].tape
    while time.monotonic() < end and not (tape.refresh() and tape.step_number):
        time.sleep(0.05)
    assert tape.state == "recording" and 0 < tape.step_number < 30         # the script knows of nobody who looks
    assert "recorded 30 steps to" in ended(child)
    tape.refresh()
    assert (tape.name, tape.state, tape.step_number) == ("exp1", "stopped", 30)
    (g,) = tape.graphs.values()
    assert [tape.strings[i] for i in g.op_name] == ["linear", "relu", "linear", "cross_entropy"]
    assert {tape.strings[i] for i in g.src_name} >= {"0.weight", "2.bias"} and g.where(len(g.op_name) - 1)[0] == str(tmp_path / "train.py")
    assert sum(len(f.columns["value"]) for f in tape.frames("scalars", id="loss")[0]) == 30


@needs_torch
def test_ranks_of_a_pytorch_job_are_one_recording(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f"""
import os, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo", init_method="file://{tmp_path}/meet", rank=int(os.environ["RANK"]), world_size=2)
model = DistributedDataParallel(torch.nn.Linear(4, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(3):
    opt.zero_grad()
    model(torch.ones(3, 4) * dist.get_rank()).sum().backward()
    opt.step()
dist.destroy_process_group()
""")
    children = [shell("--to", tmp_path / "runs/job", tmp_path / "train.py", RANK=str(r), WORLD_SIZE="2") for r in range(2)]
    for r, child in enumerate(children):
        assert f"recorded 3 steps to {tmp_path / 'runs/job' / f'rank{r}'}" in ended(child)
    tape: Any = ts.load_tape(tmp_path / "runs/job")
    assert "of 2 ranks" in repr(tape) and tape.step_number == 3 and tape.graphs
    assert [len(f.columns["value"]) for tag in ("loss", "rank1/loss") for f in tape.frames("scalars", id=tag)[0]] == [3, 3]
    assert [r.name for r in ts.runs(tmp_path / "runs")] == ["job"]


def test_ranks_of_a_job_of_ours(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("""
import os, tapescope as ts
for i in range(2):
    ts.ones(3).mul(2)
    ts.core.state.mode.sink.tape.log_scalar("own", i + 10 * int(os.environ["SLURM_PROCID"]))
    ts.core.state.mode.sink.tape.step()
""")
    for r in range(2):
        ended(shell("--to", tmp_path / "job", tmp_path / "train.py", SLURM_PROCID=str(r), SLURM_NTASKS="2"))
    tape: Any = ts.load_tape(tmp_path / "job")
    assert [f.columns["value"].tolist() for tag in ("own", "rank1/own") for f in tape.frames("scalars", id=tag)[0]] == [[0, 1], [10, 11]]


@pytest.mark.parametrize(("env", "want"), [
    ({}, (None, 1)), ({"RANK": "3", "WORLD_SIZE": "4"}, (3, 4)), ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, 2)), ({"PMI_RANK": "0", "PMI_SIZE": "2"}, (0, 2)),
    ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (None, 1)), ({"RANK": "x", "WORLD_SIZE": "2"}, (None, 1)), ({"RANK": "1"}, (None, 1)),
    ({"RANK": "5", "WORLD_SIZE": "8", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (5, 8))])
def test_launchers_say_which_rank_this_is(env: dict[str, str], want: Any) -> None:
    assert place(env) == want


@needs_torch
def test_both_libraries_in_one_script(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("import torch, tapescope as ts\nts.ones(2) + 1\ntorch.ones(2, requires_grad=True) * 2\n")
    (tmp_path / "late.py").write_text("import tapescope as ts\nts.ones(2) + 1\nimport torch\ntorch.ones(2, requires_grad=True) * 2\n")
    ended(shell("--to", tmp_path / "a", tmp_path / "first.py"))
    tape: Any = ts.load_tape(tmp_path / "a")
    assert [tape.strings[i] for g in tape.graphs.values() for i in g.op_name] == ["add", "mul"]
    assert "PyTorch was imported when the recording had begun" in ended(shell("--to", tmp_path / "b", tmp_path / "late.py"))
    late: Any = ts.load_tape(tmp_path / "b")
    assert [late.strings[i] for g in late.graphs.values() for i in g.op_name] == ["add"]


def test_a_module_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "train.py").write_text("import sys\nimport tapescope as ts\nassert sys.argv[1:] == ['--lr', '1'], sys.argv\nts.ones(2) + 1\n")
    monkeypatch.chdir(tmp_path)
    ended(shell("--to", "out", "-m", "job.train", "--lr", 1))
    assert len(ts.load_tape("out").graphs) == 1
