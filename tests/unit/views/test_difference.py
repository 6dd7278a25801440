"""Two recordings whose structures differ, drawn as one graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
from tapescope import nn
from tapescope.tape.compare import Comparison, Structure
from tapescope.views import parts, static
from tapescope.views.difference import DifferenceView, difference
from tapescope.views.read import structure


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "graph.js").write_text("export default {}")
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)


def run(*layers: nn.Module, name: str = "run") -> Any:
    model = nn.Sequential(*layers)
    with ts.record(name=name) as tape:
        model(ts.ones(4, 6)).sum().backward()
    return tape


def test_what_was_added_changed_and_removed_is_told_by_rows_of_the_later_graph() -> None:
    a = run(nn.Linear(6, 8), nn.ReLU(), nn.Tanh(), nn.Linear(8, 3), name="before")
    b = run(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.Sigmoid(), name="after")
    found = ts.compare(a, b)
    told = difference(found)
    names = structure(b).op_name
    assert told["against"] == "before" and told["graph"] == structure(b).number
    assert sorted(names[r] for r in told["added"]) == sorted(op.name for op in found.structure.added) and "sigmoid" in [names[r] for r in told["added"]]
    assert sorted(name for _, name in told["gone"]) == sorted(op.name for op in found.structure.removed)
    assert all(0 <= row < len(names) for row, _ in told["gone"])
    wider = difference(ts.compare(run(nn.Linear(6, 8)), run(nn.Linear(6, 9))))
    assert wider["added"] == wider["gone"] == [] and [words for _, words in wider["changed"]] == ["6×8 → 6×9", "4×8 → 4×9"]
    assert difference(ts.compare(a, a)) == {"graph": structure(a).number, "against": "before", "added": [], "changed": [], "gone": []}


def test_what_was_removed_stands_at_the_op_that_it_stood_behind() -> None:
    a, b = run(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), run(nn.Linear(6, 8), nn.Identity(), nn.Linear(8, 3))
    told = difference(ts.compare(a, b))
    assert told["gone"] == [[1, "relu"]] and structure(b).op_name[:2] == ["t", "addmm"]
    first = difference(Comparison(Structure(pairs=[(3, 1)], removed=[ts.compare(a, b).structure.removed[0]._replace(row=0)]), None, None, [], 0, ("a", "b"), (a, b)))
    assert first["gone"] == [[1, "relu"]]                       # nothing stood before it


def test_the_view_and_its_picture() -> None:
    a, b = run(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), name="<b>"), run(nn.Linear(6, 9), nn.Linear(9, 3), nn.GELU())
    view = ts.compare(a, b).graph(height=300)
    assert isinstance(view, DifferenceView) and view.view == "graph" and view.recording == b.id
    assert view.options["overlay"] == "changes" and view.options["height"] == 300 and view.options["difference"] == difference(view.comparison)
    svg = view.to_svg()
    assert "".join(ET.fromstring(svg).itertext()).count("added") and svg != static.graph_svg(b)
    assert "against <b>: 3 added, 3 removed, 2 changed" in "".join(ET.fromstring(svg).itertext()) and "−3 removed" in svg and "&lt;b&gt;" in svg
    assert view._repr_mimebundle_()[0]["image/svg+xml"] == svg


def test_a_comparison_that_knows_no_recordings_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match=r"make it with compare\(a, b\)"):
        DifferenceView(Comparison(Structure(), None, None, [], 0, ("a", "b")))
