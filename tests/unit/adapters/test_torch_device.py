"""What is asked of tensors on a device, rehearsed: the host's tensors are taken for a device's, so that PyTorch computes where they are, and nothing may be copied before a
step ends. Numbers are those that NumPy gives of the same run. `tests/gpu` has what only a GPU can show."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the adapter has nothing to listen to")

import torch.nn as nn  # noqa: E402

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch import arrays, recorder, times  # noqa: E402
from tapescope.adapters.torch.arrays import Away  # noqa: E402
from tapescope.adapters.torch.device import DevicePack, Segments, trimmed  # noqa: E402
from tapescope.tape.reduce import histogram, moments  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces()
    yield
    assert traces() == before


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From the call on, every tensor is taken for one on a device."""
    def begin(copies: bool = False) -> None:
        for module in (arrays, recorder):
            monkeypatch.setattr(module, "on_host", lambda t: False)
        if not copies:
            def near(self: Any) -> Any:
                raise AssertionError("copied to the host")

            monkeypatch.setattr(Away, "near", near)

    return begin


def trained(name: str, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    opt = torch.optim.SGD(model.parameters(), 0.05)
    torch.manual_seed(5)
    with tst.record(model, **options) as tape:
        for _ in range(6):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    return tape, gradients(model)


def told(tape: Any) -> dict[Any, Any]:
    """All numbers of a recording by what they are of."""
    found: dict[Any, Any] = {}
    for f in tape.frames("scalars", max_bytes=1 << 30)[0]:
        found |= {("scalar", tape.strings[int(t)], int(s)): float(v) for t, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True)}
    for f in tape.frames("stats", max_bytes=1 << 30)[0]:
        for i, (k, s) in enumerate(zip(f.columns["key"], f.columns["step"], strict=True)):
            found["stats", tape.strings[int(k)], int(s)] = [float(f.columns[c][i]) for c in ("mean", "std", "min", "max", "norm", "nan", "inf", "zero", "subnormal")]
    for f in tape.frames("histograms", max_bytes=1 << 30)[0]:
        ends = f.columns["length"].astype(int).cumsum()
        for key, step, first, end, n in zip(f.columns["key"], f.columns["step"], f.columns["first"], ends, f.columns["length"].astype(int), strict=True):
            found["histogram", tape.strings[int(key)], int(step)] = (int(first), f.columns["count"][end - n:end].tolist())
    for f in tape.frames("gradients", max_bytes=1 << 30)[0]:
        found["node", f.meta["graph"], f.meta["step"]] = dict(zip(f.columns["node"].tolist(), f.columns["norm"].tolist(), strict=True))
    return found


@pytest.mark.parametrize("values", ["health", "stats", "histogram"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "tied", "checkpointed", "autocast", "in_place"])
def test_numbers_are_those_of_the_host(name: str, values: str, away: Any) -> None:
    tape, plain = trained(name, values=values)
    expected = told(tape)
    away()
    tape, grads = trained(name, values=values)
    assert same(plain, grads) and tape.findings() == []
    assert values == "health" or all(type(p) is DevicePack for p in tape.recorder.values.packs.values())
    found = told(tape)
    assert found.keys() == expected.keys() and len(found) > 10
    for key, value in expected.items():
        if key[0] == "histogram":
            assert found[key] == value or name == "autocast", key              # bfloat16 activations are rounded the other way
        elif key[0] == "node":
            assert found[key] == pytest.approx(value, rel=1e-3), key
        elif key[1] != "step_time":
            np.testing.assert_allclose(found[key], value, rtol=2e-3, atol=1e-6, err_msg=str(key))


def test_numbers_do_not_depend_on_the_default_dtype(away: Any) -> None:
    away()
    tape, _ = trained("mlp", values="histogram")
    expected = told(tape)
    torch.set_default_dtype(torch.float64)
    try:
        tape, _ = trained("mlp", values="histogram")
    finally:
        torch.set_default_dtype(torch.float32)
    found = told(tape)
    assert found.keys() == expected.keys() and {k: sum(v[1]) for k, v in found.items() if k[0] == "histogram"} == {k: sum(v[1]) for k, v in expected.items() if k[0] == "histogram"}


def test_nothing_is_kept_alive(away: Any) -> None:
    away()
    model, loss = MODELS["cnn"]()
    with tst.record(model, values="histogram") as tape:
        for _ in range(2):
            out = loss()
            gone = [weakref.ref(out)]
            out.backward()
            del out
            gone += [weakref.ref(p.grad) for p in model.parameters()]
            model.zero_grad()
            assert all(r() is None for r in gone)
    assert tape.error is None, tape.error_text


def test_structure_asks_nothing(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away()
    monkeypatch.setattr(torch.Tensor, "item", lambda t: pytest.fail("read"))
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: pytest.fail("read"))
    tape, _ = trained("mlp", values="none")
    assert tape.step_number == 6


def test_one_transfer_a_step(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away()
    read, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: read.append(t.numel()) or cpu(t))
    tape, _ = trained("residual", values="stats")
    assert len(read) == 7                                      # and the histograms of the first step


def test_without_an_optimizer(away: Any) -> None:
    found = []
    for i in range(2):
        if i:
            away()
        torch.manual_seed(0)
        model, loss = MODELS["mlp"]()
        with tst.record(model, values="stats") as tape:
            for zero in (True, True, False, True):
                loss().backward()
                with torch.no_grad():
                    for p in model.parameters():
                        p -= 0.1 * p.grad
                        p.grad = None if zero else p.grad.zero_()
        assert tape.error is None, tape.error_text
        found.append({k: v for k, v in told(tape).items() if k[0] in ("scalar", "stats") and k[1] != "step_time"})
    assert found[0].keys() == found[1].keys() and max(k[2] for k in found[0]) == 3
    for key, value in found[0].items():
        np.testing.assert_allclose(found[1][key], value, rtol=2e-3, atol=1e-6, err_msg=str(key))


def test_what_is_not_finite_is_found_where_it_began(away: Any) -> None:
    away(copies=True)
    x = torch.tensor([1.0, 0.0, 2.0])
    layer = nn.Linear(3, 3)
    opt = torch.optim.SGD(layer.parameters(), 0.1)
    with tst.record(layer) as tape:
        for _ in range(2):
            opt.zero_grad()
            y = torch.relu(layer(layer(x) * 0).log())            # -inf, of which linear and the rest make theirs
            (layer(y) * 2).sum().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    found = [f.title for f in tape.findings() if f.rule == "non-finite"]
    assert found == ["log made non-finite values of 3"], found
    model = nn.Linear(4, 4)
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model) as tape:
        opt.zero_grad()
        torch.sqrt(model(torch.rand(16, 4)).relu() * 0).sum().backward()
        opt.step()
    assert tape.error is None, tape.error_text
    assert [f.title for f in tape.findings() if f.rule == "non-finite"] == ["the gradient at SqrtBackward0 holds non-finite values of 64"]


def test_probes_copies_and_kernels_of_what_lies_there(away: Any) -> None:
    away(copies=True)
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model, values="full", kernels=True) as tape:
        for key in ("activation/1", "weight/4.weight", "grad/0.bias", "input/2"):
            tape.probe(key)
        for _ in range(3):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    copies = {f.meta["key"]: f.meta["shape"] for f in tape.frames("tensor", max_bytes=1 << 30)[0]}
    assert copies["activation/1"] == [32, 16] and copies["weight/4.weight"] == [3, 16] and copies["grad/0.bias"] == [16] and copies["output/0"] == [32, 16]
    assert tape.recorder.values.labels[0].shape == (32,)
    relu = next(k for k in tape.kernels() if k.op == "relu")
    assert relu.forward[0].name == "aten::relu" and [k.name for k in relu.backward] == ["aten::threshold_backward"], "what is asked is not the model's"


def test_what_a_cuda_graph_captures_is_left_alone(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away()
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.1)
    state = {"capturing": False}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: state["capturing"])
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: None)
    with tst.record(model, values="histogram") as tape:
        for captures in (False, True, False):
            state["capturing"] = captures
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 2 and any("CUDA graph" in n for n in tape.status()["notes"])


def test_native_models_may_be_beside_it(away: Any) -> None:
    away()
    model, loss = MODELS["mlp"]()
    with tst.record(model) as tape:
        loss().backward()
        w = ts.ones(3, requires_grad=True)
        for _ in range(2):
            (w * 2).sum().backward()
    assert tape.error is None, tape.error_text


def test_a_scaler_is_understood_there(away: Any) -> None:
    away(copies=True)
    model, loss = MODELS["mlp"]()
    opt, scaler = torch.optim.SGD(model.parameters(), 0.01), torch.amp.GradScaler("cpu", init_scale=2.0**124)
    expected = []
    with tst.record(model, values="histogram") as tape:
        for _ in range(8):
            opt.zero_grad()
            value = loss() * 100
            scaler.scale(value).backward()
            scaler.unscale_(opt)
            expected.append((float(value.detach()), float(torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in model.parameters()])))))
            scaler.step(opt)
            scaler.update()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 8 and tape.findings() == []
    found = told(tape)
    finite = [s for s, (_, n) in enumerate(expected) if np.isfinite(n)]
    assert 1 <= len(finite) < 8 and [found["scalar", "loss", s] for s in range(8)] == pytest.approx([v for v, _ in expected], rel=1e-5)
    assert [found["scalar", "grad_norm", s] for s in finite] == pytest.approx([expected[s][1] for s in finite], rel=1e-4)
    assert all(n < 1e6 for s in finite for n in found["node", 0, s].values()) if ("node", 0, finite[0]) in found else True


def test_dead_units_are_counted_there(away: Any) -> None:
    away()
    torch.manual_seed(0)
    model, loss = MODELS["mlp"]()
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    opt = torch.optim.SGD(model.parameters(), 0.05)
    with tst.record(model) as tape:
        for _ in range(30):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    assert [f.title for f in tape.findings() if f.rule == "dead-relu"] == ["100% of the units of 1 are dead"]


def test_segments_are_measured_as_the_host_does() -> None:
    parts = [torch.randn(n) * s for n, s in ((1, 1), (7, 1e-3), (256, 1), (257, 10), (3000, 1e-8), (65536, 1))]
    parts[1][2], parts[3][:5], parts[3][6] = float("nan"), float("inf"), -float("inf")
    parts[2][:], parts[4][10:30], parts[4][40:50] = 3.0, 1e-40, 0
    parts[2][0] = 3.0001                                       # a spread far below the mean
    parts.append(torch.full((5,), float("nan")))
    sizes = [p.numel() for p in parts]
    s = Segments(sizes, [float(n) for n in sizes], torch.device("cpu"))
    line = s.new()
    s.gather(parts, line)
    rows, (firsts, widths, counts) = s.moments(line).numpy(), trimmed(s.bins(line).numpy())
    at = 0
    for i, p in enumerate(parts):
        np.testing.assert_allclose(rows[i], moments(p.numpy()), rtol=2e-4, atol=1e-30, err_msg=str(i))
        first, own = histogram(p.numpy())
        assert (firsts[i], widths[i]) == (first, len(own)) and counts[at:at + len(own)].tolist() == own.tolist()
        at += len(own)
    with pytest.raises(ValueError, match="another size"):
        s.gather(parts[::-1], line)


class HostEvent:
    """An event of a stream that has come to `passed`: what the switch needs of torch.cuda.Event."""

    passed = 0.0

    def __init__(self, enable_timing: bool = False) -> None:
        assert enable_timing

    def record(self) -> None:
        self.at = time.perf_counter()

    def query(self) -> bool:
        return self.at <= HostEvent.passed

    def synchronize(self) -> None:
        HostEvent.passed = max(self.at, HostEvent.passed)

    def elapsed_time(self, other: Any) -> float:
        if not self.query() or not other.query():
            raise RuntimeError("device not ready")
        return (other.at - self.at) * 1e3


def test_times_wait_for_the_device_and_nobody_else_does(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away()
    monkeypatch.setattr(times.torch.cuda, "Event", HostEvent)
    monkeypatch.setattr(times.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(times.torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(times.torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(times, "on_device", lambda t: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: None)
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.05)
    with tst.record(model, values="none") as tape:
        for i in range(12):
            opt.zero_grad()
            loss().backward()
            opt.step()
            if not i:
                assert tape.frames("clocks")[0] == [], "the device is not there yet"
                HostEvent.passed = time.perf_counter()
                assert len(tape.frames("clocks")[0]) == 1
        assert tape.recorder.passes == 12
    assert tape.error is None, tape.error_text
    frames = tape.frames("clocks")[0]
    assert [f.meta["step"] for f in frames] == [0, 1, 2, 10]     # launches alone are not times
    g = tape.graphs[tape.recorder.current]
    for f in frames:
        assert np.isfinite(f.columns["op_us"]).all() and (f.columns["op_us"] > 0).all()
        ran = [row for row, op in enumerate(g.node_op) if op >= 0]
        assert (f.columns["node_us"][ran] > 0).all()
