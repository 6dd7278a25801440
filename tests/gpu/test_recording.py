"""A recording of what a device does: the same numbers as of the host, the same findings, and a held backward pass."""

from __future__ import annotations

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim


def run(device: str, values: str, steps: int = 3) -> ts.tape.Tape:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).to(device)
    opt = optim.SGD(model.parameters(), lr=0.1)
    x, y = ts.linspace(-1, 1, 60).reshape(10, 6).to(device), (ts.arange(10) % 3).to(device)
    with ts.record(values=values) as tape:
        for _ in range(steps):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            tape.log_scalar("accuracy", (model(x).argmax(1) == y).float().mean())
    return tape


def rows(tape: ts.tape.Tape, kind: str, name: str) -> dict[tuple[str, int], dict[str, float]]:
    """Every row of a table by its name and step."""
    found = {}
    for frame in tape.frames(kind)[0]:
        for i, key in enumerate(frame.columns[name]):
            found[tape.strings[key], int(frame.columns["step"][i])] = {c: float(v[i]) for c, v in frame.columns.items() if len(v) == len(frame.columns[name])}
    return found


@pytest.mark.parametrize("values", ["none", "health", "stats", "histogram", "full"])
def test_the_structure_is_the_hosts(values, device):
    tapes = run("cpu", values), run(device, values)
    assert [tape.status()["step"] for tape in tapes] == [3, 3]
    ops = [[(tape.strings[k]) for frame in tape.frames("graph")[0] for k in frame.columns.get("op_name", ())] for tape in tapes]
    assert ops[0] == ops[1] and "addmm" in ops[0]


def test_scalars_are_the_hosts(device):
    host, there = (rows(run(where, "stats"), "scalars", "tag") for where in ("cpu", device))
    assert host.keys() == there.keys() and {("loss", 1), ("accuracy", 1)} <= {(tag, step) for tag, step in host}
    for key, row in host.items():
        if key[0] != "step_time":
            assert there[key]["value"] == pytest.approx(row["value"], rel=1e-4, abs=1e-6), key


def test_statistics_are_the_hosts(device):
    host, there = (rows(run(where, "stats"), "stats", "key") for where in ("cpu", device))
    assert host.keys() == there.keys() and ("weight/0.weight", 1) in host
    for key, row in host.items():
        for column in ("mean", "std", "min", "max", "norm", "nan", "inf", "zero", "count"):
            assert there[key][column] == pytest.approx(row[column], rel=1e-3, abs=1e-5, nan_ok=True), (key, column)


def test_histograms_count_every_value(device):
    host, there = (run(where, "histogram").frames("histograms")[0] for where in ("cpu", device))
    counts = [sum(int(frame.columns["count"].sum()) for frame in frames) for frames in (host, there)]
    assert counts[0] == counts[1] > 0


def test_a_nan_on_the_device_is_found_and_named(device):
    x = ts.tensor([0.5, -1.0], device=device, requires_grad=True)
    with ts.record() as tape:
        x.log().sum().backward()
    [found] = [finding for finding in tape.findings() if finding.rule == "non-finite"]
    assert found.severity == "error" and "log" in f"{found.title} {found.cause} {found.node}"


def test_a_healthy_run_has_no_findings(device):
    assert [finding for finding in run(device, "stats", 5).findings() if finding.severity == "error"] == []


def test_a_held_backward_pass_shows_the_values_of_the_device(device, array_type):
    w = ts.tensor([1.0, 2.0], device=device, requires_grad=True)
    loss = (w * w).sum()
    dbg = ts.debug(loss)
    dbg.step()
    assert dbg.at is not None and type(dbg.at.grad_in[0]._array) is array_type
    dbg.step_back()
    dbg.continue_()
    np.testing.assert_allclose(w.grad.cpu().numpy(), [2, 4])


def test_pictures_of_a_tensor_and_of_a_recording_need_no_host_copy_by_the_user(device):
    svg = ts.linspace(0, 1, 12, device=device).reshape(3, 4)._repr_mimebundle_()["image/svg+xml"]
    assert svg.startswith("<svg")
    assert "<svg" in str(run(device, "stats")._repr_mimebundle_())


def printed(device: str, bug: float = 0.0) -> ts.tape.Tape:
    """Three steps with fingerprints; with `bug` the second layer's input is wrong by so much from the second step on."""
    ts.manual_seed(0)
    one, two = nn.Linear(6, 8).to(device), nn.Linear(8, 3).to(device)
    opt = optim.SGD([*one.parameters(), *two.parameters()], lr=0.1)
    x, y = ts.linspace(-1, 1, 60).reshape(10, 6).to(device), (ts.arange(10) % 3).to(device)
    with ts.record(fingerprints=True) as tape:
        for step in range(3):
            opt.zero_grad()
            hidden = F.relu(one(x)) * (1.0 + bug * (step > 0))
            F.cross_entropy(two(hidden), y).backward()
            opt.step()
    assert tape.error is None, tape.error_text
    return tape


def test_numpy_and_the_device_differ_by_rounding_only(device):
    found = ts.compare(printed("cpu"), printed(device))
    assert found.structure.same and found.steps == 3
    assert found.first is None, found.first


def test_the_first_divergence_between_numpy_and_the_device_is_the_op_that_is_wrong(device):
    found = ts.compare(printed("cpu"), printed(device, bug=5e-3))
    assert (found.first.step, found.first.kind, found.first.name) == (1, "op", "mul")
    assert 1e-3 < found.first.difference < 2e-2 and found.first.before < 1e-4
