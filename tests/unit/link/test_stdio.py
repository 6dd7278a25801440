"""`python -m tapescope stream`: the wire over a pipe, to a real process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.link.stdio import decode, encode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    ts.manual_seed(0)
    model = nn.Linear(4, 2)
    opt = optim.SGD(model.parameters(), lr=0.1)
    for name in ("one", "two"):
        with ts.record(root / name):
            for _ in range(5):
                opt.zero_grad()
                F.cross_entropy(model(ts.randn(6, 4)), ts.tensor([0, 1] * 3)).backward()
                opt.step()
    return root


class Pipe:
    """The other side."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "tapescope", "stream", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def say(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(encode(message, []))
        self.process.stdin.flush()

    def hear(self, wanted: Any) -> tuple[Any, list[bytes]]:
        assert self.process.stdout
        while True:
            found = decode(self.process.stdout)
            assert found is not None, self.process.stderr and self.process.stderr.read().decode()
            if found[0]["type"] == "frame":
                self.say(type="ack", seq=found[0]["seq"])
            if wanted(found[0]):
                return found


@pytest.fixture
def pipe(folder: Path) -> Iterator[Pipe]:
    made = Pipe(folder)
    yield made
    made.process.stdin.close()                                  # type: ignore[union-attr]
    assert made.process.wait(20) == 0
    made.process.stdout.close()                                 # type: ignore[union-attr]
    made.process.stderr.close()                                 # type: ignore[union-attr]


def test_a_folder_of_runs_is_served(pipe: Pipe) -> None:
    pipe.say(type="attach", protocol=1, client="editor", request="a")
    attached, _ = pipe.hear(lambda m: m["type"] == "attached")
    assert attached["replay"] is True and [r["name"] for r in attached["recordings"]] == ["one", "two"]
    assert {r["step"] for r in attached["recordings"]} == {5}
    pipe.say(type="query", request="q", recording=attached["recordings"][0]["id"], kind="scalars", id="loss")
    frame, buffers = pipe.hear(lambda m: m["type"] == "frame" and m["request"] == "q")
    step = next(i for i, (name, _, _) in enumerate(frame["columns"]) if name == "step")
    assert np.frombuffer(buffers[step], "<i4").tolist() == [0, 1, 2, 3, 4]
    pipe.say(type="query", request="g", recording="latest", kind="graph")
    frame, _ = pipe.hear(lambda m: m["type"] == "frame" and m["request"] == "g")
    assert "addmm" in frame["strings"][1]
    pipe.say(type="command", request="c", recording="latest", verb="debug.step", args={})
    reply, _ = pipe.hear(lambda m: m["type"] == "reply" and m["request"] == "c")
    assert reply["ok"] is False and reply["error"]


def test_nonsense_ends_it_in_words(folder: Path) -> None:
    pipe = Pipe(folder / "one")
    pipe.process.stdin.write(b"\xff" * 64)                       # type: ignore[union-attr]
    pipe.process.stdin.flush()                                   # type: ignore[union-attr]
    reply, _ = pipe.hear(lambda m: m["type"] == "reply")
    assert reply["ok"] is False and "is not read: the limit is" in reply["error"]
    assert pipe.process.wait(20) == 0
    pipe.process.communicate()


EDITOR = """
import struct, subprocess, sys, time
stream = subprocess.Popen([sys.executable, "-m", "tapescope", "stream", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for text in sys.argv[2:]:
    stream.stdin.write(struct.pack("<2I", len(text), 0) + text.encode())
stream.stdin.flush()
stream.stdout.read(8)
print(stream.pid, flush=True)
time.sleep(600)
"""
ATTACH = '{"type": "attach", "protocol": 1, "client": "editor", "request": "a"}'


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("asked", [[], [f'{{"type": "query", "client": "editor", "request": "q{i}", "recording": "latest", "kind": "graph"}}' for i in range(200)]], ids=["idle", "in the middle of answers"])
def test_an_editor_that_is_killed_leaves_no_stream_behind(folder: Path, asked: list[str]) -> None:
    editor = subprocess.Popen([sys.executable, "-c", EDITOR, str(folder), ATTACH, *asked], stdout=subprocess.PIPE, text=True)
    assert editor.stdout
    pid = int(editor.stdout.readline())
    assert not gone(pid)
    editor.kill()
    editor.communicate()
    until = time.monotonic() + 15
    while not gone(pid):
        assert time.monotonic() < until, "the stream goes on without an editor"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for its exit code yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_place_without_recordings(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tapescope", "stream", str(tmp_path)], input=b"", capture_output=True, check=False)
    assert done.returncode == 1 and b"holds no recording" in done.stderr and done.stdout == b""


def test_messages_survive_the_pipe() -> None:
    buffers = [np.arange(5, dtype=np.float64), np.zeros(0, np.uint8), np.array([1], np.uint16)]
    data = encode({"type": "x", "text": "ü"}, buffers)
    found = decode(io.BytesIO(data))
    assert found == ({"type": "x", "text": "ü"}, [b.tobytes() for b in buffers])
    for cut in range(len(data)):
        assert decode(io.BytesIO(data[:cut])) is None
    with pytest.raises(ValueError, match="no JSON"):
        decode(io.BytesIO(encode({}, []).replace(b"{}", b"{!")))
