"""The list of runs that a page asks for."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope import nn, optim
from tapescope.link import commands, runs
from tapescope.tape import registry


def train(steps: int, tape: Any) -> None:
    net = nn.Linear(2, 1)
    sgd = optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        sgd.zero_grad()
        loss = net(ts.ones(4, 2)).pow(2).mean()
        loss.backward()
        sgd.step()


def ask(verb: str, **args: Any) -> Any:
    """The answer as a page gets it."""
    got: list[dict[str, Any]] = []
    commands.put({"verb": verb, "args": args}, got.append)
    return got[0]["result"] if got[0]["ok"] else got[0]["error"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, lr in (("a", 0.1), ("deep/b", 0.01), ("c", 0.1)):
        with ts.record(tmp_path / name, params={"lr": lr, "model": "net"}) as tape:
            train(3, tape=tape)
        tape.follower.close()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tape.db").write_bytes(b"nonsense" * 99)
    return tmp_path


def test_runs_are_listed_and_filtered(folder: Path) -> None:
    found = ask("runs.list", path=str(folder))
    assert [r["name"] for r in found["runs"]] == ["broken", "a", "deep/b", "c"] and (found["total"], found["shown"]) == (4, 4)
    assert "no database" in found["runs"][0]["error"] and found["params"] == ["lr", "model"] and "loss" in found["metrics"]
    assert found["runs"][1]["params"] == {"lr": 0.1, "model": "net"} and found["runs"][1]["step"] == 3
    found = ask("runs.list", path=str(folder), where="lr < 0.05 and count(loss) == 3")
    assert [r["name"] for r in found["runs"]] == ["deep/b"] and found["total"] == 4
    assert ask("runs.list", path=str(folder), where="lr <").startswith("'lr <' is no expression")
    assert ask("runs.list", path=str(folder), where="rate > 1").startswith("no run has 'rate'")
    assert ask("runs.list", path=str(folder / "no such")).endswith("is no folder")


def test_a_metric_is_compared_by_groups(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask("runs.compare", path=str(folder), tag="loss", by=["lr"])
    assert found["tag"] == "loss" and [(b["name"], b["runs"], b["steps"]) for b in found["bands"]] == [("lr=0.1", 2, [0, 1, 2]), ("lr=0.01", 1, [0, 1, 2])]
    assert all(lo <= m <= hi for b in found["bands"] for lo, m, hi in zip(b["low"], b["mean"], b["high"], strict=True)) and found["groups"] == 2
    want = ts.runs(folder).where("has(lr)").compare("loss", by="lr").bands[0]
    assert found["bands"][0]["mean"] == pytest.approx(want.mean.tolist(), rel=1e-5)
    monkeypatch.setattr(runs.Runs, "compare", None)                    # the same question is not computed again while no file changes
    assert ask("runs.compare", path=str(folder), tag="loss", by=["lr"]) == found
    monkeypatch.undo()
    each = ask("runs.compare", path=str(folder), tag="loss", where="lr > 0.05", only=["a", "deep/b"])
    assert [b["name"] for b in each["bands"]] == ["a"]
    assert [r["name"] for r in ask("runs.list", path=str(folder), only=["a", "deep/b"])["runs"]] == ["a", "deep/b"]
    assert ask("runs.compare", path=str(folder), tag="lss").startswith("no run has 'lss'; did you mean 'loss'")


def test_a_comparison_is_as_large_as_a_page_can_draw(tmp_path: Path) -> None:
    for i in range(runs.GROUPS + 2):
        with ts.record(tmp_path / f"r{i:02}") as tape:
            for step in range(runs.POINTS + 50):
                tape.log_scalar("x", 1 / 3 + step)
                tape.step()
    found = ask("runs.compare", path=str(tmp_path), tag="x")
    assert len(found["bands"]) == runs.GROUPS and found["groups"] == runs.GROUPS + 2
    steps = found["bands"][0]["steps"]
    assert len(steps) <= runs.POINTS and steps[0] == 0 and steps[-1] == ts.runs(tmp_path)[0].series("x")[0][-1]
    assert len(json.dumps(found)) < 256 << 10


def test_what_has_not_changed_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("runs.list", path=str(folder))
    looked: list[Path] = []
    monkeypatch.setattr(runs, "Run", lambda path, name: looked.append(path) or ts.tape.runs.Run(path, name))
    ask("runs.list", path=str(folder))
    assert looked == []
    os.utime(folder / "c" / "tape.db", (1, 1))
    ask("runs.list", path=str(folder))
    assert looked == [(folder / "c").resolve()]


def test_a_run_is_opened_once_and_followed_while_it_is_written(folder: Path) -> None:
    shutil.copytree(folder / "deep/b", folder / "copy")        # a folder that no recording of this process lies in
    first = ask("runs.open", path=str(folder), name="copy")
    tape = registry.get(first["id"])
    assert tape is not None and tape.path == (folder / "copy").resolve() and tape.step_number == 3 and not tape.here
    assert ask("runs.open", path=str(folder), name="copy") == first
    assert next(r["id"] for r in ask("runs.list", path=str(folder))["runs"] if r["name"] == "copy") == first["id"]
    assert ask("runs.open", path=str(folder), name="../x").startswith("there is no run '../x' below")
    assert "no database" in ask("runs.open", path=str(folder), name="broken")
    with ts.record(folder / "now") as mine:                    # one that this process writes is shown as it is, not read from disk
        train(2, tape=mine)
        (row,) = (r for r in ask("runs.list", path=str(folder))["runs"] if r["name"] == "now")
        assert (row["state"], row["id"]) == ("recording", mine.id) == ("recording", ask("runs.open", path=str(folder), name="now")["id"])
    mine.follower.close()
    (row,) = (r for r in ask("runs.list", path=str(folder))["runs"] if r["name"] == "now")
    assert (row["state"], row["step"]) == ("stopped", 2)
