"""`python -m tapescope.debugger script.py`: a real process, moved by a pipe and by a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys
import tapescope as ts, tapescope.nn.functional as F
from tapescope import nn

ts.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
x, y = ts.randn(5, 4), ts.tensor([0, 1, 2, 1, 0])
for step in range(2):
    net.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    print("step", step, f"{float(net[0].weight.grad.norm()):.5f}", *sys.argv[1:])
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def run(script: Path, typed: str, *options: str, args: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tapescope.debugger", *options, str(script), *args], input=typed, capture_output=True, text=True, timeout=120, check=False)


def norms(output: str) -> list[str]:
    return re.findall(r"^(?:\(tapescope\) )*step \d (\S+)", output, re.M)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("plain") / "train.py"
    path.write_text(SCRIPT)
    return norms(subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True).stdout)


def test_every_verb_by_a_pipe(script: Path, plain: list[str]) -> None:
    typed = """n 2
p
s
m
o
go 1
run_to op tanh
l
w
e
v
v grad_out
v result
v nothing
shares
memory
origin
check
check nowhere
b op=mm
b when=sometimes
bl
change 2 enabled=0
delete 2
what_if scale 0.5
what_if noise 0.1 saved result
compare
drop 1
drop
edit scale 1
replay
reset
nonsense
help step
c
"""
    done = run(script, typed, args=("with", "arguments"))
    out = done.stdout
    assert done.returncode == 0, done.stderr
    assert norms(out) == plain
    assert "with arguments" in out
    for words in ("the first node of the first backward pass", "node 1 of 11: NllLossBackward0", "ran to op tanh", "came from", "in 2",
                  "->    7  TanhBackward0  1", "reaches: ", "x̄ = ȳ ⊙ (1 - y", "tensor([", "held ", "every gradient is finite", "the derivative is right", "there is no command 'nonsense'",
                  "no node of this pass has module 'nowhere'", "when must be one of", "TanhBackward0 has grad_in, grad_out, result", "scaled by 0.5", "with noise of deviation 0.1",
                  "only one gradient comes here", "run the node at the cursor", "complete: .grad of 4 leaves is written"):
        assert words in out, words
    assert "Traceback" not in out + done.stderr


def test_breakpoints_from_the_command_line_keep_and_the_end_of_input(script: Path, plain: list[str]) -> None:
    done = run(script, "what_if zero\nkeep\n", "-b", "op=tanh")
    assert done.returncode == 0, done.stderr
    first, second = norms(done.stdout)
    assert float(first) == 0 and second == plain[1]
    assert "end of input: the script goes on" in done.stdout


def test_forward_stops_and_exceptions(script: Path) -> None:
    done = run(script, "n\nc\nc\n", "-b", "op=tanh forward=1")
    assert "forward: tanh" in done.stdout and done.returncode == 0
    script.write_text("import tapescope as ts\nx = ts.ones(2, requires_grad=True)\ny = x * 2\ny.register_hook(lambda g: 1 / 0)\ny.sum().backward()\n")
    done = run(script, "c\n", "-e")
    assert "ZeroDivisionError" in done.stdout
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_quit_abort_and_what_is_not_understood(script: Path) -> None:
    done = run(script, "q\n")
    assert done.returncode == 0 and norms(done.stdout) == []
    done = run(script, "abort\n")
    assert done.returncode == 1 and "Aborted" in done.stderr
    done = run(script, "", "-b", "op")
    assert done.returncode == 2 and "name=value" in done.stderr
    done = run(script.with_name("nowhere.py"), "")
    assert done.returncode == 2 and "no file" in done.stderr
    script.write_text("print('nothing to see')\n")
    assert "no breakpoint was met" in run(script, "").stdout


class Tty:
    """A terminal with a process in it."""

    def __init__(self, *command: str) -> None:
        self.fd, inner = pty.openpty()
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env={**os.environ, "TERM": "dumb"},
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))       # a job in the background hands on that it is ignored
        os.close(inner)
        self.seen = ""

    def wait(self, words: str, seconds: float = 60) -> str:
        """Everything up to these words."""
        end = time.monotonic() + seconds
        while words not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(end - time.monotonic(), 0))
            assert ready, f"no {words!r} in {self.seen!r}"
            try:
                self.seen += os.read(self.fd, 65536).decode()
            except OSError:
                raise AssertionError(f"the process has ended without {words!r}: {self.seen!r}") from None
        before, _, self.seen = self.seen.partition(words)
        return before

    def type(self, line: str) -> None:
        os.write(self.fd, line.encode() + b"\n")


def test_a_terminal(script: Path, plain: list[str]) -> None:
    tty = Tty(sys.executable, "-m", "tapescope.debugger", str(script))
    try:
        assert "NllLossBackward0" in tty.wait("(tapescope) ")
        tty.type("n")
        assert "node 2 of 11" in tty.wait("(tapescope) ")
        tty.type("")                                            # an empty line repeats
        assert "node 3 of 11" in tty.wait("(tapescope) ")
        tty.type("b parameter=0.weight")
        assert "<Breakpoint 2: backward at parameter 0.weight>" in tty.wait("(tapescope) ")
        tty.type("c")
        assert "AccumulateGrad  (0.weight)" in tty.wait("(tapescope) ")
        os.write(tty.fd, b"\x04")                               # Ctrl-D
        tty.wait(f"step 0 {plain[0]}")
        tty.wait(f"step 1 {plain[1]}")
        assert tty.process.wait(60) == 0
        tty.process = subprocess.Popen([sys.executable, "-c", "pass"])
    finally:
        tty.process.kill()
        tty.process.wait()
        os.close(tty.fd)


def test_an_interrupt_at_the_prompt_ends_the_script(script: Path) -> None:
    tty = Tty(sys.executable, "-m", "tapescope.debugger", str(script))
    try:
        tty.wait("(tapescope) ")
        for _ in range(20):                                     # Python's input() does not hear one that comes just before it begins to wait
            tty.process.send_signal(signal.SIGINT)
            with contextlib.suppress(AssertionError):
                tty.wait("KeyboardInterrupt", 2)
                break
        assert tty.process.wait(60) != 0
    finally:
        tty.process.kill()
        tty.process.wait()
        os.close(tty.fd)


def test_a_model_of_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "torch_train.py"
    path.write_text("""
import torch
from tapescope.adapters import torch as tst
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
with tst.record(model):
    model(torch.linspace(-1, 1, 6)).sum().backward()
print("norm", float(model[0].weight.grad.norm()))
""")
    done = run(path, "l\nw\nn\np\nshares\norigin\nedit scale 0\nc\n", "-b", "op=tanh")
    assert done.returncode == 0, done.stderr
    for words in ("node 8 of 13: TanhBackward0  in 1", "->    8  TanhBackward0", "arrived: 2.", "stepped back", "no node makes them jump", "edited the incoming gradient", "norm 0.0"):
        assert words in done.stdout, words
