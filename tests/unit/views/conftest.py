"""One small recording for all tests of views."""

from __future__ import annotations

import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.tape import Tape

NASTY = "<img src=x onerror=alert(1)> & \"quoted\" \x07"


@pytest.fixture(scope="session")
def model() -> nn.Module:
    ts.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


@pytest.fixture(scope="session")
def tape(model: nn.Module) -> Tape:
    opt = optim.Adam(model.parameters(), lr=1e-2)
    x, y = ts.randn(30, 8), ts.tensor([0, 1, 2] * 10)
    with ts.record(values="histogram", name=NASTY) as made:
        made.probe("activation/0")
        made.probe("weight/2.weight")
        for _ in range(12):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            made.labels(y)
            made.log_scalar(NASTY, loss)
    return made


@pytest.fixture
def empty() -> Tape:
    with ts.record(name="nothing") as made:
        pass
    return made
