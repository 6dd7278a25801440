"""The forward pass after the fact: ops of a recorded step as they ran, with the values that went in and came out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn


def recorded(values: str = "full") -> tuple[Any, Any, list[Any]]:
    ts.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    inputs = [ts.randn(2, 3) for _ in range(3)]
    with ts.record(values=values) as tape:
        for x in inputs:
            net(x).exp().sum().backward()
            tape.step()
    return tape, net, inputs


def test_every_op_with_its_real_values_at_any_step() -> None:
    tape, net, inputs = recorded()
    for step, x in enumerate(inputs):
        line = tape.timeline(step)
        with ts.no_grad():
            hidden = net[1](net[0](x))
            out = net[2](hidden).exp()
        at = line.run_to(op="tanh")
        assert at.module == "1" and at.output is not None
        np.testing.assert_array_equal(at.output.numpy(), hidden.numpy())
        at = line.run_to(op="exp")
        np.testing.assert_array_equal(at.output.numpy(), out.numpy())
        name, given = at.inputs[0]
        assert name.startswith("addmm (op ")
        np.testing.assert_array_equal(given.exp().numpy(), out.numpy())
        assert f"step {step}" in repr(at) and "test_timeline.py" in repr(at) and "y = " in at.formula


def test_moves() -> None:
    line = recorded()[0].timeline()
    names = [line.go(i).name for i in range(line.total)]
    assert names == ["t", "addmm", "tanh", "t", "addmm", "exp", "sum"]
    assert line.step_number == 2
    line.go(0)
    assert (line.step().name, line.step(2).name, line.back().name) == ("addmm", "t", "tanh")
    assert line.go(0).module == "0"
    assert line.next_module().module == "1"
    assert line.out().module == "2"
    assert line.run_to(module="0").row == 0                     # behind: found from the start
    assert line.step_back(5).row == 0 and line.step(99).row == line.total - 1
    assert [n for n, _ in line.run_to(op="addmm").inputs] == ["parameter 0.bias", "input input0", "t (op 1)"]
    assert "at op 2 of 7: addmm" in repr(line)
    for call, error in ((lambda: line.go(7), IndexError), (lambda: line.run_to(), TypeError), (lambda: line.run_to(op="cosh"), RuntimeError), (lambda: recorded()[0].timeline(9), RuntimeError)):
        with pytest.raises(error):
            call()


def test_without_copies_the_structure_is_there() -> None:
    line = recorded("stats")[0].timeline()
    at = line.run_to(op="tanh")
    assert at.output is None and "float32[2, 4], not copied" in repr(at)
