"""Programs that are killed and files that are torn: what is left is read, or an error names file and place; nothing else happens."""

from __future__ import annotations

import os
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
from tapescope import optim
from tapescope.tape.store import TapeError

from .programs import Net, train

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


def gather(tape: Any, kind: str, **options: Any) -> list[Any]:
    cursor, found = None, []
    while True:
        frames, cursor = tape.frames(kind, cursor, **options)
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


def removed(path: Path) -> None:
    shutil.rmtree(path)


def replaced(path: Path) -> None:
    """By a recording of another process."""
    shutil.rmtree(path)
    subprocess.run([sys.executable, "-c", "import sys, tapescope as ts\nwith ts.record(sys.argv[1]) as tape: tape.log_scalar('other', 1.0); tape.step()", str(path)], check=True)


def without_blob(path: Path) -> None:
    (path / "blobs-000.bin").unlink()


def cut_blob(path: Path) -> None:
    os.truncate(path / "blobs-000.bin", 10)


def cut_database(path: Path) -> None:
    os.truncate(path / "tape.db", (path / "tape.db").stat().st_size // 2)


@pytest.mark.parametrize(("harm", "said"), [(removed, "is gone"), (replaced, "is gone"), (without_blob, "blobs-000.bin is torn"), (cut_blob, "blobs-000.bin is torn"), (cut_database, "")])
def test_what_is_torn_while_it_is_written_is_a_finding_and_training_goes_on(tmp_path: Path, harm: Any, said: str) -> None:
    path = tmp_path / "run"
    with ts.record(path, values="histogram") as tape:
        tape.probe("activation/encoder.0")
        model = Net()
        opt = optim.SGD(model.parameters(), lr=0.1)
        train(60, model=model, opt=opt, tape=tape)
        tape.follower.flush()
        if not said:
            tape.follower.disk._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        harm(path)
        train(60, model=model, opt=opt, tape=tape)
        tape.follower.flush()
        found = [f for f in tape.findings() if f.rule == "recording-to-disk"]
    assert tape.step_number == 120 and tape.error is None
    assert not said or [f.title.endswith(said) and f.severity == "error" for f in found] == [True]
    assert [f.meta["step"] for f in gather(ts.load_tape(tape.save(tmp_path / "again")), "tensor")][-1] == 119       # from memory, elsewhere
    if harm is replaced:
        other = ts.load_tape(path)                             # as its own writer has left it
        assert other.step_number == 1 and not list(other._shelf.verify()) and tape.path is None
    elif harm is removed:
        assert not path.exists() and tape.path is None
    elif harm is cut_database:
        look(path, {"scalars": [v for f in gather(tape, "scalars") for v in f.columns["value"].tolist()]})
    else:
        got = ts.load_tape(path)
        assert columns_of(got, "loss") == columns_of(tape, "loss")
        steps = [f.meta["step"] for f in gather(got, "tensor", steps=(60, 119))]
        assert steps and steps[-1] == 119                      # what came after lies in a file of its own


def columns_of(tape: Any, tag: str) -> list[float]:
    return [v for f in gather(tape, "scalars", id=tag) for v in f.columns["value"].tolist()]
