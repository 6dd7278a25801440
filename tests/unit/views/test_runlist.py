"""Runs in a cell: the live list, its picture, its figures, and what it keeps for readers without a kernel."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.views import parts

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    for i in range(4):
        with ts.record(tmp_path / "runs" / f"exp{i}", params={"lr": (0.1, 0.01)[i % 2], "model": NASTY if i == 3 else "mlp", "depth": 2}) as tape:
            for step in range(5):
                tape.log_scalar("val/loss", 1 / (step + 1) + i, step)
                tape.step()
    return ts.runs(tmp_path / "runs")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not (parts.BUNDLES / "runs.js").exists():
        (tmp_path / "runs.js").write_text("export default {}")
        monkeypatch.setattr(parts, "BUNDLES", tmp_path)


def test_in_a_cell_runs_are_a_live_list_with_a_table_and_a_picture(runs: Any, built: None) -> None:
    bundle, _ = runs.where("lr > 0.05").sort("val/loss")._repr_mimebundle_()
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"] and bundle["text/plain"].startswith("2 runs")
    assert "<td>exp0</td>" in bundle["text/html"] and "exp1" not in bundle["text/html"]
    words = "".join(ET.fromstring(bundle["image/svg+xml"]).itertext())
    assert "exp0" in words and "exp1" not in words and "val/loss" in words
    picture = runs._repr_mimebundle_()[0]
    assert NASTY not in picture["text/html"] and "onerror" not in picture["image/svg+xml"].replace("&lt;img src=x onerror", "")


def test_a_view_asks_for_what_the_runs_are(runs: Any, built: None) -> None:
    view = runs.where("lr > 0.05").sort("val/loss", descending=True).view(group="model", metric="val/loss", height=300)
    options = view.get_state()["options"]
    assert {k: options[k] for k in ("where", "sort", "group", "metric", "height")} == {
        "where": "lr > 0.05", "sort": {"by": "val/loss", "down": True}, "group": ["model"], "metric": "val/loss", "height": 300}
    assert options["path"] == str(runs.root) and "only" not in options
    assert [r["name"] for r in options["saved"]["listing"]["runs"]] == ["exp2", "exp0"]
    assert [(b["name"], b["runs"]) for b in options["saved"]["compared"]["bands"]] == [("model=mlp", 2)]
    assert runs[1:3].view().options["only"] == ["exp1", "exp2"]
    assert "polygon" in view.to_svg()
    with pytest.raises(KeyError, match="no run has the parameter 'rate'; there are depth, lr, model"):
        runs.view(group="rate")
    with pytest.raises(KeyError, match="no run has 'val/los'; did you mean 'val/loss'"):
        runs.view(metric="val/los")


def test_without_the_pages_half_there_is_the_table(runs: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    bundle, _ = runs._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"} and "exp3" in bundle["text/html"]


def test_figures(runs: Any, built: None) -> None:
    axes = {d.label: d for d in runs.to_plotly().data[0].dimensions}
    assert list(axes) == ["lr", "model", "val/loss"]                  # what is the same everywhere has no axis
    np.testing.assert_allclose(axes["lr"]["values"], [0.1, 0.01, 0.1, 0.01])
    assert list(axes["model"]["values"]) == [0, 0, 0, 1] and axes["model"].ticktext[1].startswith("&lt;img")
    found = runs.compare("val/loss", by="lr")
    for figure in (found.to_plotly(), runs.view(group="lr", metric="val/loss").to_plotly()):
        band, mean = figure.data[0], figure.data[1]
        np.testing.assert_allclose(mean.y, 1 / np.arange(1, 6) + 1)
        np.testing.assert_allclose(band.y, np.concatenate([1 / np.arange(1, 6) + 2, (1 / np.arange(1, 6))[::-1]]))
        assert mean.name == "lr=0.1" and band.fill == "toself"
    assert ts.runs(runs.root)[:0].to_plotly().data == ()
