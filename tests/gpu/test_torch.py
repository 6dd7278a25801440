"""PyTorch's models on a GPU: structure is recorded without a synchronisation, and values are those that the same model has on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: it has no models on a GPU")
if not torch.cuda.is_available():
    pytest.skip("this PyTorch sees no CUDA device", allow_module_level=True)

from tapescope.adapters import torch as tst  # noqa: E402

pytestmark = pytest.mark.gpu


def training(device: str) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    model, x, y = model.to(device), x.to(device), y.to(device)
    opt = torch.optim.SGD(model.parameters(), 0.1, foreach=False)

    def step() -> None:
        opt.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        opt.step()

    return model, step


def test_structure_never_waits_for_the_device() -> None:
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
    assert [tape.strings[i] for i in tape.graphs[tape.recorder.current].op_name] == ["linear", "relu", "linear", "cross_entropy"]


def test_values_are_those_of_the_host() -> None:
    found = []
    for device in ("cpu", "cuda"):
        model, step = training(device)
        with tst.record(model, values="histogram") as tape:
            for _ in range(3):
                step()
        assert tape.error is None, tape.error_text
        stats = {}
        for f in tape.frames("stats", max_bytes=1 << 30)[0]:
            for i, (k, s) in enumerate(zip(f.columns["key"], f.columns["step"], strict=True)):
                stats[tape.strings[int(k)], int(s)] = [float(f.columns[c][i]) for c in ("mean", "std", "min", "max", "norm")]
        found.append(stats)
    host, device_stats = found
    assert host.keys() == device_stats.keys() and len(host) > 20
    for key, row in host.items():
        np.testing.assert_allclose(device_stats[key], row, rtol=1e-3, atol=1e-5, err_msg=str(key))


def test_a_held_pass_is_backward_bit_for_bit() -> None:
    model, _ = training("cuda")
    x = torch.randn(4, 8, device="cuda")
    model(x).sum().backward()
    plain = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    dbg = tst.debug(model(x).sum(), module=model)
    dbg.step(3)
    dbg.step_back()
    assert dbg.what_if(scale=2.0).parameters
    dbg.continue_()
    assert all(torch.equal(a, p.grad) for a, p in zip(plain, model.parameters(), strict=True))
