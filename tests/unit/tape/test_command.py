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
