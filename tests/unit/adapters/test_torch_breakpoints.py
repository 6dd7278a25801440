"""Breakpoints on PyTorch's models: where a pass pauses, that it stays bit for bit what `backward()` gives, and that PyTorch is left as it was."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no pass to pause")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from debugger.pauses import Pauses, forget, named  # noqa: E402

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.debugger import Aborted, BreakpointWarning, Unattended, frames, settings  # noqa: E402
from tapescope.debugger.commands import break_command, command, place_of  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces()
    yield
    forget()
    assert traces() == before
    assert ts.core.state.mode.sink is None
    assert not [t for t in threading.enumerate() if t.name == "tapescope backward"]


def plain(name: str) -> tuple[Any, Any, Any]:
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    torch.manual_seed(5)
    loss().backward()
    found = gradients(model)
    model.zero_grad()
    torch.manual_seed(5)
    return model, loss, found


WEIGHTS = ["AccumulateGrad 4.weight 4", "AccumulateGrad 2.weight 2", "AccumulateGrad 0.weight 0"]
ADDMM = ["AddmmBackward0 4", "AddmmBackward0 2", "AddmmBackward0 0"]


@pytest.mark.parametrize(("fields", "places"), [
    ({"op": "relu"}, ["ReluBackward0 1"]),
    ({"op": "TanhBackward0"}, ["TanhBackward0 3"]),
    ({"op": torch.tanh}, ["TanhBackward0 3"]),
    ({"op": "linear"}, ADDMM),
    ({"op": "Addmm*"}, ADDMM),
    ({"op": "cross_entropy"}, ["NllLossBackward0"]),
    ({"op": "log_softmax"}, ["LogSoftmaxBackward0"]),
    ({"op": "linear", "ignore": 2}, ADDMM[2:]),
    ({"op": "linear", "once": True}, ADDMM[:1]),
    ({"op": "linear", "nth": 1}, ADDMM[1:2]),
    ({"module": "2"}, ["AddmmBackward0 2"]),
    ({"parameter": "4.bias"}, ["AccumulateGrad 4.bias 4"]),
    ({"parameter": "*.weight"}, WEIGHTS),
    ({"shape": (None, 3), "op": "linear"}, ADDMM[:1]),
    ({"norm_above": 1e-9}, ["NllLossBackward0"]),
    ({"norm_above": 1e9}, []),
    ({"op": "relu", "norm_below": 1e9}, ["ReluBackward0 1"]),
    ({"parameter": "*", "norm_above": 1e9}, []),
    ({"when": "nonfinite"}, []),
], ids=named)
@pytest.mark.parametrize("recorded", [False, True], ids=["bare", "recorded"])
def test_where_it_pauses(fields: dict[str, Any], places: list[str], recorded: bool) -> None:
    model, loss, expected = plain("mlp")
    b = ts.break_on(**fields)
    pauses = Pauses()
    if recorded:
        with tst.record(model) as tape:
            loss().backward()
        assert tape.error is None, tape.error_text
    else:
        loss().backward()
    if not recorded and not b.places:                           # nobody follows module calls for it
        places = [p.split()[0] for p in places]
    assert pauses.places == places
    assert same(gradients(model), expected)


@pytest.mark.parametrize("name", MODELS)
def test_any_walk_is_backward_bit_for_bit(name: str) -> None:
    model, loss, expected = plain(name)
    hooked: list[Any] = []
    handle = next(model.parameters()).register_hook(lambda g: hooked.append(g.clone()))
    ts.break_on(op="*", once=True)
    where: list[str] = []

    def walk(dbg: Any) -> None:
        where.append(threading.current_thread().name)
        while dbg.state == "held":
            assert dbg.describe()[0]["at"]["name"] == dbg.at.name
            dbg.step()

    Pauses(walk)
    loss().backward()
    assert same(gradients(model), expected)
    assert where == ["MainThread"] and len(hooked) == 1
    model.zero_grad()
    torch.manual_seed(5)
    loss().backward()                                           # unpaused, with a breakpoint that is used up
    assert same(gradients(model), expected)
    handle.remove()


def test_moves_inside_the_call() -> None:
    model, loss, expected = plain("residual")
    ts.break_on(module="blocks.1")
    seen: list[Any] = []

    def walk(dbg: Any) -> None:
        seen.append((dbg.index, dbg.at.module, dbg.reason))
        dbg.step(3)
        dbg.step_back(2)
        dbg.go(0)
        dbg.next_module()
        dbg.run_to(op="gelu")
        dbg.replay()
        dbg.run_to(parameter="stem.weight")
        ts.breakpoints.clear()
        dbg.continue_()
        assert dbg.state == "done"
        with pytest.raises(RuntimeError, match=r"backward\(\) has returned"):
            dbg.step_back()

    Pauses(walk)
    value = loss()
    value.backward()
    assert same(gradients(model), expected)
    assert len(seen) == 1 and seen[0][1].startswith("blocks.1") and "backward in blocks.1" in seen[0][2]
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        value.backward()


def test_a_condition_that_holds_for_the_first_time_cannot_go_back() -> None:
    model, loss, expected = plain("mlp")
    b = ts.break_on(op="tanh", norm_above=0)
    words: list[str] = []

    def back(dbg: Any) -> None:
        try:
            dbg.step_back()
            words.append(dbg.at.name)
        except RuntimeError as e:
            words.append(str(e))
        dbg.step(2)
        b.disable()
        dbg.continue_()
        b.enable()

    Pauses(back)
    for _ in range(2):
        model.zero_grad()
        loss().backward()
        assert same(gradients(model), expected)
    assert "freed; from now on passes keep it" in words[0] and words[1] == "AccumulateGrad"


def test_edits_reach_the_parameters() -> None:
    model, loss, expected = plain("mlp")
    ts.break_on(op="tanh")
    Pauses(lambda dbg: dbg.edit(2 * dbg.at.grad_in[0]))
    loss().backward()
    found = gradients(model)
    assert torch.allclose(found["0.weight"], 2 * expected["0.weight"]) and torch.equal(found["4.weight"], expected["4.weight"])
    model.zero_grad()
    Pauses(lambda dbg: dbg.scale(0))
    loss().backward()
    assert not gradients(model)["0.weight"].any() and gradients(model)["4.weight"].any()


def test_abort_and_interrupt_put_everything_back() -> None:
    model, loss, expected = plain("mlp")
    for p in model.parameters():
        p.grad = torch.full_like(p, 3.0)
    held = {n: p.grad for n, p in model.named_parameters()}

    def interrupt(dbg: Any) -> None:
        dbg.step(4)
        raise KeyboardInterrupt

    for move, error in ((lambda dbg: dbg.abort(), Aborted), (interrupt, KeyboardInterrupt)):
        ts.break_on(op="relu")
        Pauses(move)
        value = loss()
        with pytest.raises(error):
            value.backward()
        for n, p in model.named_parameters():
            assert p.grad is held[n] and torch.equal(p.grad, torch.full_like(p, 3.0))
        ts.breakpoints.clear()
    value.backward()                                            # the graph is whole
    assert all(torch.allclose(p.grad, 3 + expected[n]) for n, p in model.named_parameters())
    ts.break_on(op="relu", norm_above=0)                        # met for the first time: what has run is freed
    Pauses(lambda dbg: dbg.abort())
    value = loss()
    with pytest.raises(Aborted, match=r"the forward must be run again for another backward\(\)"):
        value.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        value.backward()


def test_an_interrupt_while_a_node_runs() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: time.sleep(0.6))
    ts.break_on(op="sum")

    def go(dbg: Any) -> None:
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        dbg.continue_()

    Pauses(go)
    with pytest.raises(KeyboardInterrupt):
        (y * 3).sum().backward()
    assert x.grad is None


def test_nobody_there() -> None:
    model, loss, _ = plain("mlp")
    ts.break_on(op="relu")
    with pytest.warns(BreakpointWarning, match=r"paused at breakpoint \d+: backward at relu, before node .*ReluBackward0.*it goes on"):
        loss().backward()
    settings.alone = "raise"
    model.zero_grad()
    with pytest.raises(Unattended):
        loss().backward()
    assert all(p.grad is None for p in model.parameters())


def test_the_first_that_is_not_finite_and_exceptions() -> None:
    ts.break_on(when="nonfinite")
    pauses = Pauses()
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    ((x * 1).sqrt() * 3).sum().backward()
    assert pauses.places == ["MulBackward0"] and torch.isinf(x.grad[0])
    half = torch.tensor([0.0, 1.0], dtype=torch.bfloat16, requires_grad=True)
    ((half * 1).sqrt() * 3).sum().backward()
    assert pauses.places == ["MulBackward0"] * 2
    ts.breakpoints.clear()

    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ValueError("not today")

    ts.break_on(exception=True)
    reasons: list[str] = []
    pauses = Pauses(lambda dbg: reasons.append(dbg.reason))
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="not today"):
        Bad.apply(w * 1).sum().backward()
    assert pauses.places == ["BadBackward"] and "ValueError: not today" in reasons[0] and w.grad is None


def test_forward() -> None:
    model, loss, _ = plain("residual")
    ts.break_on(op="gelu", forward=True, once=True)
    ts.break_on(module="head", forward=True)
    pauses = Pauses(lambda m: shapes.append([tuple(t.shape) for t in (*m.at.inputs, *m.at.outputs)]) or m.describe())
    shapes: list[Any] = []
    value = loss()
    assert pauses.places == ["gelu blocks.0.2", "Linear head"] and shapes == [[(16, 16)] * 2, [(16, 16)]]
    ts.breakpoints.clear()
    assert torch.equal(value, loss())
    ts.break_on(module="blocks.0", forward=True, once=True)
    moves = iter(["into", "into", "out", "next_module", "step", "continue_"])
    pauses = Pauses(lambda m: getattr(m, next(moves))())
    loss()
    assert pauses.places[:5] == ["Sequential blocks.0", "LayerNorm blocks.0.0", "layer_norm blocks.0.0", "Linear blocks.0.1", "GELU blocks.0.2"]
    ts.breakpoints.clear()
    ts.break_on(forward=True, when="nonfinite")
    pauses = Pauses(lambda m: m.abort())
    with pytest.raises(Aborted, match="log"):
        nn.Identity()(torch.zeros(2, requires_grad=True)).log()
    assert pauses.places == ["log"]


def test_forward_exception() -> None:
    model, _, _ = plain("mlp")
    ts.break_on(exception=True)
    reasons: list[str] = []
    pauses = Pauses(lambda m: reasons.append(m.reason))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        model(torch.ones(5, 7))
    assert pauses.places == ["Linear 0"] and "RuntimeError: mat1 and mat2" in reasons[0]


def test_lines_and_steps_of_a_recording() -> None:
    model, loss, _ = plain("residual")
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model) as tape:
        loss().backward()
        opt.step()
        g = tape.graphs[tape.recorder.current]
        add = next(i for i, n in enumerate(g.op_name) if tape.strings[n] == "add")
        file, line, _, _ = g.where(add)
        ts.break_on(line=(file, line), op="add", step=(2, 2))
        break_command(tape, "break.add", {"node": g.op_node[add]})
        pauses = Pauses()
        for _ in range(2):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    # three additions at the line in step 2; and one of the three, in steps 1 and 2
    assert [p.split()[0] for p in pauses.places] == ["AddBackward0"] * 4
    assert list(ts.breakpoints)[1].nth is not None and place_of(tape, g.op_node[add])["op"] == "add"
    clocks = tape.frames("clocks", max_bytes=1 << 30)[0]
    assert len(clocks) == 3 and all((f.columns["node_us"][-3:] > 0).any() for f in clocks)


def test_frames_and_commands() -> None:
    model, loss, expected = plain("mlp")

    def move(dbg: Any) -> None:
        tape = dbg.tape
        meta = frames(tape)[0][0].meta
        assert meta["live"] and meta["hits"] == [b.id] and meta["at"]["name"] == "ReluBackward0" and meta["breakpoints"][0]["op"] == "relu"
        assert command(tape, "debug.step", {})["index"] == meta["index"] + 1
        assert command(tape, "debug.back", {})["index"] == meta["index"]
        assert command(tape, "debug.go", {"index": 0})["index"] == 0
        assert command(tape, "debug.continue", {})["state"] == "held"
        assert command(tape, "debug.continue", {})["state"] == "done"
        assert tape in ts.recordings()

    b = ts.break_on(op="relu")
    Pauses(move)
    loss().backward()
    assert same(gradients(model), expected)


def test_grad_inputs_and_second_derivatives() -> None:
    x, w = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    ts.break_on(op="tanh")
    pauses = Pauses(lambda dbg: dbg.step() and dbg.step_back() if len(pauses.places) % 2 else None)
    (x * w).tanh().sum().backward(inputs=[x])
    assert w.grad is None
    g, = torch.autograd.grad((x * w).tanh().sum(), w)
    assert torch.allclose(g * w, x.grad * x)
    assert pauses.places == ["TanhBackward0"] * 2
    second = [p.clone() for p in torch.autograd.grad((torch.autograd.grad((x.tanh() * x).sum(), x, create_graph=True)[0] ** 2).sum(), x)]
    ts.breakpoints.clear()
    again = torch.autograd.grad((torch.autograd.grad((x.tanh() * x).sum(), x, create_graph=True)[0] ** 2).sum(), x)
    assert torch.equal(second[0], again[0])


def test_native_models_beside_it() -> None:
    model, loss, expected = plain("mlp")
    ts.break_on(module="1")
    net = ts.nn.Sequential(ts.nn.Linear(4, 4), ts.nn.Tanh())
    pauses = Pauses()
    net(ts.ones(2, 4)).sum().backward()
    loss().backward()
    with ts.record():
        net(ts.ones(2, 4)).sum().backward()
        loss().backward()
    with tst.record(model) as tape:
        loss().backward()
        net(ts.ones(2, 4)).sum().backward()
    assert tape.error is None, tape.error_text
    assert pauses.places == ["TanhBackward0 1", "ReluBackward0 1"] * 2 + ["ReluBackward0 1", "TanhBackward0 1"]


def test_set_before_the_adapter_knows_and_other_threads() -> None:
    model, loss, expected = plain("mlp")
    ts.break_on(parameter=model[4].weight)                      # by its shape, when nobody has met the model
    pauses = Pauses()
    loss().backward()
    assert pauses.places == ["AccumulateGrad 4.weight 4"]
    with tst.record(model):
        assert ts.break_on(parameter=model[4].bias).parameter == "4.bias"
    ts.breakpoints.clear()
    ts.break_on(op="relu")
    pauses = Pauses()
    model.zero_grad()
    thread = threading.Thread(target=lambda: loss().backward())
    thread.start()
    thread.join()
    assert pauses.places == [] and same(gradients(model), expected)
    F.relu(torch.ones(2, requires_grad=True)).sum().backward()
    assert pauses.places == ["ReluBackward0"]
