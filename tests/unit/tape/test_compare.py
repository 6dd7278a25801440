"""Two recordings side by side: structures that differ, and the first value in which runs part, by rounding or by a bug."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.tape.compare import apart
from tapescope.tape.fingerprint import fingerprint


class Net(nn.Module):
    def __init__(self, bug: float = 0.0, at: int = 0, deeper: bool = False) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 8), nn.Linear(8, 3)
        self.extra = nn.Linear(8, 8) if deeper else None
        self.norm = nn.LayerNorm(8)
        self.bug, self.at, self.calls = bug, at, 0

    def forward(self, x: Any) -> Any:
        x = F.relu(self.one(x))
        if self.extra is not None:
            x = F.relu(self.extra(x))
        self.calls += 1
        x = x * (1.0 + (self.bug if self.calls > self.at else 0.0))
        return self.two(self.norm(x))


def run(seed: int = 0, dtype: Any = ts.float32, steps: int = 4, where: Any = None, every: int = 1, noise: float = 0.0, data: int = 5, **options: Any) -> Any:
    ts.manual_seed(seed)
    model = Net(**{k: v for k, v in options.items() if k != "deeper"}, deeper=options.get("deeper", False))
    ts.manual_seed(data)
    x, y = ts.randn(12, 6).to(dtype), ts.randint(0, 3, (12,))
    model = model.to(dtype)
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record(where, fingerprints=True, every=every) as tape:
        for _ in range(steps):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if noise:
                model.one.weight.grad[0, 0] += noise
            opt.step()
    assert tape.error is None, tape.error_text
    return tape


def test_the_same_run_twice_is_the_same_bit_for_bit() -> None:
    found = ts.compare(run(), run())
    assert found.structure.same and found.first is None and found.bits is None and found.steps == 4
    assert "all values of 4 steps are the same, bit for bit" in repr(found)


def test_another_seed_is_seen_in_the_weights() -> None:
    found = ts.compare(run(0), run(1))
    assert found.structure.same
    assert (found.first.step, found.first.kind, found.first.name) == (0, "weight", "one.weight")


def test_another_batch_is_seen_in_the_input() -> None:
    found = ts.compare(run(), run(data=6))
    assert (found.first.step, found.first.kind) == (0, "input")
    assert "input" in str(found.first) and "addmm" in str(found.first)


def test_single_and_double_precision_differ_by_rounding_only() -> None:
    found = ts.compare(run(), run(dtype=ts.float64))
    assert found.first is None
    assert found.bits is not None and found.bits.difference < 1e-6
    assert all(a.name == b.name and a.dtype != b.dtype for a, b in found.structure.changed)
    assert "nothing differs by more than rounding" in repr(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bug_is_found_at_its_op_and_its_step(dtype: str) -> None:
    found = ts.compare(run(), run(bug=2e-3, at=2, dtype=getattr(ts, dtype)))
    assert (found.first.step, found.first.kind, found.first.name) == (2, "op", "mul")
    assert 1e-3 < found.first.difference < 1e-2 and found.first.before < 1e-5
    assert found.first.a.source[0].endswith("test_compare.py") and "self.bug" in found.first.a.source[3]
    assert "mul" in str(found.first) and found.growth[0].name == "mul"


def test_a_gradient_that_was_touched() -> None:
    found = ts.compare(run(), run(noise=1.0))
    assert (found.first.step, found.first.kind, found.first.name) == (0, "gradient", "one.weight")


def test_a_tolerance_of_ones_own() -> None:
    assert ts.compare(run(), run(bug=2e-3), tolerance=0.1).first is None
    assert ts.compare(run(), run(dtype=ts.float64), tolerance=1e-9).first.kind in ("op", "weight", "input")


def test_structures_that_differ() -> None:
    found = ts.compare(run(), run(deeper=True))
    assert {op.module for op in found.structure.added} == {"extra", ""} and not found.structure.removed
    assert "addmm" in {op.name for op in found.structure.added}
    assert found.first is not None
    wider = ts.compare(run(), run_wider())
    assert wider.structure.changed and not wider.structure.added
    assert "~" in repr(wider)


def run_wider() -> Any:
    ts.manual_seed(0)
    model = Net()
    model.one, model.norm, model.two = nn.Linear(6, 10), nn.LayerNorm(10), nn.Linear(10, 3)
    with ts.record() as tape:
        F.cross_entropy(model(ts.randn(12, 6)), ts.zeros(12, dtype=ts.int64)).backward()
    return tape


def test_tapes_without_fingerprints_compare_in_structure() -> None:
    found = ts.compare(run_wider(), run_wider())
    assert found.structure.same and found.steps == 0
    assert "record(fingerprints=True)" in repr(found)


def test_from_disk_and_at_every_other_step(tmp_path: Path) -> None:
    run(where=tmp_path / "a", every=2)
    found = ts.compare(tmp_path / "a", run(bug=1e-2, every=2))
    assert found.steps == 1 and found.first.name == "mul"
    assert ts.compare(tmp_path / "a", run(every=2)).bits is None


def test_fingerprints() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 400)).astype(np.float32)
    p = fingerprint(x)
    assert p == fingerprint(np.asfortranarray(x)) and all(math.isfinite(v) for v in p)
    assert apart(p, fingerprint(x.astype(np.float64))) < 1e-7 and p[2] != fingerprint(x.astype(np.float64))[2]
    noisy = x * (1 + rng.normal(size=x.shape) * 1e-6).astype(np.float32)
    assert 0 < apart(p, fingerprint(noisy)) < 2e-5
    assert apart(p, fingerprint(x * 1.01)) > 5e-3 and apart(p, fingerprint(-x)) > 1e-4
    small = rng.normal(size=50).astype(np.float32)
    wrong = small.copy()
    wrong[7] = np.nan
    assert apart(fingerprint(small), fingerprint(wrong)) == math.inf and apart(fingerprint(wrong), fingerprint(wrong)) == 0
    for odd in (np.zeros(0, np.float32), np.array(3, np.int64), np.ones(3, bool), np.ones(2, np.complex64), np.ones(70_000, np.complex128)):
        assert len(fingerprint(odd)) == 3


def test_pytorch_and_ours_agree_and_a_difference_is_found() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    from tapescope.adapters import torch as tst

    def build(lib: Any) -> Any:
        return lib.nn.Sequential(lib.nn.Linear(6, 8), lib.nn.ReLU(), lib.nn.LayerNorm(8), lib.nn.Linear(8, 3))

    def learn(lib: Any, tape: Any, model: Any, x: Any, y: Any) -> Any:
        opt = lib.optim.SGD(model.parameters(), lr=0.1)
        with tape:
            for _ in range(3):
                opt.zero_grad()
                lib.nn.functional.cross_entropy(model(x), y).backward()
                opt.step()
        assert tape.error is None, tape.error_text
        return tape

    ts.manual_seed(0)
    mine = build(ts)
    x, y = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32), np.arange(12) % 3
    theirs = build(torch)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    other = build(torch)
    other.load_state_dict(theirs.state_dict())
    other[2].eps = 0.1
    a = learn(ts, ts.record(fingerprints=True), mine, ts.tensor(x), ts.tensor(y))
    b = learn(torch, tst.record(theirs, fingerprints=True), theirs, torch.tensor(x), torch.tensor(y))
    c = learn(torch, tst.record(other, fingerprints=True), other, torch.tensor(x), torch.tensor(y))
    found = ts.compare(a, b)
    assert found.steps == 3 and found.first is None, found
    assert found.bits is not None
    bug = ts.compare(a, c)
    assert (bug.first.step, bug.first.kind, bug.first.a.module) == (0, "op", "2"), bug
