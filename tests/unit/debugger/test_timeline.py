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


def test_what_no_op_has_made_is_there_too_as_it_was_at_that_step() -> None:
    ts.manual_seed(0)
    net = nn.Linear(3, 2)
    opt = ts.optim.SGD(net.parameters(), lr=0.5)
    frozen, expected = ts.randn(2, 2), []
    with ts.record(values="full") as tape:
        for _ in range(3):
            x = ts.randn(4, 3)
            expected.append([v.detach().numpy().copy() for v in (net.bias, x, net.weight)])
            y = net(x) @ frozen
            opt.zero_grad()
            q, r = ts.linalg.qr(y)
            (q.sum() + r.sum()).backward()
            opt.step()
    for step in range(3):
        line = tape.timeline(step)
        at = line.run_to(op="addmm")
        given = dict(at.inputs)
        np.testing.assert_array_equal(given["parameter bias"].numpy(), expected[step][0])
        np.testing.assert_array_equal(next(v for n, v in given.items() if n.startswith("input")).numpy(), expected[step][1])
        np.testing.assert_array_equal(line.go(0).inputs[0][1].numpy(), expected[step][2])
        product = line.run_to(op="mm")
        np.testing.assert_array_equal(product.inputs[1][1].numpy(), frozen.numpy())
        q, r = line.run_to(op="linalg_qr").outputs
        np.testing.assert_allclose((q @ r).numpy(), product.output.numpy(), rtol=1e-4, atol=1e-6)
        assert repr(line.at).count("output:") == 2


def test_without_copies_the_structure_is_there() -> None:
    line = recorded("stats")[0].timeline()
    at = line.run_to(op="tanh")
    assert at.output is None and "float32[2, 4], not copied" in repr(at)
