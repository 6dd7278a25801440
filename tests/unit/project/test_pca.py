"""PCA against its definition, alignment over steps, and projections of a probed layer."""

from __future__ import annotations

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn, optim, project
from tapescope.project import neighbours, pca, procrustes


def test_pca_finds_the_directions_of_variance() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 3)) * [5, 2, 0.5] @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    mean, basis, share = pca(x)
    y = (x - mean) @ basis
    np.testing.assert_allclose(np.cov(y.T), np.diag(np.var(y, axis=0, ddof=1)), atol=1e-8)
    np.testing.assert_allclose(share.sum(), 1)
    assert share[0] > share[1] > share[2]


def test_randomized_keeps_almost_all_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 8)) @ rng.standard_normal((8, 1500)) + 0.01 * rng.standard_normal((300, 1500))
    _, _, exact = pca(x, exact=2000)
    _, _, found = pca(x)
    np.testing.assert_allclose(found, exact, rtol=1e-3)


@pytest.mark.parametrize("x", [np.zeros((4, 3)), np.ones((1, 5)), np.ones((3, 1))])
def test_degenerate_data(x: np.ndarray) -> None:
    mean, basis, share = pca(x)
    assert basis.shape == (x.shape[1], 3)
    assert np.isfinite((x - mean) @ basis).all()
    assert np.isfinite(share).all()


def test_procrustes_undoes_a_turn() -> None:
    rng = np.random.default_rng(0)
    a = np.linalg.qr(rng.standard_normal((10, 3)))[0]
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(procrustes(a @ turn, a), a, atol=1e-12)


def test_neighbours() -> None:
    x = np.array([[1.0, 0], [2, 0.1], [0, 1], [1.1, 0]])
    assert neighbours(x, 0, 2).tolist() == [3, 1]
    assert neighbours(x, 0, 2, "l2").tolist() == [3, 1]
    with pytest.raises(ValueError, match="cosine"):
        neighbours(x, 0, metric="taxi")


def test_a_probed_layer_is_projected_with_labels_and_without_jumps() -> None:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))
    opt = optim.SGD(model.parameters(), lr=0.1)
    x, y = ts.randn(60, 8), ts.randint(0, 3, (60,))
    with ts.record() as tape:
        tape.probe("activation/0")
        for _ in range(6):
            loss = nn.functional.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
    found, cursor = [], None
    while True:
        frames, cursor = project.frames(tape, "activation/0", cursor)
        if not frames:
            break
        found += frames
    assert [f.meta["step"] for f in found] == sorted({f.meta["step"] for f in found})
    last = found[-1]
    assert last.meta["n"] == 60
    assert last.columns["label"].tolist() == y.tolist()
    a, b = (f.columns["xyz"].reshape(-1, 3) for f in found[-2:])
    assert np.linalg.norm(a - b) < 0.2 * np.linalg.norm(b)
