"""PyTorch's models on a GPU: structure is recorded without a synchronisation, times are the device's, and values are those that the same model has on the host."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: it has no models on a GPU")
DEVICE = "cpu" if "TAPESCOPE_GPU_DEVICE" in os.environ else "cuda"      # nothing stands in for PyTorch's device: a rehearsal is on the host
if DEVICE == "cuda" and not torch.cuda.is_available():
    pytest.skip("this PyTorch sees no CUDA device", allow_module_level=True)

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.debugger import settings  # noqa: E402

pytestmark = pytest.mark.gpu


@pytest.fixture
def device() -> str:
    return DEVICE


@pytest.fixture
def two_devices() -> str:
    if DEVICE == "cpu":
        pytest.skip("a rehearsal of PyTorch has one device only")
    return DEVICE


@pytest.fixture(autouse=True)
def _no_breakpoints_left() -> Iterator[None]:
    yield
    ts.breakpoints.clear()
    settings.on_pause = None


def training(device: str, foreach: bool = False) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    model, x, y = model.to(device), x.to(device), y.to(device)
    opt = torch.optim.SGD(model.parameters(), 0.1, foreach=foreach)

    def step() -> None:
        opt.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        opt.step()

    return model, step


def numbers(tape: Any, kind: str = "stats") -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for f in tape.frames(kind, max_bytes=1 << 30)[0]:
        if kind == "scalars":
            found |= {(tape.strings[int(t)], int(s)): float(v) for t, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True)}
        else:
            for i, (k, s) in enumerate(zip(f.columns["key"], f.columns["step"], strict=True)):
                found[tape.strings[int(k)], int(s)] = [float(f.columns[c][i]) for c in ("mean", "std", "min", "max", "norm", "zero", "subnormal")]
    return found


def names(tape: Any) -> list[str]:
    return [tape.strings[i] for i in tape.graphs[tape.recorder.current].op_name]


def test_structure_never_waits_for_the_device(two_devices: str) -> None:
    model, step = training("cuda")
    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with tst.record(model, values="none") as tape:
            for _ in range(3):
                step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert tape.error is None, tape.error_text
    assert names(tape) == ["linear", "relu", "linear", "cross_entropy"]


def test_statistics_wait_once_a_step(two_devices: str) -> None:
    model, step = training("cuda")
    with tst.record(model, values="stats") as tape:
        for _ in range(3):
            step()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                for _ in range(5):                             # histograms are not due among them
                    step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert tape.error is None, tape.error_text
    assert len([w for w in told if "synchroniz" in str(w.message)]) <= 5


def test_values_are_those_of_the_host() -> None:
    found = []
    for device in ("cpu", DEVICE):
        model, step = training(device)
        with tst.record(model, values="histogram") as tape:
            for _ in range(3):
                step()
        assert tape.error is None, tape.error_text
        found.append({**numbers(tape), **{k: [v] for k, v in numbers(tape, "scalars").items() if k[0] != "step_time"}})
    host, away = found
    assert host.keys() == away.keys() and len(host) > 40
    for key, row in host.items():
        np.testing.assert_allclose(away[key], row, rtol=1e-3, atol=1e-5, err_msg=str(key))


def test_times_are_those_of_the_device(two_devices: str) -> None:
    a = torch.randn(4096, 4096, device="cuda", requires_grad=True)
    for _ in range(3):
        (a @ a).sum().backward()
    before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    before.record()
    a @ a
    after.record()
    torch.cuda.synchronize()
    took = before.elapsed_time(after) * 1e3
    with tst.record(values="none") as tape:
        for _ in range(2):
            a.grad = None
            (a @ a).sum().backward()
            tape.step()
    assert tape.error is None, tape.error_text
    frames = tape.frames("clocks")[0]
    g = tape.graphs[frames[-1].meta["graph"]]
    columns = frames[-1].columns
    row = [tape.strings[i] for i in g.op_name].index("matmul")
    assert 0.3 * took < columns["op_us"][row] < 3 * took
    nodes = [float(t) for t, op in zip(columns["node_us"], g.node_op, strict=True) if op == row]
    assert took < max(nodes) < 6 * took                        # two products


def test_what_is_not_finite_is_found_where_it_began() -> None:
    x = torch.tensor([1.0, 0.0, 2.0], device=DEVICE)
    layer = torch.nn.Linear(3, 3).to(DEVICE)
    opt = torch.optim.SGD(layer.parameters(), 0.1)
    with tst.record(layer) as tape:
        for _ in range(2):
            opt.zero_grad()
            layer((layer(x) * 0).log()).sum().backward()
            opt.step()
    found = [f for f in tape.findings() if f.rule == "non-finite"]
    assert len(found) == 1 and found[0].title.startswith("log made") and found[0].step == 0


def test_half_precision_with_a_scaler_is_no_trouble() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)).to(DEVICE)
    x = torch.randn(256, 64, device=DEVICE)
    opt, scaler = torch.optim.AdamW(model.parameters(), 1e-3), torch.amp.GradScaler(DEVICE, init_scale=2.0**124)
    losses = []
    with tst.record(model, values="histogram") as tape:
        for _ in range(20):
            opt.zero_grad()
            with torch.autocast(DEVICE, dtype=torch.float16 if DEVICE == "cuda" else torch.bfloat16):
                loss = (model(x) - 1).pow(2).mean()
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(opt)
            scaler.update()
            losses.append(float(loss.detach()))
    assert tape.error is None, tape.error_text
    assert tape.findings() == [] and tape.step_number == 20
    told = numbers(tape, "scalars")
    assert [told["loss", s] for s in range(20)] == pytest.approx(losses, rel=1e-3)


def test_what_a_checkpoint_computes_again_is_marked() -> None:
    from torch.utils.checkpoint import checkpoint

    first, block = torch.nn.Linear(8, 8).to(DEVICE), torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU()).to(DEVICE)
    x = torch.randn(4, 8, device=DEVICE)
    with tst.record(block) as tape:
        for _ in range(2):
            checkpoint(block, first(x), use_reentrant=False).sum().backward()
            tape.step()
    assert tape.error is None, tape.error_text
    g = tape.graphs[tape.recorder.current]
    again = [n for n, f in zip(names(tape), g.op_flags, strict=True) if f & 8]
    assert again and again[0] == "linear" and names(tape)[:4] == ["linear", "linear", "relu", "sum"]


def test_what_a_cuda_graph_captures_is_left_alone(two_devices: str) -> None:
    model, step = training("cuda")
    x = torch.randn(32, 8, device="cuda")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            model(x).sum().backward()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with tst.record(model) as tape:
        step()
        with torch.cuda.graph(graph):
            out = model(x)
        graph.replay()
        step()
    torch.cuda.synchronize()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 2 and out.isfinite().all() and any("CUDA graph" in n for n in tape.status()["notes"])


def test_a_held_pass_is_backward_bit_for_bit() -> None:
    model, _ = training(DEVICE)
    x = torch.randn(4, 8, device=DEVICE)
    model(x).sum().backward()
    plain = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    dbg = tst.debug(model(x).sum(), module=model)
    dbg.step(3)
    dbg.step_back()
    assert dbg.what_if(scale=2.0).parameters
    other = torch.nn.Linear(8, 8).to(DEVICE)
    other(x).sum().backward()                                  # the device's own thread is not the one that is held
    assert other.weight.grad is not None
    dbg.continue_()
    assert all(torch.equal(a, p.grad) for a, p in zip(plain, model.parameters(), strict=True))


def test_a_breakpoint_pauses_inside_of_backward() -> None:
    model, step = training(DEVICE)
    seen: list[str] = []
    settings.on_pause = lambda dbg: seen.append(dbg.at.name) or dbg.step(2)
    ts.break_on(op="relu")
    step()
    assert seen and seen[0] == "ReluBackward0" and all(p.grad is not None for p in model.parameters())
