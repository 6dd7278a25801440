"""Infinities that a GradScaler expects, accumulation and clipping are understood: losses and norms are the model's, and nothing is reported."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope import nn
from tapescope.nn import functional as F


def network() -> tuple[Any, Any]:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    x, y = ts.randn(32, 8), ts.randint(0, 3, (32,))
    return model, lambda: F.cross_entropy(model(x), y)


def series(tape: Any) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for f in tape.frames("scalars", max_bytes=1 << 30)[0]:
        for t, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True):
            found.setdefault(tape.strings[int(t)], {})[int(s)] = float(v)
    return found


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_scaler_finds_its_scale_in_silence(by_hand: bool) -> None:
    model, loss = network()
    opt = ts.optim.SGD(model.parameters(), 0.01)
    scaler = ts.amp.GradScaler("cpu", init_scale=2.0**124)
    expected = []
    with ts.record(values="histogram") as tape:
        for _ in range(14):
            opt.zero_grad()
            value = loss() * 100
            scaler.scale(value).backward()
            if by_hand:                                         # to clip; step() does it, too
                scaler.unscale_(opt)
            norm = ts.stack([p.grad.double().norm() for p in model.parameters()]).norm() / (1 if by_hand else scaler.get_scale())
            expected.append((float(value.detach()), float(norm)))
            if by_hand:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(opt)
            scaler.update()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 14 and tape.findings() == []
    assert any("GradScaler has skipped steps" in n for n in tape.status()["notes"])
    rows = series(tape)
    assert [rows["loss"][s] for s in range(14)] == pytest.approx([v for v, _ in expected], rel=1e-5)
    finite = [s for s, (_, n) in enumerate(expected) if n < 1e30]
    assert 3 <= len(finite) <= 13 and [rows["grad_norm"][s] for s in finite] == pytest.approx([expected[s][1] for s in finite], rel=1e-3)
    assert len(set(rows["grad_scaler/scale"].values())) > 1
    kept = weakref.ref(value)
    del value
    gc.collect()
    assert kept() is None


def test_a_scale_that_never_helps_and_an_infinity_of_the_model_are_findings() -> None:
    w = nn.Parameter(ts.zeros(3))
    opt, scaler = ts.optim.SGD([w], 0.1), ts.amp.GradScaler("cpu")
    with ts.record() as tape:
        for _ in range(30):
            opt.zero_grad()
            scaler.scale(w.sqrt().sum()).backward()
            scaler.step(opt)
            scaler.update()
    assert tape.error is None and any(f.rule == "non-finite" for f in tape.findings())
    scaler = ts.amp.GradScaler("cpu")
    with ts.record() as tape:
        for _ in range(2):
            opt.zero_grad()
            scaler.scale((ts.log(w.detach()) + w).sum()).backward()
            scaler.step(opt)
            scaler.update()
    assert any("log made 3 inf of 3" in f.title for f in tape.findings())


def test_accumulation_and_clipping_are_no_trouble(tmp_path: Path) -> None:
    model, loss = network()
    opt = ts.optim.SGD(model.parameters(), 0.01)
    for i, clip in enumerate((nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_, None)):
        with ts.record(tmp_path / f"run{i}") as tape:
            for _ in range(5):
                for _ in range(3):
                    (loss() * 1e7).backward()
                if clip is not None:
                    clip(model.parameters(), 1.0)
                else:
                    for p in model.parameters():
                        p.grad *= 1e-7
                opt.step()
                opt.zero_grad()
        assert tape.error is None and tape.step_number == 5
        for told in (tape, ts.load_tape(tmp_path / f"run{i}")):
            assert [f.rule for f in told.findings()] == ([] if clip is not None else ["exploding-gradient"])


def test_bfloat16_has_statistics() -> None:
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed: NumPy has no bfloat16")
    model, loss = network()
    model = model.bfloat16()
    x, y = ts.randn(32, 8).bfloat16(), ts.randint(0, 3, (32,))
    opt = ts.optim.SGD(model.parameters(), 0.1)
    with ts.record(values="histogram") as tape:
        for _ in range(3):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
    assert tape.error is None, tape.error_text
    newest, counts = {}, {}
    for f in tape.frames("stats", max_bytes=1 << 30)[0]:
        newest |= {tape.strings[int(k)]: (float(m), float(n)) for k, m, n in zip(f.columns["key"], f.columns["mean"], f.columns["norm"], strict=True)}
    for f in tape.frames("histograms", max_bytes=1 << 30)[0]:
        for key, end, n in zip(f.columns["key"], f.columns["length"].astype(int).cumsum(), f.columns["length"].astype(int), strict=True):
            counts[tape.strings[int(key)]] = int(f.columns["count"][end - n:end].sum())
    for name, p in model.named_parameters():
        mean, norm = newest[f"weight/{name}"]
        assert mean == pytest.approx(float(p.detach().float().mean()), rel=1e-3, abs=1e-6) and norm == pytest.approx(float(p.detach().float().norm()), rel=1e-3)
        assert newest[f"grad/{name}"][1] == pytest.approx(float(p.grad.float().norm()), rel=1e-3) and counts[f"grad/{name}"] == p.numel()
    assert counts["activation/1"] == 32 * 16
