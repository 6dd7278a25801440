"""Breakpoints: where a pass pauses, what it costs nothing to have, and that a paused pass gives the gradients that it gives unpaused."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn
from tapescope.core import autograd, engine
from tapescope.debugger import Aborted, BreakpointWarning, Unattended, settings

from .pauses import Pauses, forget, named


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    forget()
    assert autograd._walk is engine.walk
    assert ts.core.state.mode.sink is None


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ts.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x) + 1)


X, Y = ts.linspace(-2, 2, 20).reshape(5, 4), ts.tensor([0, 1, 2, 1, 0])


def train(net: nn.Module) -> list[Any]:
    net.zero_grad()
    F.cross_entropy(net(X), Y).backward()
    return [p.grad.numpy().copy() for p in net.parameters()]


@pytest.mark.parametrize(("fields", "places"), [
    ({"op": "relu"}, ["ReluBackward0 body.1"]),
    ({"op": "TanhBackward0"}, ["TanhBackward0 body.3"]),
    ({"op": ts.tanh}, ["TanhBackward0 body.3"]),
    ({"op": "Addmm*"}, ["AddmmBackward0 head", "AddmmBackward0 body.2", "AddmmBackward0 body.0"]),
    ({"op": "Addmm*", "ignore": 2}, ["AddmmBackward0 body.0"]),
    ({"op": "Addmm*", "once": True}, ["AddmmBackward0 head"]),
    ({"op": "Addmm*", "nth": 1}, ["AddmmBackward0 body.2"]),
    ({"op": "Addmm*", "module": "body"}, ["AddmmBackward0 body.2", "AddmmBackward0 body.0"]),
    ({"module": "body"}, ["TanhBackward0 body.3"]),
    ({"module": "body.0"}, ["AddmmBackward0 body.0"]),
    ({"parameter": "head.bias"}, ["AccumulateGrad head.bias head"]),
    ({"parameter": "*.weight"}, ["AccumulateGrad head.weight head", "AccumulateGrad body.2.weight body.2", "AccumulateGrad body.0.weight body.0"]),
    ({"shape": (5, 3)}, ["LogSoftmaxBackward0", "AddmmBackward0 head"]),
    ({"shape": (None, 3), "op": "addmm"}, ["AddmmBackward0 head"]),
    ({"norm_above": 1e-9}, ["NllLossBackward0"]),
    ({"norm_above": 1e9}, []),
    ({"op": "relu", "norm_below": 1e9}, ["ReluBackward0 body.1"]),
    ({"op": "relu", "norm_below": 1e9, "norm_above": 1e8}, []),
    ({"when": "nonfinite"}, []),
    ({"module": "body", "norm_above": 1e-9}, ["TanhBackward0 body.3", "AddmmBackward0 body.2", "AccumulateGrad body.2.bias body.2", "TBackward0 body.2",
                                              "AccumulateGrad body.2.weight body.2", "ReluBackward0 body.1", "AddmmBackward0 body.0",
                                              "AccumulateGrad body.0.bias body.0", "TBackward0 body.0", "AccumulateGrad body.0.weight body.0"]),
], ids=named)
@pytest.mark.parametrize("recorded", [False, True], ids=["bare", "recorded"])
def test_where_it_pauses(fields: dict[str, Any], places: list[str], recorded: bool) -> None:
    net = Net()
    expected = train(net)
    ts.break_on(**fields)
    pauses = Pauses()
    if recorded:
        with ts.record():
            found = train(net)
    else:
        found = train(net)
    if not recorded and not {"module", "parameter"} & set(fields):      # nobody follows module calls for it
        places = [p.split()[0] for p in places]
    assert pauses.places == places
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def sick(x: Any) -> Any:
    return (x.sqrt() * 3).sum()


def test_the_first_that_is_not_finite() -> None:
    ts.break_on(when="nonfinite")
    pauses = Pauses()
    x = ts.tensor([0.0, 1.0], requires_grad=True)
    y = x * 1
    sick(y).backward()
    assert pauses.places == ["MulBackward0"]
    assert np.isinf(x.grad.numpy()[0])
    sick(x * 1).backward()
    assert len(pauses.places) == 2


def test_a_condition_that_holds_for_the_first_time_cannot_go_back_further_and_later_ones_can() -> None:
    refused: list[str] = []
    reached: list[int] = []

    def back(dbg: Any) -> None:
        place = dbg.index
        try:
            dbg.step_back()
            reached.append(dbg.index)
        except RuntimeError as e:
            refused.append(str(e))
            dbg.step(2)
            dbg.go(place)
            assert dbg.index == place
        breakpoint.disable()
        dbg.continue_()
        breakpoint.enable()

    breakpoint = ts.break_on(op="tanh", norm_above=0.5)
    Pauses(back)
    for _ in range(2):
        x = ts.ones(3, requires_grad=True)
        ((x * 2).tanh().sum() * 1.0).backward()
        np.testing.assert_allclose(x.grad.numpy(), 2 * (1 - np.tanh(2.0) ** 2) * np.ones(3), rtol=1e-5)
    assert len(refused) == 1
    assert "had freed its first 2 nodes" in refused[0]
    assert reached == [1]


def test_a_light_pass_takes_back_what_it_has_written_when_it_is_held() -> None:
    net = Net()
    seen: list[Any] = []
    ts.break_on(parameter="body.0.weight", norm_above=0)

    def look(dbg: Any) -> None:
        seen.append([p.grad is None for p in net.parameters()])
        assert set(dbg.grads) == {"head.bias", "head.weight", "body.2.bias", "body.2.weight", "body.0.bias"}
        assert all(np.isfinite(g.numpy()).all() for g in dbg.grads.values())

    Pauses(look)
    found = train(net)
    assert seen == [[True] * 6]
    ts.breakpoints.clear()
    for a, b in zip(found, train(net), strict=True):
        np.testing.assert_array_equal(a, b)


def test_jump() -> None:
    ts.break_on(parameter="*", when="jump", factor=5)
    pauses = Pauses()
    w = ts.ones(2, requires_grad=True)
    for k in (1, 1.5, 0.5, 1, 2, 20, 1):
        (w * k).sum().backward()
        w.grad = None
    assert len(pauses.places) == 1


def test_zero_and_step() -> None:
    ts.break_on(when="zero", parameter="*")
    ts.break_on(op="sum*", step=(1, 2))
    pauses = Pauses()
    with ts.record() as tape:
        for k in (1.0, 0.0, 1.0, 1.0):
            w = ts.ones(2, requires_grad=True)
            (w * k).sum().backward()
            tape.step()
    assert [p.split()[0] for p in pauses.places] == ["SumBackward0", "AccumulateGrad", "SumBackward0"]


def test_moves_inside_the_call() -> None:
    net = Net()
    expected = train(net)
    walked: list[int] = []

    def walk(dbg: Any) -> None:
        walked.append(dbg.index)
        dbg.step(3)
        dbg.step_back(2)
        dbg.go(0)
        dbg.next_module()
        dbg.run_to(op="relu")
        dbg.replay()
        assert all(p.grad is None for p in net.parameters())
        dbg.continue_()
        assert dbg.state == "done"

    ts.break_on(op="tanh")
    Pauses(walk)
    for a, b in zip(train(net), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(walked) == 1


def test_abort_and_interrupt_leave_everything_clean() -> None:
    net = Net()
    expected = train(net)
    net.zero_grad()
    ts.break_on(op="relu")

    def interrupt(dbg: Any) -> None:
        dbg.step(2)
        raise KeyboardInterrupt

    for move, error in ((lambda dbg: dbg.abort(), Aborted), (interrupt, KeyboardInterrupt)):
        Pauses(move)
        loss = F.cross_entropy(net(X), Y)
        with pytest.raises(error):
            loss.backward()
        assert all(p.grad is None for p in net.parameters())
        assert ts.is_grad_enabled()
        settings.on_pause = lambda dbg: None
        loss.backward()                                        # the graph is whole
        for p, e in zip(net.parameters(), expected, strict=True):
            np.testing.assert_array_equal(p.grad.numpy(), e)
        net.zero_grad()


def test_nobody_there() -> None:
    net = Net()
    ts.break_on(op="relu")
    with pytest.warns(BreakpointWarning, match=r"paused at breakpoint \d+: backward at relu, before node .*ReluBackward0.*it goes on"):
        train(net)
    settings.alone = "raise"
    with pytest.raises(Unattended, match=r"dbg = ts\.debug"):
        train(net)
    assert all(p.grad is None for p in net.parameters())


def test_an_exception_in_backward() -> None:
    class Bad(ts.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ValueError("not today")

    ts.break_on(exception=True)
    pauses = Pauses(lambda dbg: reasons.append(dbg.reason))
    reasons: list[str] = []
    x = ts.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="not today"):
        Bad.apply(x * 1).sum().backward()
    assert pauses.places == ["BadBackward"]
    assert "ValueError: not today" in reasons[0]
    assert x.grad is None


def test_forward() -> None:
    net = Net()
    ts.break_on(op="tanh", forward=True)
    ts.break_on(module="head", forward=True)
    pauses = Pauses()
    expected = net(X)
    assert pauses.places == ["tanh body.3", "Linear head"]
    ts.breakpoints.clear()
    np.testing.assert_array_equal(expected.detach().numpy(), net(X).detach().numpy())


def test_forward_steps_and_conditions() -> None:
    net = Net()
    ts.break_on(module="body", forward=True, once=True)
    moves = iter(["into", "into", "into", "out", "next_module", "step", "continue_"])
    pauses = Pauses(lambda dbg: getattr(dbg, next(moves))())
    net(X)
    assert pauses.places == ["Sequential body", "Linear body.0", "t body.0", "addmm body.0", "ReLU body.1", "Linear body.2", "Tanh body.3"]
    ts.breakpoints.clear()
    ts.break_on(forward=True, when="nonfinite")
    pauses = Pauses()
    with ts.record():
        ts.zeros(2).log()
    assert pauses.places == ["log"]


def test_forward_abort_and_exception() -> None:
    net = Net()
    ts.break_on(op="tanh", forward=True)
    Pauses(lambda dbg: dbg.abort())
    with pytest.raises(Aborted, match=r"tanh in body\.3"):
        net(X)
    ts.breakpoints.clear()
    ts.break_on(exception=True)
    pauses = Pauses(lambda dbg: reasons.append(dbg.reason))
    reasons: list[str] = []
    with pytest.raises(RuntimeError):
        net(ts.ones(5, 7))
    assert pauses.places == ["Linear body.0"]
    assert "RuntimeError" in reasons[0]
    ts.breakpoints.clear()
    with ts.record() as tape:
        net(X)
    assert tape.error is None


def test_they_are_data(tmp_path: Any) -> None:
    b = ts.break_on(op="log", when="nonfinite", shape=(None, 3), step=(2, 5))
    assert json.loads(json.dumps(ts.breakpoints.to_list()))[0]["op"] == "log"
    b.edit(norm_above=3.0, when=None)
    assert str(b) == "backward at log, shape *x3 when norm > 3 in step 2 to 5"
    b.disable()
    assert autograd._walk is engine.walk                        # nothing left that could be met: nothing is watched
    b.enable()
    ts.breakpoints.save(str(tmp_path / "b.json"))
    fields = b.to_dict()
    b.delete()
    ts.breakpoints.load(str(tmp_path / "b.json"))
    (again,) = ts.breakpoints
    assert again.to_dict() == fields
    with pytest.raises(KeyError, match="no breakpoint 99999"):
        ts.breakpoints[99999]


@pytest.mark.parametrize(("fields", "error", "words"), [
    ({}, ValueError, "needs a place"),
    ({"when": "odd"}, ValueError, "one of 'nonfinite', 'zero', 'jump'"),
    ({"op": 3}, TypeError, "op is a name or a pattern"),
    ({"parameter": "w", "forward": True}, ValueError, "belongs to the backward pass"),
])
def test_words(fields: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ts.break_on(**fields)
    assert len(ts.breakpoints) == 0


def test_backward_with_inputs_and_grad() -> None:
    x = ts.ones(3, requires_grad=True)
    w = ts.ones(3, requires_grad=True)
    ts.break_on(op="tanh")
    pauses = Pauses(lambda dbg: dbg.step() and dbg.step_back() if len(pauses.places) % 2 else None)
    (x * w).tanh().sum().backward(inputs=[x])
    assert w.grad is None
    (g,) = ts.autograd.grad((x * w).tanh().sum(), (w,))
    np.testing.assert_array_equal(g.numpy(), x.grad.numpy())
    assert pauses.places == ["TanhBackward0"] * 2


def test_second_derivatives() -> None:
    def run() -> Any:
        x = ts.tensor([0.3, 0.7], requires_grad=True)
        (g,) = ts.autograd.grad((x.tanh() * x).sum(), (x,), create_graph=True)
        (g * g).sum().backward()
        return x.grad.numpy()

    expected = run()
    ts.break_on(op="tanh")
    pauses = Pauses(lambda dbg: dbg.go(0) and dbg.go(1) and dbg.replay() if len(pauses.places) == 1 else None)
    np.testing.assert_array_equal(run(), expected)
    assert pauses.places


def test_hooks_run_once_when_nobody_goes_back() -> None:
    calls: list[float] = []
    x = ts.ones(2, requires_grad=True)
    h = x * 2
    h.register_hook(lambda g: calls.append(float(g.sum())))
    x.register_post_accumulate_grad_hook(lambda t: calls.append(float(t.grad.sum())))
    ts.break_on(when="nonfinite")
    ts.break_on(op="tanh")
    Pauses()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (h.tanh() * 1).sum().backward()
    assert len(calls) == 2


def test_a_module_that_is_used_and_never_called_is_a_place_too() -> None:
    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            ts.manual_seed(0)
            self.head = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return F.linear(x, self.head.weight)

    pauses = Pauses()
    ts.break_on(module="head", norm_above=0.0)
    net = Uses()
    F.cross_entropy(net(X), Y).backward()
    assert pauses.places == ["AccumulateGrad head.weight head"]


def test_breakpoints_on_modules_and_parameters_hear_module_calls_alone() -> None:
    """Ops, nodes and updates run as if nobody listened; a forward breakpoint, or a recording, hears everything."""
    mode = ts.core.state.mode
    net = Net()
    module = ts.break_on(module="head")
    assert mode.sink is None and mode.calls is not None
    compiled = ts.compile(net)                                  # what runs as its ops alone would call no module
    pauses = Pauses()
    for _ in range(3):
        F.cross_entropy(compiled(X), Y).backward()
    assert pauses.places == ["AddmmBackward0 head"] * 3
    forward = ts.break_on(op="tanh", forward=True)
    assert mode.sink is not None and mode.calls is None
    forward.delete()
    assert mode.sink is None and mode.calls is not None
    with ts.record() as tape:
        assert mode.sink is not None and mode.calls is None
        train(net)
    assert mode.sink is None and mode.calls is not None and "11 ops" in repr(tape)
    data = ts.utils.data.TensorDataset(X, Y)

    class Seen(ts.utils.data.Dataset):
        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, i: int) -> Any:
            heard.append(mode.calls)
            return data[i]

    heard: list[Any] = []
    list(ts.utils.data.DataLoader(Seen(), batch_size=5))
    assert heard == [None] * 5 and mode.calls is not None       # preparing data is not part of the model
    module.delete()
    assert mode.sink is None and mode.calls is None
