"""Each rule names its trouble, with the line; none speaks on a healthy run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope import nn, optim


def train(model: Any, steps: int = 40, lr: float = 1e-2, loss_fn: Any = None, n: int = 64, width: int = 16) -> Any:
    x = ts.randn(n, width)
    y = (x[:, 0] > 0).long()
    opt = optim.Adam(model.parameters(), lr=lr)
    with ts.record() as tape:
        for _ in range(steps):
            out = model(x)
            loss = nn.functional.cross_entropy(out, y) if loss_fn is None else loss_fn(out, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
    return tape


def mlp(depth: int = 2, width: int = 32, act: Any = nn.ReLU) -> Any:
    layers: list[Any] = []
    size = 16
    for _ in range(depth):
        layers += [nn.Linear(size, width), act()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, 2))


def rules(tape: Any) -> set[str]:
    return {f.rule for f in tape.findings()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [lambda: mlp(2), lambda: mlp(5), lambda: mlp(2, act=nn.Tanh), lambda: mlp(3, act=nn.GELU),
                                  lambda: nn.Sequential(nn.LayerNorm(16), mlp(2)), lambda: nn.Sequential(mlp(1), nn.Softplus())])
def test_silent_on_a_healthy_run(seed: int, make: Any) -> None:
    ts.manual_seed(seed)
    assert train(make()).findings() == []


def test_non_finite_names_the_maker_and_the_line() -> None:
    ts.manual_seed(0)
    model = mlp()

    def bad(out: Any, y: Any) -> Any:
        p = nn.functional.relu(out)
        q = p.log()                                        # log of zeros
        return (q * 0).sum() + out.sum()

    tape = train(model, 3, loss_fn=bad)
    first = tape.findings()[0]
    assert (first.rule, first.severity) == ("non-finite", "error")
    assert first.title.startswith("log made")
    assert "inf" in str(first.value)
    assert first.source is not None
    assert first.source[0].endswith("test_rules.py")
    assert first.step == 0
    assert first.op is not None
    assert not any(f.title.startswith("mul made") and f.step == 0 and "nan" not in str(f.value) for f in tape.findings())


def test_no_gradient_says_where_the_path_was_cut() -> None:
    ts.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(16, 8), nn.Linear(8, 2), nn.Linear(16, 2)

        def forward(self, x: Any) -> Any:
            return self.b(self.a(x).detach())

    found = {f.parameter: f for f in train(Net(), 5).findings() if f.rule == "no-gradient"}
    assert set(found) == {"a.weight", "a.bias", "c.weight", "c.bias"}
    assert "detach" in found["a.weight"].cause
    assert "no op of the forward pass used it" in found["c.weight"].cause


def test_vanishing_in_a_deep_sigmoid_net() -> None:
    ts.manual_seed(0)
    found = [f for f in train(mlp(9, 16, nn.Sigmoid), 12).findings() if f.rule == "vanishing-gradient"]
    assert found
    assert found[0].parameter == "0.weight"
    assert isinstance(found[0].value, float)
    assert found[0].value < 1e-4
    assert found[0].source is not None


def test_exploding() -> None:
    ts.manual_seed(0)
    w = nn.Linear(16, 16, bias=False)
    with ts.record() as tape:
        for i in range(12):
            x = ts.randn(8, 16) * (1e6 if i == 11 else 1)
            loss = (w(x) ** 2).mean()
            w.zero_grad()
            loss.backward()
            tape.step()
    found = [f for f in tape.findings() if f.rule == "exploding-gradient"]
    assert found
    assert found[0].step == 11
    assert found[0].parameter == "weight"


def test_dead_relu() -> None:
    ts.manual_seed(0)
    model = mlp(1)
    model[0].bias.data = ts.full((32,), -100.0)
    found = [f for f in train(model, 40, lr=1e-4).findings() if f.rule == "dead-relu"]
    assert found
    assert found[0].value == 1.0
    assert found[0].severity == "error"


def test_muted_findings_stay_away() -> None:
    ts.manual_seed(0)
    tape = train(mlp(9, 16, nn.Sigmoid), 12)
    from tapescope import diagnose

    for f in tape.findings():
        diagnose.mute(tape, f.id)
    assert tape.findings() == []
    frames, cursor = diagnose.frames(tape, None)
    assert frames[0].meta == {"findings": []}
    assert diagnose.frames(tape, cursor)[0] == []


def test_a_finding_tells_its_patterns_in_memory_and_from_disk(tmp_path: Path) -> None:
    with ts.record(tmp_path / "run") as tape:
        for _ in range(3):
            x = ts.ones(3, requires_grad=True)
            ((x - x).log()).sum().backward()
            tape.step()
    made = tape.findings()[0]
    sent = made.as_dict()
    assert sent["said"]["title"] == ["{0} made {1}", "log", ["{0} of {1}", "3 inf", 3]]
    assert sent["said"]["cause"] == ["{0} of {1}", "log", ["{0} in {1}", "[3]", "[0, 0]"]]
    assert sent["title"] == "log made 3 inf of 3" and sent["threshold"] == "all finite"
    assert all(type(sent[name]) is str for name in ("title", "cause", "fix", "value", "threshold"))
    kept = ts.load_tape(tmp_path / "run").findings()[0]
    assert kept == made and kept.as_dict() == sent
    assert kept.from_dict({**sent, "title": "of a later version"}).as_dict()["said"].keys() == sent["said"].keys() - {"title"}      # text and pattern belong together


def test_a_finding_without_patterns_is_read() -> None:
    from tapescope.diagnose import Finding

    old = Finding.from_dict({"rule": "non-finite", "severity": "error", "title": "log made 1 nan of 3", "cause": "", "fix": "", "id": "a"})
    assert old.as_dict()["said"] == {} and old.title == "log made 1 nan of 3"
