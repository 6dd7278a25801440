"""t-SNE against scikit-learn's, and the process that computes it beside a recording."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn, project
from tapescope.link import commands
from tapescope.project.tsne import ROWS, affinities, tsne
from tapescope.tape import Tape


@pytest.fixture(scope="module")
def digits() -> Any:
    return pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed").load_digits().data[:300]


def test_affinities_are_those_of_scikit_learn(digits: Any) -> None:
    from scipy.spatial.distance import pdist, squareform
    from sklearn.manifold._t_sne import _joint_probabilities

    want = squareform(_joint_probabilities(squareform(pdist(digits, "sqeuclidean")).astype(np.float32), 30.0, 0))
    np.testing.assert_allclose(affinities(digits, 30.0), want, atol=1e-7)


def test_it_comes_as_far_as_scikit_learn_does(digits: Any) -> None:
    from sklearn.manifold import TSNE, trustworthiness

    told = list(tsne(digits))
    _, _, y, divergence = told[-1]
    reference = TSNE(init="pca", random_state=0, method="exact", max_iter=750)
    there = reference.fit_transform(digits)
    assert divergence < 1.1 * reference.kl_divergence_
    assert trustworthiness(digits, y, n_neighbors=10) > trustworthiness(digits, there, n_neighbors=10) - 0.01
    assert [i for i, *_ in told] == list(range(10, 751, 10))
    again = list(tsne(digits + 0.01, init=y))                    # the next step begins here, and stays near
    assert np.abs(again[-1][2] - y).mean() < 0.2 * np.abs(y).mean()


@pytest.mark.parametrize("x", [np.zeros((12, 3)), np.ones((2, 4)), np.zeros((0, 3)), np.array([[0.0], [1e30], [-1e30], [5.0]]), np.arange(5.0)[:, None]])
@pytest.mark.parametrize("k", [2, 3])
def test_degenerate_rows_have_places(x: np.ndarray, k: int) -> None:
    *_, (_, _, y, _) = tsne(x, k)
    assert y.shape == (len(x), k)
    assert np.isfinite(y).all()


def recorded(rows: int) -> Tape:
    model = nn.Linear(8, 6)
    with ts.record() as tape:
        tape.probe("activation/0")
        nn.Sequential(model)(ts.randn(rows, 8, requires_grad=True)).sum().backward()
        tape.step()
    return tape


def command(verb: str, tape: Tape, key: str) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    commands.put({"verb": verb, "recording": tape.id, "args": {"key": key}}, said.append)
    return said[0]


def until(done: Any, seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_it_is_told_while_it_runs_and_samples_many_rows() -> None:
    tape, key = recorded(ROWS + 40), "tsne3:activation/0"
    assert command("projection.start", tape, key) == {"ok": True, "result": None}
    first = until(lambda: project.frames(tape, key)[0])[0]
    assert (first.meta["key"], first.meta["method"], first.meta["n"], first.meta["of"]) == (key, "t-SNE", ROWS, ROWS + 40)
    assert 0 < first.meta["progress"][0] < first.meta["progress"][1] == 750
    _, cursor = project.frames(tape, key)
    later, _ = until(lambda: (f := project.frames(tape, key, cursor)) and f[0] and f)
    assert later[0].meta["progress"][0] > first.meta["progress"][0]
    assert later[0].columns["xyz"].reshape(-1, 3).std(0).min() > 0
    process = project.job(tape, key)._run
    assert command("projection.stop", tape, key)["ok"]
    assert isinstance(process, subprocess.Popen)
    assert until(lambda: process.poll() is not None)             # nobody looks: it ends
    assert project.frames(tape, key)[0][0].meta["progress"][0] < 750


def test_each_step_begins_where_the_last_has_ended() -> None:
    ts.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 6)), ts.randn(60, 8) + 16 * ts.eye(8)[ts.arange(60) % 2]     # two groups: rows without any keep no order
    with ts.record() as tape:
        tape.probe("activation/0")
        model(x)
        tape.step()
        project.job(tape, "tsne2:activation/0").start()
        done = until(lambda: [f for f in project.frames(tape, "tsne2:activation/0")[0] if f.meta["progress"][0] == f.meta["progress"][1]])
        model(x * 1.01)
        tape.step()
        both = until(lambda: [f for f in project.frames(tape, "tsne2:activation/0")[0] if f.meta["progress"] == [250, 250]])
    a, b = done[0].columns["xyz"], both[-1].columns["xyz"]
    assert both[-1].meta["step"] == done[0].meta["step"] + 1
    assert np.abs(a - b).mean() < 0.3 * np.abs(a).mean()


def test_what_cannot_be_is_said() -> None:
    tape = recorded(8)
    assert "tsne2:<key>" in command("projection.start", tape, "umap:activation/0")["error"]
    assert command("projection.start", tape, "tsne2:activation/nowhere")["ok"]       # it may be copied yet
    assert project.frames(tape, "tsne2:activation/nowhere") == ([], 0)
