"""What if: a branch with changes is compared with the pass as it is, which stays as it is, and so does `.grad`, until the branch is kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.debugger.commands import command
from tapescope.link.wire import plain

X, Y = ts.linspace(-2, 2, 20).reshape(5, 4), ts.tensor([0, 1, 2, 1, 0])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ts.manual_seed(0)
        self.first, self.norm, self.last = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.norm(self.first(x)).relu())


def held(net: nn.Module, **options: Any) -> Any:
    return ts.debug(F.cross_entropy(net(X), Y), module=net, **options)


def grads(net: nn.Module, change: Any = None) -> dict[str, Any]:
    """Gradients when `change` is a hook on what comes into the relu."""
    made = Net()
    made.load_state_dict(net.state_dict())
    h = made.norm(made.first(X)).relu()
    if change is not None:
        h.register_hook(change)
    F.cross_entropy(made.last(h), Y).backward()
    return {n: p.grad.numpy() for n, p in made.named_parameters()}


@pytest.mark.parametrize(("given", "change"), [
    ({"zero": True}, lambda g: g * 0), ({"scale": -2.0}, lambda g: g * -2.0), ({"clip": 0.01}, lambda g: g * (0.01 / float(g.norm()))), ({"clip": 1e6}, lambda g: g),
    ({"replace": np.full((5, 8), 0.25)}, lambda g: ts.full((5, 8), 0.25))])
def test_a_change_does_what_a_hook_with_that_change_does(given: dict[str, Any], change: Any) -> None:
    net = Net()
    before, after = grads(net), grads(net, change)
    dbg = held(net)
    dbg.run_to(op="relu")
    found = dbg.what_if(**given)
    for name in before:
        row = found[name]
        np.testing.assert_allclose(row["grad"], [np.linalg.norm(before[name]), np.linalg.norm(after[name])], rtol=1e-5, atol=1e-9)
    assert all(p.grad is None for p in net.parameters())
    index = dbg.index
    dbg.step()
    dbg.step_back()
    assert dbg.index == index
    dbg.keep()
    assert dbg.state == "done"
    for name, p in net.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), after[name], rtol=1e-5, atol=1e-7)


def test_the_pass_goes_on_untouched_beside_a_branch_and_keeping_can_be_undone() -> None:
    net = Net()
    plain_grads = grads(net)
    dbg = held(net)
    dbg.run_to(op="relu")
    dbg.what_if(zero=True)
    dbg.what_if(noise=0.1, seed=3)
    dbg.continue_()
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.grad.numpy(), plain_grads[name])
    dbg.keep()
    kept = {n: p.grad.numpy().copy() for n, p in net.named_parameters()}
    assert np.abs(kept["first.weight"] - plain_grads["first.weight"]).max() > 1e-4
    np.testing.assert_array_equal(kept["last.weight"], plain_grads["last.weight"])
    dbg.step_back()
    assert all(p.grad is None for p in net.parameters())
    dbg.continue_()
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.grad.numpy(), kept[name])
    dbg.reset()
    dbg.continue_()
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.grad.numpy(), plain_grads[name])


def test_a_saved_value_is_changed_on_the_branch_only() -> None:
    w = ts.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = (w * w.exp()).sum()
    dbg = ts.debug(loss)
    dbg.run_to(op="exp")
    found = dbg.what_if(saved="result", zero=True)
    e = np.exp([1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.parameters[0]["grad"], [np.linalg.norm(e * [2, 3, 4]), np.linalg.norm(e)], rtol=1e-5)
    np.testing.assert_allclose(dbg.at.saved["result"].numpy(), e, rtol=1e-6)
    dbg.keep()
    np.testing.assert_allclose(w.grad.numpy(), e, rtol=1e-6)
    w.grad = None
    loss.backward()                                             # the graph holds what it held
    np.testing.assert_allclose(w.grad.numpy(), e * [2, 3, 4], rtol=1e-6)


def test_an_operand_and_what_a_function_saves_can_be_changed() -> None:
    class Square(ts.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 * ctx.saved_tensors[0]

    x = ts.tensor([3.0], requires_grad=True)
    dbg = ts.debug(Square.apply(x * 2).sum())
    dbg.run_to(op="Square")
    assert dbg.what_if(saved="saved_0", scale=0.5).parameters[0]["grad"] == [24.0, 12.0]
    dbg = ts.debug((x * 2 * x).sum())
    dbg.step()
    assert dbg.what_if(saved="other", replace=[5.0]).parameters[0]["grad"] == [12.0, 16.0]


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, 0.1, momentum=0.9), lambda p: optim.Adam(p, 0.01), lambda p: optim.AdamW(p, 0.01)])
def test_update_and_loss_are_those_of_a_real_step_and_nothing_is_left_of_it(make: Any) -> None:
    net = Net()
    opt = make(net.parameters())
    for _ in range(2):                                          # momentum and moments are there
        opt.zero_grad()
        F.cross_entropy(net(X), Y).backward()
        opt.step()
    opt.zero_grad()
    state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    moments = json.dumps(plain(opt.state_dict()["state"]))
    dbg = held(net, optimizer=opt, again=lambda: F.cross_entropy(net(X), Y))
    state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    dbg.run_to(op="relu")
    drawn = ts.default_generator.get_state().numpy().copy() if hasattr(ts.default_generator, "get_state") else None
    found = dbg.what_if(scale=10.0)
    assert found.loss is not None and found.loss["measured"]
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), state[k])
    assert json.dumps(plain(opt.state_dict()["state"])) == moments
    if drawn is not None:
        np.testing.assert_array_equal(ts.default_generator.get_state().numpy(), drawn)
    twin = Net()
    twin.load_state_dict(net.state_dict())
    dbg.keep()                                                  # the same step, for real
    before = {n: p.detach().numpy().copy() for n, p in net.named_parameters()}
    opt.step()
    for n, p in net.named_parameters():
        np.testing.assert_allclose(found[n]["update"][1], np.linalg.norm(p.detach().numpy() - before[n]), rtol=1e-3)
    with ts.no_grad():
        assert float(F.cross_entropy(net(X), Y)) == pytest.approx(found.loss["after"], rel=1e-6)


def test_the_loss_to_first_order_without_again() -> None:
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    dbg = ts.debug(loss, optimizer=optim.SGD([w], 0.01))
    found = dbg.what_if(zero=True)
    assert found.loss == {"now": 5.0, "before": pytest.approx(5 - 0.01 * 20), "after": 5.0, "measured": False}
    assert "to first order" in repr(found)


def test_edits_of_the_pass_are_compared_with_the_pass_without() -> None:
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    dbg = ts.debug((w * 3).sum())
    dbg.step()
    dbg.edit(0 * dbg.at.grad_in[0])
    found = dbg.compare()
    np.testing.assert_allclose(found.parameters[0]["grad"], [3 * 2 ** 0.5, 0], rtol=1e-6)
    dbg.continue_()
    assert float(w.grad.norm()) == 0


def test_inside_a_running_call() -> None:
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    seen = []

    def move(dbg: Any) -> None:
        seen.append(dbg.what_if(scale=0.5).parameters[0]["grad"])
        dbg.keep()

    ts.break_on(op="mul", once=True)
    ts.debugger.settings.on_pause = move
    try:
        (w * 3).sum().backward()
    finally:
        ts.debugger.settings.on_pause = None
        ts.breakpoints.clear()
    np.testing.assert_allclose(seen[0], [3 * 2 ** 0.5, 1.5 * 2 ** 0.5], rtol=1e-6)
    assert w.grad.tolist() == [1.5, 1.5]


@pytest.mark.parametrize(("given", "error", "words"), [
    ({}, TypeError, "one of zero, scale"), ({"zero": True, "scale": 1}, TypeError, "got zero, scale"), ({"clip": -1.0}, ValueError, "not negative"),
    ({"replace": [1.0]}, ValueError, r"shape \[2\], the replacement \[1\]"), ({"saved": "nothing", "zero": True}, ValueError, "there is no 'nothing'"),
    ({"zero": True, "input": 3}, IndexError, "1 incoming")])
def test_words(given: dict[str, Any], error: type[Exception], words: str) -> None:
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    dbg = ts.debug((w * w).sum())
    dbg.step()
    with pytest.raises(error, match=words):
        dbg.what_if(**given)
    assert dbg.branch == ()
    with pytest.raises(RuntimeError, match="no branch to keep"):
        dbg.keep()


def test_the_wire() -> None:
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    h = w * 1.0
    dbg = ts.debug((h * h).sum(), optimizer=optim.SGD([w], 0.1))
    dbg.step()

    def ask(verb: str, **args: Any) -> Any:
        return plain(command(dbg.tape, "debug." + verb, args))

    got = ask("what_if", change="scale", by=0.5)
    assert [c["words"] for c in got["changes"]] == ["the gradient at MulBackward0 scaled by 0.5"]
    assert ask("what_if", change="replace", value=[1, 1], saved="self")["changes"][1]["what"] == "self"
    meta, _ = dbg.describe()
    assert meta["branch"]["parameters"][0]["parameter"] and meta["at"]["held"] > 0 and meta["memory"]["total"] >= meta["memory"]["held"]
    assert len(ask("drop", change=0)["changes"]) == 1
    assert ask("drop") == {}
    assert ask("check")["ok"] is True
    assert dbg.describe()[0]["at"]["check"]["ok"] is True
    assert ask("origin")["found"] is False
    assert ask("memory")["curve"][-1] == 0
    assert "forward" in ask("explain")
    with pytest.raises(ValueError, match="change is one of"):
        ask("what_if", change="double")
    with pytest.raises(ValueError, match="needs a number"):
        ask("what_if", change="clip")
    ask("what_if", change="zero")
    assert ask("keep")["state"] == "done"
    assert w.grad.tolist() == [0, 0]
    json.dumps(plain(dbg.describe()[0]))
