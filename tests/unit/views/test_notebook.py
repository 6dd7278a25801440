"""A notebook as a page with live views: what it carries, what it leaves alone."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tapescope.tape import Tape
from tapescope.views import parts
from tapescope.views.notebook import WIDGET, NotebookExporter
from tapescope.views.widgets import MIME, MetricsView

CODE = "export default {}; // </script>"


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "metrics.js").write_text(CODE)
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)


def notebook(*outputs: dict[str, Any], text: str = "words") -> Any:
    cells = [nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", o)]) for o in outputs]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *cells])
    nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": {"m": {"model_name": "AnyModel"}}}}
    return nb


def scripts(text: str, id: str) -> list[str]:
    return re.findall(rf'<script[^>]*id="{id}"[^>]*>(.*?)</script>', text, re.DOTALL)


def test_views_are_carried_with_their_code_once(tape: Tape) -> None:
    bundle = MetricsView(tape, height=300)._repr_mimebundle_()[0]
    nb = notebook(bundle, bundle, {"text/plain": "3"})
    before = nbformat.writes(nb)
    text, _ = NotebookExporter().from_notebook_node(nb)
    assert nbformat.writes(nb) == before                        # the notebook itself is left as it is
    assert len(re.findall(r'class="[^"]*tapescope-view[^"]*"', text)) == 2 and "data:image/svg+xml" in text       # the picture stands until the view comes
    (saved,) = scripts(text, "tapescope-view-1")
    view = json.loads(saved)
    assert view["view"] == "metrics" and view["options"] == {"height": 300} and base64.b64decode(view["data"]) == MetricsView(tape).replay
    (code,) = scripts(text, "tapescope-code-metrics")
    assert zlib.decompress(base64.b64decode(code)).decode() == CODE
    assert "<img src=x" not in text
    assert "widget-state+json" not in text and not re.findall(r'<script[^>]+src="http', text)                  # nothing is fetched


def test_what_is_not_ours_is_left_alone(tape: Tape) -> None:
    other = {WIDGET: {"model_id": "m", "version_major": 2, "version_minor": 0}, "text/plain": "a slider"}
    view = MetricsView(tape)._repr_mimebundle_()[0]
    odd = [{MIME: {"format": 2, "view": "metrics", "options": {}, "data": ""}, "text/plain": "newer"}, {MIME: {"format": 1, "view": "../../x", "options": {}, "data": ""}, "text/plain": "elsewhere"},
           {MIME: "text", "text/plain": "no object"}, {MIME: {"format": 1, "view": "graph", "options": {}, "data": ""}, "text/plain": "not built"}]
    text, _ = NotebookExporter().from_notebook_node(notebook(other, view, *odd, text="$x^2$"))
    assert "widget-state+json" in text and "mathjax" in text.lower() and all(o["text/plain"] in text for o in odd)
    assert len(scripts(text, r"tapescope-view-\d+")) == 1
    plain, _ = NotebookExporter().from_notebook_node(notebook({"text/plain": "3"}))
    assert "tapescope-view" not in plain


def test_plain_html_has_them_where_the_wheel_has_said_so(tape: Tape, tmp_path: Path) -> None:
    """By the file that the wheel installs, as `jupyter nbconvert --to html` reads it."""
    from nbconvert.exporters import HTMLExporter
    from nbconvert.nbconvertapp import NbConvertApp

    settings = Path(__file__).parents[3] / "extension/nbconvert/jupyter_nbconvert_config.json"
    app = NbConvertApp(config_file=str(settings))
    app.load_config_file(suppress_errors=False)
    nb = notebook(MetricsView(tape)._repr_mimebundle_()[0], {"text/plain": "3"})
    text, _ = HTMLExporter(config=app.config).from_notebook_node(nb)
    assert text.count('class="tapescope-view"') == 1 and len(scripts(text, "tapescope-code-metrics")) == 1
    assert "widget-state+json" not in text                       # nothing that would be fetched to draw them
    assert "tapescope-view" not in HTMLExporter().from_notebook_node(nb)[0]
    again, _ = NotebookExporter(config=app.config).from_notebook_node(nb)
    assert again.count('class="tapescope-view"') == 1 and len(scripts(again, "tapescope-code-metrics")) == 1


def test_what_has_a_picture_alone_shows_it_without_a_network(tape: Tape) -> None:
    bundle = {WIDGET: {"model_id": "m", "version_major": 2, "version_minor": 0}, "text/html": "<b>the table</b>", "text/plain": "runs"}
    nb = notebook(bundle)
    nb.cells[1].outputs[0].metadata[MIME] = {"view": "runs"}
    text, _ = NotebookExporter().from_notebook_node(nb)
    assert "<b>the table</b>" in text and "widget-state+json" not in text


def test_the_size_is_what_the_user_allows(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescope.views import widgets

    monkeypatch.setitem(widgets.settings.__dict__, "saved_bytes", 0)
    text, _ = NotebookExporter().from_notebook_node(notebook(MetricsView(tape)._repr_mimebundle_()[0]))
    assert "tapescope-view" not in text and "data:image/svg+xml" in text
