"""Programs that are killed and files that are torn: what is left is read, or an error names file and place; nothing else happens."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.tape.store import TapeError

from .programs import train

KINDS = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "tensor", "status")
LOST = 0.2                        # seconds of a killed program that may be missing; one more flush is granted to a busy machine
PROGRAM = textwrap.dedent("""
    import sys, time, tapescope as ts
    from tapescope import nn, optim
    model = nn.Linear(8, 4)
    opt = optim.SGD(model.parameters(), lr=0.01)
    tape = ts.record(sys.argv[1])
    tape.probe("weight/weight")
    for i in range(100_000):
        opt.zero_grad()
        model(ts.ones(16, 8)).sum().backward()
        tape.log_scalar("clock", time.monotonic())
        opt.step()
        if i == 5: print("go", flush=True)
        time.sleep(0.002)
""")


def gather(tape: Any, kind: str) -> list[Any]:
    cursor, found = None, []
    while True:
        frames, cursor = tape.frames(kind, cursor)
        if not frames:
            return found
        found += frames


def killed(path: Path, after: float) -> tuple[float, float]:
    """Runs the program and kills it; when its sixth step was and when that was, on the clock that it has logged."""
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "go\n"
    begun = time.monotonic()
    time.sleep(after)
    at = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    return begun, at


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path: Path, rounds: int) -> None:
    rng = random.Random(rounds)
    late = []
    for n in range(rounds):
        path = tmp_path / str(n)
        begun, at = killed(path, 0.25 + rng.random() * 0.5)
        got = ts.load_tape(path)
        assert got.state == "stopped" and "without closing it" in got.status()["notes"][-1]
        clocks = [v for f in gather(got, "scalars") for t, v in zip(f.columns["tag"], f.columns["value"], strict=True) if got.strings[int(t)] == "clock"]
        steps = [s for f in gather(got, "scalars") for t, s in zip(f.columns["tag"], f.columns["step"], strict=True) if got.strings[int(t)] == "clock"]
        assert steps == list(range(len(steps))), "nothing before the last flush may be missing"
        late.append(at - (clocks[-1] if clocks else begun))
        for kind in KINDS if clocks else ():
            assert gather(got, kind), kind
        assert not list(got._shelf.verify())
        shutil.rmtree(path)
    assert sorted(late)[len(late) // 2] < LOST and max(late) < 5 * LOST, late


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[float]]]:
    path = tmp_path_factory.mktemp("harm") / "whole"
    tape = ts.record(path, values="histogram")
    tape.probe("activation/encoder.0")
    train(60, tape=tape)
    tape.stop()
    return path, {"scalars": np.concatenate([f.columns["value"] for f in gather(tape, "scalars")]).tolist()}


def look(path: Path, want: dict[str, list[float]]) -> bool:
    """Reads all of a damaged recording: right, or an error that names a file of it. Whether it was whole."""
    errors: list[str] = []
    got = None
    try:
        got = ts.load_tape(path)
    except TapeError as e:
        errors.append(str(e))
    for kind in KINDS if got is not None else ():
        frames = []
        try:
            frames = gather(got, kind)
        except TapeError as e:
            errors.append(str(e))
        if kind == "scalars":
            values = np.concatenate([f.columns["value"] for f in frames] or [np.zeros(0)]).tolist()
            assert set(values) <= set(want["scalars"])
    assert all(str(path) in e for e in errors), errors
    return not errors


@pytest.mark.parametrize("rounds", [40, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tape.db", "blobs-000.bin"])
def test_torn_at_any_place(whole: tuple[Path, Any], tmp_path: Path, name: str, rounds: int) -> None:
    path, want = whole
    rng = random.Random(1)
    size = (path / name).stat().st_size
    harmed = 0
    for n in range(rounds):
        torn = tmp_path / str(n)
        shutil.copytree(path, torn)
        with (torn / name).open("r+b") as f:
            f.truncate(rng.randrange(size))
        harmed += not look(torn, want)
        shutil.rmtree(torn)
    assert harmed > rounds // 2


@pytest.mark.parametrize("rounds", [60, pytest.param(5000, marks=pytest.mark.slow)])
def test_bytes_that_have_changed(whole: tuple[Path, Any], tmp_path: Path, rounds: int) -> None:
    path, want = whole
    rng = random.Random(2)
    data = (path / "tape.db").read_bytes()
    target = tmp_path / "fuzzed"
    for _ in range(rounds):
        shutil.copytree(path, target)
        bad = bytearray(data)
        for _ in range(rng.choice((1, 8, 200))):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        (target / "tape.db").write_bytes(bad)
        look(target, want)
        shutil.rmtree(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == []
