"""A training script that others may control, over its folder: real processes on both sides, either of which may be killed."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope.link.control import SAFE, refused
from tapescope.link.framing import decode, encode

SCRIPT = """
import sys, time
import tapescope as ts
if sys.argv[4] == "torch":
    import torch
    from tapescope.adapters.torch import record
else:
    import tapescope as torch
    from tapescope import record
from importlib import import_module
nn = import_module(torch.__name__ + ".nn")

ts.debugger.settings.grace = float(sys.argv[2])
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
with record(path=sys.argv[1], control=sys.argv[3] == "control"):
    for i in range(5000):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        print(i, flush=True)
        time.sleep(0.02)
"""


class Pipe:
    """An editor: `python -m tapescope stream PATH`, and what it has said."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "tapescope", "stream", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self.say(type="attach", protocol=1, client="editor", request="a")
        self.hear(lambda m: m["type"] == "attached")

    def _listen(self) -> None:
        assert self.process.stdout
        while (found := decode(self.process.stdout)) is not None:
            if found[0]["type"] == "frame":
                self.say(type="ack", seq=found[0]["seq"])
            self.said.put(found[0])

    def say(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(encode(message, []))
        self.process.stdin.flush()

    def hear(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 15) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            found = self.said.get(timeout=max(until - time.monotonic(), 0.01))
            if wanted(found):
                return found

    def command(self, verb: str, **args: Any) -> dict[str, Any]:
        self.number += 1
        self.say(type="command", request=f"c{self.number}", recording="latest", verb=verb, args=args)
        return self.hear(lambda m: m["type"] == "reply" and m["request"] == f"c{self.number}")

    def standing(self, state: str) -> dict[str, Any]:
        return self.hear(lambda m: m["type"] == "control" and m["state"] == state)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Program:
    def __init__(self, path: Path, grace: float, control: bool, library: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(grace), "control" if control else "no", library], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stdout.readline() == "0\n"
        self.steps = 1
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        assert self.process.stdout
        for _ in self.process.stdout:
            self.steps += 1

    def moves(self, seconds: float = 0.4) -> bool:
        before = self.steps
        time.sleep(seconds)
        return self.steps > before


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., tuple[Program, Path]]]:
    started: list[Program] = []

    def start(grace: float = 30, control: bool = True, library: str = "tapescope") -> tuple[Program, Path]:
        started.append(Program(tmp_path / "run", grace, control, library))
        return started[-1], tmp_path / "run"

    yield start
    for p in started:
        p.process.kill()
        p.process.wait()
        p.process.stdout.close()                             # type: ignore[union-attr]


@pytest.fixture
def pipe() -> Iterator[Callable[[Path], Pipe]]:
    opened: list[Pipe] = []

    def open_(path: Path) -> Pipe:
        opened.append(Pipe(path))
        return opened[-1]

    yield open_
    for p in opened:
        p.close()


@pytest.fixture(params=["tapescope", "torch"])
def library(request: pytest.FixtureRequest) -> str:
    if request.param == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed: no loop of its own can be controlled")
    return str(request.param)


def test_a_loop_is_paused_stepped_and_continued(program: Any, pipe: Any, library: str) -> None:
    running, path = program(library=library)
    editor = pipe(path)
    assert editor.command("control.step") == {"type": "reply", "request": "c1", "ok": False, "error": "run is not paused between two steps",
                                               "said": ["{0} is not paused between two steps", "run"], "recording": "r1"}
    assert editor.command("control.pause")["ok"]
    paused = editor.standing("paused")
    assert not running.moves()
    for k in (1, 2):
        assert editor.command("control.step")["ok"]
        assert editor.standing("paused")["step"] == paused["step"] + k
    assert not running.moves()
    assert editor.command("control.level", values="full")["ok"] and not editor.command("control.level", values="loud")["ok"]
    assert editor.command("control.continue")["ok"]
    editor.standing("running")
    assert running.moves()
    editor.say(type="subscribe", request="s", recording="latest", kind="status")
    assert editor.hear(lambda m: m["type"] == "frame" and m["kind"] == "status" and m["meta"]["level"] == "full")["meta"]["state"] == "recording"


def test_going_on_overtakes_a_step_that_is_on_its_way(program: Any, pipe: Any) -> None:
    running, path = program()
    editor = pipe(path)
    assert editor.command("control.pause")["ok"]
    editor.standing("paused")
    assert editor.command("control.step")["ok"] and editor.command("control.continue")["ok"]
    assert running.moves() and running.moves()
    assert editor.command("control.pause")["ok"] and editor.command("control.continue")["ok"]
    assert running.moves() and running.moves()


def test_a_breakpoint_from_outside_holds_a_pass_that_is_seen_and_moved(program: Any, pipe: Any, library: str) -> None:
    running, path = program(library=library)
    editor = pipe(path)
    editor.say(type="subscribe", request="d", recording="latest", kind="debug")
    point = editor.command("break.add", op="relu")["result"]["id"]
    frame = editor.hear(lambda m: m["type"] == "frame" and m["request"] == "d" and m["meta"]["state"] == "held")
    assert frame["meta"]["at"]["name"] == "ReluBackward0" and frame["recording"] == "r1" and frame["columns"]
    assert not running.moves()
    assert editor.command("debug.step")["result"]["index"] == frame["meta"]["index"] + 1
    assert editor.command("break.remove", id=point)["ok"]
    assert editor.command("debug.continue")["ok"]
    assert running.moves()


def test_only_what_is_safe_is_accepted(program: Any, pipe: Any) -> None:
    _, path = program()
    editor = pipe(path)
    for verb in ("debug.edit", "debug.keep", "debug.what_if", "debug.abort"):
        reply = editor.command(verb, zero=True, change="zero")
        assert not reply["ok"] and "not accepted from outside" in reply["error"]
    assert refused({"type": "command", "verb": "record.stop"}) and refused({"type": "subscribe", "kind": "tensor"}) and refused([]) and refused({})
    assert not any(v in SAFE for v in ("debug.edit", "debug.keep", "debug.abort", "record.stop", "record.start"))


def test_a_process_that_has_not_opted_in_says_so(program: Any, pipe: Any) -> None:
    _, path = program(control=False)
    assert "start it with ts.record(path, control=True)" in pipe(path).command("control.pause")["error"]
    assert not (path / "control").exists()


def test_there_is_one_controller(program: Any, pipe: Any) -> None:
    running, path = program(grace=30)
    first, second = pipe(path), pipe(path)
    assert first.command("control.pause")["ok"]
    first.standing("paused")
    assert "controlled by another window" in second.command("control.continue")["error"]
    assert not running.moves(0.2)
    first.process.kill()
    first.process.wait()
    assert second.command("control.continue")["ok"]
    assert running.moves()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_controller_that_is_killed_lets_the_loop_go_on(program: Any, pipe: Any) -> None:
    running, path = program(grace=0.3)
    editor = pipe(path)
    assert editor.command("control.pause")["ok"]
    editor.standing("paused")
    assert not running.moves(0.2)
    editor.process.kill()
    until = time.monotonic() + 5
    while not running.moves(0.1):
        assert time.monotonic() < until
    assert running.process.poll() is None


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_loop_that_is_killed_is_said(program: Any, pipe: Any) -> None:
    running, path = program()
    editor = pipe(path)
    assert editor.command("control.pause")["ok"]
    editor.standing("paused")
    running.process.kill()
    running.process.wait()
    assert "has ended" in editor.standing("none")["reason"]
    assert "has ended: nothing of it can be changed any more" in editor.command("control.continue")["error"]
    editor.say(type="attach", protocol=1, client="editor", request="b")
    again = editor.hear(lambda m: m["type"] == "attached" and m["request"] == "b")
    assert [r["state"] for r in again["recordings"]] == ["stopped"] and again["replay"]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_stream_that_is_killed_is_no_matter_to_the_loop_and_another_reads_on(program: Any, pipe: Any) -> None:
    running, path = program(control=False)
    editor = pipe(path)
    editor.say(type="subscribe", request="s", recording="latest", kind="status")
    step = editor.hear(lambda m: m["type"] == "frame" and m["kind"] == "status")["meta"]["step"]
    editor.process.kill()
    editor.process.wait()
    assert running.moves() and running.process.poll() is None
    again = pipe(path)
    again.say(type="subscribe", request="s", recording="latest", kind="status")
    assert again.hear(lambda m: m["type"] == "frame" and m["kind"] == "status" and m["meta"]["step"] > step)["meta"]["state"] == "recording"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_loop_that_is_killed_is_stale_and_stays_readable(program: Any, pipe: Any) -> None:
    running, path = program(control=False)
    editor = pipe(path)
    editor.say(type="subscribe", request="s", recording="latest", kind="status")
    editor.hear(lambda m: m["type"] == "frame" and m["kind"] == "status" and m["meta"]["step"] > 5)
    running.process.kill()
    running.process.wait()
    status = editor.hear(lambda m: m["type"] == "frame" and m["kind"] == "status" and m["meta"]["state"] == "stopped")["meta"]
    assert any("ended without closing it" in note for note in status["notes"])
    editor.say(type="query", request="q", recording="latest", kind="scalars", id="loss")
    assert editor.hear(lambda m: m["type"] == "frame" and m["request"] == "q")["columns"][0][2] >= 5
    assert "has ended" in editor.command("control.pause")["error"]


def test_control_needs_a_path() -> None:
    with pytest.raises(ValueError, match="control=True needs a path"):
        ts.record(control=True)
