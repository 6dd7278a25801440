"""`python -m tapescope`, as a shell runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import tapescope as ts

SCRIPT = """
import sys
import tapescope as torch
from helper import rate
x = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([x], lr=rate)
for _ in range(int(sys.argv[1])):
    opt.zero_grad(); (x * x).sum().backward(); opt.step()
assert __name__ == "__main__"
"""


def shell(*args: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tapescope", *map(str, args)], capture_output=True, text=True, check=False)


def test_a_script_that_knows_nothing_is_recorded_and_looked_at(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("rate = 0.1")
    run = tmp_path / "runs" / "one"
    done = shell("record", "--to", run, tmp_path / "train.py", 7)
    assert (done.returncode, done.stderr) == (0, f"recorded 7 steps to {run}\n")
    assert ts.load_tape(run).step_number == 7
    assert shell("list", tmp_path).stdout == f"{run}  stopped  7 steps\n"
    assert json.loads(shell("inspect", run).stdout)["step"] == 7
    whole = shell("verify", run)
    assert (whole.returncode, whole.stdout) == (0, f"{run}: whole\n")
    data = bytearray((run / "tape.db").read_bytes())
    data[len(data) // 2:] = bytes(len(data) - len(data) // 2)
    (run / "tape.db").write_bytes(data)
    harmed = shell("verify", run)
    assert harmed.returncode == 1 and "tape.db" in harmed.stdout + harmed.stderr


def test_a_script_that_is_not_there_leaves_no_recording(tmp_path: Path) -> None:
    done = shell("record", "--to", tmp_path / "run", tmp_path / "nowhere.py")
    assert done.returncode == 1 and done.stderr == f"{tmp_path / 'nowhere.py'}: there is no such script; nothing was recorded\n" and not (tmp_path / "run").exists()


def test_ranks_and_event_files_are_verified_too(tmp_path: Path) -> None:
    for i in range(2):
        with ts.record(tmp_path / f"part{i}") as tape:
            tape.log_scalar("a", 1.0)
            tape.step()
    assert shell("merge", "--to", tmp_path / "both", tmp_path / "part0", tmp_path / "nowhere").returncode == 1 and not (tmp_path / "both").exists()
    assert shell("merge", "--to", tmp_path / "both", tmp_path / "part0", tmp_path / "part1").returncode == 0
    assert shell("verify", tmp_path / "both").stdout == f"{tmp_path / 'both'}: whole\n"
    (tmp_path / "both" / "rank1" / "tape.db").write_bytes(b"nonsense" * 99)
    done = shell("verify", tmp_path / "both")
    assert done.returncode == 1 and "rank1" in done.stdout and "file is not a database" in done.stdout
    tape.export_tensorboard(tmp_path / "board")
    assert shell("verify", tmp_path / "board").stdout.endswith(": whole\n")
    (events,) = (tmp_path / "board").glob("*tfevents*")
    data = bytearray(events.read_bytes())
    data[-8] ^= 1
    events.write_bytes(data)
    done = shell("verify", tmp_path / "board")
    assert done.returncode == 1 and events.name in done.stdout, done.stdout


def test_two_commits_of_a_script_are_compared_from_a_shell(tmp_path: Path) -> None:
    script = """
import tapescope as torch, tapescope.nn.functional as F
torch.manual_seed(0)
w = torch.randn(4, 3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
x, y = torch.randn(8, 4), torch.arange(8) % 3
for step in range(4):
    opt.zero_grad()
    h = (x @ w) * SCALE
    F.cross_entropy(h, y).backward()
    opt.step()
"""
    for commit, scale in (("old", "1.0"), ("same", "1.0"), ("new", "(1.0 if step < 2 else 1.01)")):
        (tmp_path / commit).mkdir()
        (tmp_path / commit / "train.py").write_text(script.replace("SCALE", scale))
        assert shell("record", "--fingerprints", "--to", tmp_path / "runs" / commit, tmp_path / commit / "train.py").returncode == 0
    assert ts.compare(tmp_path / "runs/old", tmp_path / "runs/same").bits is None
    first = ts.compare(tmp_path / "runs/old", tmp_path / "runs/new").first
    assert (first.step, first.kind, first.name) == (2, "op", "mul")
    assert first.b.source[0] == str(tmp_path / "new" / "train.py") and "step < 2" in first.b.source[3]


def test_a_script_that_fails_keeps_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import tapescope as ts\nts.ones(2) + 1\nraise ValueError('mine')")
    done = shell("record", "--to", tmp_path / "a", tmp_path / "bad.py")
    assert done.returncode == 1 and "ValueError: mine" in done.stderr
    assert ts.load_tape(tmp_path / "a").state == "stopped"
    assert shell("inspect", tmp_path).returncode == 1


def test_a_recording_is_exported(tmp_path: Path) -> None:
    with ts.record(tmp_path / "run") as tape:
        tape.log_scalar("loss", 0.5)
        tape.step()
    for name in ("out.csv", "out.parquet", "out.arrow", "board"):
        done = shell("export", tmp_path / "run", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, f"{tmp_path / name}\n"), done.stderr
    assert "loss,0," in (tmp_path / "out.csv").read_text()
    assert 0.5 in ts.load_tape(tmp_path / "board").frames("scalars", id="loss")[0][0].columns["value"]
    assert shell("export", tmp_path / "run", tmp_path / "out.xyz").returncode == 1
    again = shell("export", tmp_path / "run", tmp_path / "board")
    assert again.returncode == 1 and "holds event files already" in again.stderr
