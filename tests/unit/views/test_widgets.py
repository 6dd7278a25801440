"""The anywidgets: traits, mimebundles, plotly figures, the wire behind them, the magic."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
import zlib
from typing import Any

import plotly.graph_objects as go
import pytest

from tapescope.link import commands
from tapescope.link.client import KERNEL
from tapescope.tape import Tape
from tapescope.views import magic, parts, widgets
from tapescope.views.parts import BUNDLES
from tapescope.views.widgets import METHODS, TapeView

KEYS = {"projector": "0", "tensor": "weight/2.weight"}


@pytest.fixture(params=sorted(METHODS))
def view(request: pytest.FixtureRequest, tape: Tape, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> TapeView:
    cls = METHODS[request.param]
    if not (BUNDLES / f"{cls.view}.js").exists():              # what is tested here does not need the page's half
        (tmp_path / f"{cls.view}.js").write_text("export default {}")
        monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    return cls(tape, KEYS[cls.view]) if cls.view in KEYS else cls(tape)       # type: ignore[call-arg]


def test_traits(view: TapeView, tape: Tape) -> None:
    state = view.get_state()
    assert (state["recording"], state["kernel"]) == (tape.id, KERNEL)
    assert {"options", "selection", "_esm"} <= set(state)
    assert view.options.get("key") == {"projector": "activation/0", "tensor": "weight/2.weight"}.get(view.view)


def test_mimebundle_has_the_live_view_and_a_picture(view: TapeView) -> None:
    bundle, _ = view._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert bundle["text/plain"].startswith(f"<{view.view} of <Tape ")
    ET.fromstring(bundle["image/svg+xml"])
    img = re.fullmatch(r'<img alt="([^"]*)" src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)">', bundle["text/html"])
    assert img
    assert "<" not in img[1]
    assert base64.b64decode(img[2]).decode() == bundle["image/svg+xml"]


def test_a_view_of_a_recording_that_has_ended_keeps_it_in_few_bytes(view: TapeView, tape: Tape) -> None:
    kept = view.get_state()["replay"]
    assert 1000 < len(kept) <= widgets.settings.saved_bytes + 4096
    assert kept is widgets.kept(tape)                            # packed once for all its views


def test_an_output_carries_it_for_hosts_without_widgets(view: TapeView, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = view._repr_mimebundle_()
    names = list(bundle)
    assert names.index("application/vnd.jupyter.widget-view+json") < names.index(widgets.MIME)      # a host that has both takes the live one
    carried = json.loads(json.dumps(bundle[widgets.MIME]))
    assert (carried["format"], carried["view"], carried["options"]) == (1, view.view, view.options)
    assert base64.b64decode(carried["data"]) == widgets.kept(tape)
    monkeypatch.setitem(widgets.settings.__dict__, "saved_bytes", 0)
    assert widgets.MIME not in view._repr_mimebundle_()[0]


def test_the_size_that_views_keep_is_the_users(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = len(widgets.kept(tape))
    monkeypatch.setitem(widgets.settings.__dict__, "saved_bytes", 9000)
    assert 0 < len(widgets.kept(tape)) < min(whole, 13_096)
    for name, value, error in (("saved_bytes", -1, ValueError), ("saved_bytes", "1 MB", ValueError), ("size", 1, AttributeError)):
        with pytest.raises(error):
            setattr(widgets.settings, name, value)


def test_a_view_that_was_shown_before_keeps_it_when_the_recording_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import tapescope as ts

    (tmp_path / "metrics.js").write_text("export default {}")
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    with ts.record() as running:
        shown = widgets.MetricsView(running)
        running.log_scalar("loss", 1.0)
        assert shown.replay == b""
    assert len(shown.replay) > 100
    shown.close()


def test_code_that_comes_later_is_handed_over_by_name_and_saved_with_the_recording(tape: Tape, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph.js").write_text("export default {}")
    (tmp_path / "graph" / "side-A1.js").write_text("export const café = 1;", encoding="utf-8")
    (tmp_path / "secret.js").write_text("no part")
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    said: list[dict[str, Any]] = []
    for name in ("side-A1.js", "side-B2.js", "../secret.js", "*.js", None):
        commands.put({"verb": "view.part", "args": {"name": name}}, said.append)
    assert said[0] == {"ok": True, "result": "export const café = 1;"}
    assert [s["ok"] for s in said[1:]] == [False] * 4
    assert "side-B2.js" in said[1]["error"]
    assert "Run the cell again" in said[1]["error"]
    kept = widgets.GraphView(tape).parts
    assert json.loads(zlib.decompress(kept)) == {"side-A1.js": "export const café = 1;"}


def test_plotly(view: TapeView) -> None:
    figure = view.to_plotly()
    assert isinstance(figure, go.Figure)
    assert figure.data
    assert "<img" not in figure.to_json().replace("\\u003c", "<")


def test_plotly_of_an_empty_tape_is_a_figure(view: TapeView, empty: Tape) -> None:
    view.tape = empty
    view.options = {}
    assert isinstance(view.to_plotly(), go.Figure)
    assert view.to_svg()


def test_figures_hold_the_numbers(tape: Tape) -> None:
    figure = widgets.MetricsView.figure(tape)
    loss = next(t for t in figure.data if t.name == "loss")
    assert list(loss.x) == list(range(12))
    assert loss.y[-1] < loss.y[0]
    one = widgets.HistogramsView.figure(tape, key="weight/0.weight")
    assert len(one.data) == 1
    with pytest.raises(KeyError, match="no histograms of 'weight/nobody'"):
        widgets.HistogramsView.figure(tape, key="weight/nobody")
    cloud = widgets.ProjectorView.figure(tape, key="0")
    assert [t.name for t in cloud.data] == ["0", "1", "2"]
    assert sum(len(t.x) for t in cloud.data) == 30


def test_what_is_selected_on_a_page_is_known_to_the_tape(view: TapeView, tape: Tape) -> None:
    heard: list[Any] = []
    view.observe(lambda change: heard.append(change["new"]["points"]), "selection")
    tape.memory.pop("selection", None)
    assert tape.selection == {}                                # type: ignore[attr-defined]
    view.set_state({"selection": {"key": "activation/0", "step": 3, "points": [4, 7]}})       # as the page's half does
    assert tape.selection["points"] == [4, 7]                  # type: ignore[attr-defined]
    assert heard == [[4, 7]]


def test_the_tape_has_the_views(tape: Tape) -> None:
    import tapescope.facade

    assert tapescope.facade
    for name in METHODS:
        assert callable(getattr(tape, name))
    if (BUNDLES / "metrics.js").exists():
        assert isinstance(tape.metrics(height=300), widgets.MetricsView)      # type: ignore[attr-defined]


def test_a_view_that_is_not_built_says_so(tape: Tape, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"metrics\.js is missing. Run `npm run build`"):
        widgets.MetricsView(tape)


@pytest.mark.parametrize("key", [3, ""])
def test_a_key_that_is_none(tape: Tape, key: Any) -> None:
    with pytest.raises(TypeError, match="key names a layer or a tensor"):
        widgets.TensorView(tape, key)


def test_a_page_speaks_the_wire_by_custom_messages(view: TapeView, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescope.link.loop import service

    monkeypatch.setattr(service, "_start", lambda: None)
    sent: list[Any] = []
    monkeypatch.setattr(type(view), "send", lambda self, content, buffers=None: sent.append((content, buffers)))
    view._handle_custom_msg({"type": "attach", "protocol": 1, "client": "tab", "request": "a"}, [])
    assert sent[0][0]["type"] == "attached"
    view._handle_custom_msg({"type": "subscribe", "request": "s", "recording": tape.id, "kind": "scalars"}, [])
    client = service.clients[-1]
    client.pump(1.0)
    content, buffers = sent[-1]
    assert content["kind"] == "scalars"
    assert len(buffers) == len(content["columns"])
    view.close()
    client.receive({"type": "attach", "protocol": 1, "client": "tab", "request": "b"})
    service.remove(client)


def test_options_of_the_magic() -> None:
    assert magic._options("") == {"values": "histogram"}
    assert magic._options("'two words' values=stats every=3") == {"name": "two words", "values": "stats", "every": 3}
    with pytest.raises(ValueError, match="unknown option 'vlaues'"):
        magic._options("vlaues=stats")
