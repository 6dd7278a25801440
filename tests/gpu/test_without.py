"""Without CuPy, or with a device that does not exist: errors that say what to do. These run everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tapescope as ts

ROOT = Path(__file__).resolve().parents[2]

ASKED = ['ts.ones(2).to("cuda")', "ts.ones(2).cuda()", 'ts.ones(2, device="cuda")', 'ts.tensor([1.0], device="cuda:0")', 'ts.rand(2, device=ts.device("cuda", 0))',
         "ts.ones(2).to(0)", 'ts.nn.Linear(2, 2).to("cuda")', "ts.nn.Linear(2, 2).cuda()", 'ts.nn.Linear(2, 2, device="cuda")', 'ts.ones_like(ts.ones(2), device="cuda")']


def told(*lines: str) -> str:
    """What a program prints in an interpreter in which `import cupy` fails as it does where CuPy is not installed."""
    code = "\n".join(["import sys", "sys.modules['cupy'] = None", "import tapescope as ts", *lines])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_without_cupy_every_way_to_a_device_says_what_to_install():
    """PyTorch raises AssertionError("Torch not compiled with CUDA enabled"): its type, and what to do about it."""
    lines = told("for code in " + repr(ASKED) + ":", "    try: print(eval(code))", "    except AssertionError as error: print(error)").splitlines()
    assert len(lines) == len(ASKED)
    for line in lines:
        assert line == "Tapescope is not running with CUDA: CuPy is not installed. Install it with `pip install tapescope[cuda12]` or `[cuda13]`."


def test_the_extras_that_it_names_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert all(any(need.startswith("cupy-") for need in extras[name]) for name in ("cuda12", "cuda13"))


def test_a_model_that_could_not_move_is_as_it_was():
    assert told("model = ts.nn.Sequential(ts.nn.Linear(2, 3), ts.nn.ReLU(), ts.nn.Linear(3, 1))", "before = [p.clone() for p in model.parameters()]",
                "try: model.to('cuda')", "except AssertionError: pass",
                "print({str(p.device) for p in model.parameters()}, all(ts.equal(p, q) for p, q in zip(model.parameters(), before)))",
                "model(ts.ones(4, 2)).sum().backward()", "print(model[0].weight.grad.shape)") == "{'cpu'} True\ntorch.Size([3, 2])\n"


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "cpu", "cpu:0"])
def test_a_device_can_be_named_without_being_there(name):
    assert str(ts.device(name)) == name and ts.device(name) == ts.device(*[int(part) if part.isdigit() else part for part in name.split(":")])


@pytest.mark.parametrize("name", ["cud", "cuda:x", "gpu", ""])
def test_a_device_that_no_one_knows(name):
    with pytest.raises(RuntimeError, match=r"^(Expected one of cpu, cuda device type at start of device string: |Invalid device string: ')" + re.escape(name)):
        ts.ones(2).to(name)


def test_moving_to_where_it_is_gives_the_same_tensor():
    a = ts.ones(2, requires_grad=True)
    assert a.to("cpu") is a and a.cpu() is a and not a.is_cuda and a.device == ts.device("cpu")


@pytest.mark.skipif(ts.cuda.is_available(), reason="there is a device")
def test_what_tutorials_ask_first() -> None:
    device = ts.device("cuda" if ts.cuda.is_available() else "cpu")
    assert ts.ones(2, device=device).device == ts.device("cpu")
    assert ts.cuda.device_count() == 0
    ts.cuda.manual_seed(0)                                     # no error, as in PyTorch
    ts.cuda.empty_cache()
    with pytest.raises(AssertionError, match=r"CuPy is not installed|no CUDA"):
        ts.cuda.current_device()
