"""What goes wrong around a recording is said clearly, and PyTorch is left as it was found: models that others hook, move or copy, other modes, losses without grad."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the adapter has nothing to listen to")

import torch.nn as nn  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch.version import check  # noqa: E402
from tapescope.debugger import settings  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces()
    yield
    ts.breakpoints.clear()
    settings.on_pause = None
    assert traces() == before


def words(tape: Any) -> list[str]:
    return [tape.strings[i] for i in tape.graphs[tape.recorder.current].op_name]


@pytest.mark.parametrize("paused", [False, True])
def test_a_model_that_others_have_hooked(paused: bool) -> None:
    model, loss = MODELS["mlp"]()
    calls: list[str] = []
    handles = [model[0].register_forward_hook(lambda m, a, o: calls.append("forward")), model[2].register_full_backward_hook(lambda m, i, o: calls.append("backward")),
               model[0].weight.register_hook(lambda g: calls.append("tensor")), model.register_forward_pre_hook(lambda m, a: calls.append("before")),
               nn.modules.module.register_module_forward_hook(lambda m, a, o: calls.append("global")),
               model[4].weight.register_post_accumulate_grad_hook(lambda p: calls.append("after"))]
    loss().backward()
    expected, plain = list(calls), gradients(model)
    calls.clear()
    model.zero_grad()
    if paused:
        ts.break_on(op="tanh")
        settings.on_pause = lambda dbg: dbg.step(2)
    with tst.record(model) as tape:
        loss().backward()
    assert tape.error is None, tape.error_text
    assert calls == expected and same(gradients(model), plain)
    assert [w for w in words(tape) if w != "BackwardHookFunction"] == ["linear", "relu", "linear", "tanh", "linear", "cross_entropy"]
    ts.breakpoints.clear()
    calls.clear()
    loss().backward()
    assert calls == expected
    for h in handles:
        h.remove()


def test_moved_copied_pickled_while_attached() -> None:
    model, _ = MODELS["mlp"]()
    x = torch.randn(4, 8)
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model, values="histogram") as tape:
        for data in (x, x, x.double(), x.double()):
            model.to(data.dtype)
            opt.zero_grad()
            model(data).sum().backward()
            opt.step()
        buffer = io.BytesIO()
        torch.save(model, buffer)
        for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)):
            twin(x.double()).sum().backward()
            assert torch.equal(twin[0].weight, model[0].weight) and not twin[0]._forward_hooks
        model.to("meta")
        model(x.double().to("meta")).sum().backward()
    assert tape.error is None, tape.error_text
    assert not tape.findings()
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(tape)


def test_a_loss_without_grad() -> None:
    model, loss = MODELS["mlp"]()
    with torch.no_grad():
        value = loss()
    with tst.record(model) as tape:
        for bad in (value, torch.zeros(())):
            with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
                bad.backward()
        with pytest.raises(RuntimeError, match=r"Was it computed under no_grad\(\), or detached\?"):
            tst.debug(value)
        loss().backward()
    assert tape.error is None and len(words(tape)) == 6
    ts.break_on(op="relu")
    settings.on_pause = lambda dbg: None
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        value.backward()
    done = loss()
    done.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        done.backward()


class Counting(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def test_modes_of_others() -> None:
    model, loss = MODELS["mlp"]()

    def run() -> tuple[int, int]:
        flops, mode = FlopCounterMode(display=False), Counting()
        with flops, mode:
            loss().backward()
        return flops.get_total_flops(), mode.calls

    plain = run()
    with tst.record(model) as tape:
        assert run() == plain
    assert tape.error is None and len(words(tape)) == 6
    ts.break_on(op="relu")
    settings.on_pause = lambda dbg: dbg.step()
    assert run() == plain
    ts.breakpoints.clear()
    outer = Counting()
    outer.__enter__()
    tape = tst.record(model)                                    # ended inside of a mode that came later
    inner = torch.device("cpu")
    inner.__enter__()
    loss().backward()
    tape.stop()
    inner.__exit__(None, None, None)
    outer.__exit__(None, None, None)
    assert tape.error is None and outer.calls > 0
    for around in (torch.autograd.set_detect_anomaly(True, check_nan=False), torch.autograd.graph.save_on_cpu(), torch.inference_mode(False)):
        with tst.record(model) as tape, around:
            loss().backward()
        assert tape.error is None and len(words(tape)) == 6


def test_a_recording_ended_inside_of_a_pass() -> None:
    model, loss = MODELS["mlp"]()
    tape = tst.record(model)
    value = loss()
    value.register_hook(lambda g: tape.stop() and None)
    value.backward()
    assert tape.state == "stopped" and all(p.grad is not None for p in model.parameters())
    loss()                                                      # the next call of a module takes it away
    assert tape.error is None and not torch.overrides._get_current_function_mode_stack()


def test_a_grad_scaler_expects_infinities() -> None:
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**124)
    expected = []
    with tst.record(model, values="histogram") as tape:
        for _ in range(14):
            opt.zero_grad()
            value = loss() * 100
            scaler.scale(value).backward()
            scaler.unscale_(opt)
            expected.append((float(value.detach()), float(torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in model.parameters()])))))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(opt)
            scaler.update()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 14 and tape.findings() == []
    assert any("GradScaler has skipped steps" in n for n in tape.status()["notes"])
    rows = {tag: {} for tag in ("loss", "grad_norm", "grad_scaler/scale")}
    for f in tape.frames("scalars", max_bytes=1 << 30)[0]:
        for t, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True):
            if tape.strings[int(t)] in rows:
                rows[tape.strings[int(t)]][int(s)] = float(v)
    assert [rows["loss"][s] for s in range(14)] == pytest.approx([v for v, _ in expected], rel=1e-5)
    finite = [s for s, (_, n) in enumerate(expected) if torch.isfinite(torch.tensor(n))]
    assert 3 <= len(finite) <= 13 and [rows["grad_norm"][s] for s in finite] == pytest.approx([expected[s][1] for s in finite], rel=1e-4)
    assert len(set(rows["grad_scaler/scale"].values())) > 1


def test_a_scale_that_never_helps_is_a_finding() -> None:
    w = nn.Parameter(torch.zeros(3))
    opt = torch.optim.SGD([w], 0.1)
    scaler = torch.amp.GradScaler("cpu")
    with tst.record() as tape:
        for _ in range(30):
            opt.zero_grad()
            scaler.scale(w.sqrt().sum()).backward()
            scaler.step(opt)
            scaler.update()
    assert tape.error is None, tape.error_text
    assert any(f.rule == "non-finite" for f in tape.findings())


def test_accumulation_and_clipping_are_no_trouble() -> None:
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.01)
    for clips in (torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_, None):
        with tst.record(model) as tape:
            for _ in range(5):
                for _ in range(3):
                    (loss() * 1e7).backward()
                if clips is not None:                           # as it was imported before the recording, or as it is called now
                    getattr(torch.nn.utils, clips.__name__)(model.parameters(), 1.0)
                else:
                    for p in model.parameters():
                        p.grad *= 1e-7
                opt.step()
                opt.zero_grad()
        assert tape.error is None and tape.step_number == 5
        assert [f.rule for f in tape.findings()] == ([] if clips else ["exploding-gradient"])


def test_old_versions_are_told_the_range() -> None:
    check()
    check("2.6.0+cpu")
    with pytest.raises(ImportError, match=r"listens to PyTorch 2\.6 and newer .* this is 2\.1\.2: pip install --upgrade torch"):
        check("2.1.2")


def test_on_disk_and_followed(tmp_path: Path) -> None:
    model, loss = MODELS["residual"]()
    opt = torch.optim.Adam(model.parameters(), 0.01)
    with tst.record(model, tmp_path / "run", values="histogram", params={"lr": 0.01}) as tape:
        for _ in range(4):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None and tape.name == "run"
    got = ts.load_tape(tmp_path / "run")
    assert got.params == {"lr": 0.01} and got.step_number == 4 and got.findings() == tape.findings()
    for kind in ("graph", "scalars", "stats", "histograms", "clocks", "gradients"):
        assert sum(len(next(iter(f.columns.values()))) for f in got.frames(kind, max_bytes=1 << 30)[0] if f.columns) > 0
    assert [got.strings[i] for i in next(iter(got.graphs.values())).op_name] == words(tape)
