"""Pictures: well-formed, of something, safe with any text, and useful when there is nothing to show."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn
from tapescope.tape import Tape
from tapescope.views import read, static
from tapescope.views.static import raster

PICTURES = ["graph_svg", "metrics_svg", "histograms_svg", "projector_svg", "probed_svg", "backward_svg", "findings_svg", "media_svg", "dashboard_svg"]


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_xml_with_a_title_and_no_script(name: str, tape: Tape) -> None:
    svg = getattr(static, name)(tape)
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].tag.endswith("title")
    assert float(root.get("width", 0)) > 100
    for e in root.iter():
        assert e.tag.rpartition("}")[2] in {"svg", "g", "title", "text", "rect", "path", "polyline", "circle", "image", "defs", "marker"}
        assert not any(a.startswith("on") for a in e.attrib)
    assert len(svg) < 200_000


@pytest.mark.parametrize(("name", "says"), [
    ("graph_svg", "with ts.record() as tape"), ("metrics_svg", "tape.log_scalar"), ("histograms_svg", "values=\"histogram\""),
    ("projector_svg", "tape.projector('fc1')"), ("probed_svg", "tape.tensor('fc1')"), ("backward_svg", "ts.debug(loss)"), ("findings_svg", "No findings"),
    ("media_svg", "writer.add_images"), ("dashboard_svg", "No metrics yet")])
def test_an_empty_tape_says_what_to_type(name: str, says: str, empty: Tape) -> None:
    assert any(says in t for t in texts(getattr(static, name)(empty)))


def test_logged_pictures_are_in_the_picture_and_texts_are_text() -> None:
    from tapescope.utils.tensorboard.arrays import png

    data = png(np.zeros((4, 4, 3), np.uint8))
    with ts.record() as tape:
        tape.log("image", "digits <b>", data, step=3, meta={"mime": "image/png", "width": 4, "height": 4})
        tape.log("text", "notes", "<script>x</script>", step=3)
        tape.log("audio", "tone", b"RIFF", step=3, meta={"mime": "audio/wav"})
    svg = static.media_svg(tape)
    assert f"data:image/png;base64,{base64.b64encode(data).decode()}" in svg
    assert {"digits <b>", "<script>x</script>", "audio, 4 bytes"} <= set(texts(svg))


def test_the_graph_shows_modules_and_the_ops_outside(tape: Tape) -> None:
    shown = texts(static.graph_svg(tape))
    assert {"0", "1", "2", "Linear  →  30 × 16", "log_softmax", "nll_loss"} <= set(shown)
    assert shown[-1].endswith("3 module calls, 4 parameters") or shown[-1].endswith("4 module calls, 4 parameters")


def test_a_big_graph_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    with ts.record() as tape:
        x = ts.ones(2, requires_grad=True)
        for i in range(300):
            x = x * i
        x.sum().backward()
    svg = static.graph_svg(tape)
    assert len(svg) < 60_000
    assert "more boxes" in texts(svg)[-1]


def test_metrics_show_the_newest_value_and_keep_spikes(tape: Tape) -> None:
    assert texts(static.metrics_svg(tape))[0] == "loss"
    at, v = np.arange(5000.0), np.zeros(5000)
    v[3333] = 7
    kept = static.metrics.thinned(at, v)                       # type: ignore[attr-defined]
    assert len(kept[0]) <= 302
    assert kept[1].max() == 7


def test_values_that_are_not_finite_are_marked() -> None:
    with ts.record() as tape:
        for v in (1.0, float("nan"), float("inf"), 2.0):
            tape.log_scalar("acc", v)
            tape.step()
    svg = static.metrics_svg(tape)
    assert svg.count("l6,6") == 2
    assert "1 to 2" in texts(svg)


def test_bins_are_spread_by_value_and_lose_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000).astype(np.float32)
    k = (x.view(np.uint32) >> 21).astype(int)
    where = np.where(k < 1024, 1024 + k, 1023 - (k - 1024))
    counts = np.bincount(where, minlength=2048)
    steps, axis, spread = read.on_axis([read.Row(3, 0, counts)], bins=30)
    assert steps == [3]
    assert abs(spread.sum() - 20_000) < 60                      # all but the outermost thousandths
    exact = np.histogram(x, axis)[0]
    assert np.abs(spread[0] - exact).max() < 0.25 * exact.max()
    assert abs(np.average((axis[1:] + axis[:-1]) / 2, weights=spread[0]) - x.mean()) < 0.05


@pytest.mark.parametrize("bin", [4, 1023, 1024, 2043])
def test_a_constant_has_an_axis_too(bin: int) -> None:
    _, axis, spread = read.on_axis([read.Row(0, bin, np.array([5]))])
    assert axis[-1] > axis[0]
    assert np.isfinite(spread).all()


def test_histograms_come_as_parameter_gradient_update(tape: Tape) -> None:
    rows = static.histograms.chosen(read.histograms(tape), 12)  # type: ignore[attr-defined]
    assert rows[0] == ["weight/0.weight", "grad/0.weight", "update/0.weight"]
    assert any(k and k.startswith("activation/") for k in rows[-1])


@pytest.mark.parametrize(("array", "says"), [
    (np.zeros((0, 3)), "no elements"), (np.float32(3), "min 3   max 3"), (np.arange(10.0), "mean 4.5"), (np.eye(4, dtype=bool), "max 1"),
    (np.array([1 + 2j]), "complex128 1"), (np.array([np.nan, 1, -np.inf]), "2 of 3 not finite: 1 nan, 1 inf"), (np.full((2, 2), np.nan), "4 of 4 not finite"),
    (np.zeros((3, 2, 5, 5)), "float64 3 × 2 × 5 × 5"), (np.zeros(100_000, np.int8), "int8 100000"), (np.zeros((4000, 300), np.float16), "float16 4000 × 300")])
def test_a_tensor_of_any_kind_has_a_picture(array: Any, says: str) -> None:
    svg = static.tensor_svg(array)
    assert any(says in t for t in texts(svg))
    assert len(svg) < 100_000


def test_tensors_bundle_has_text_picture_and_safe_html() -> None:
    bundle = ts.arange(6.0).reshape(2, 3)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("tensor([[0., 1., 2.]")
    assert bundle["text/html"].startswith("<pre>tensor(")
    assert "data:image/svg+xml;base64," in bundle["text/html"]
    ET.fromstring(bundle["image/svg+xml"])


def test_colours_have_one_hue_each_way() -> None:
    rgb = raster.signed(np.array([[-2.0, 0.0, 2.0, np.nan]]), 2.0)[0].tolist()
    assert rgb == [[194, 87, 26], [251, 251, 253], [47, 111, 222], [192, 41, 59]]
    assert raster.png(rgb := np.zeros((2, 3, 3), np.uint8)).startswith("data:image/png;base64,iVBOR")


def test_findings_are_cards_with_number_and_threshold(model: nn.Module) -> None:
    with ts.record() as tape:
        w = ts.zeros(3, requires_grad=True)
        for _ in range(3):
            w.grad = None
            (w / 0 * 0).sum().backward()
            tape.step()
    shown = texts(static.findings_svg(tape))
    assert any("✕" in t for t in shown)
    assert any("non-finite" in t for t in shown)


def test_a_held_pass_shows_its_cursor(model: nn.Module) -> None:
    loss = model(ts.randn(4, 8)).sum()
    dbg = ts.debug(loss, module=model)
    names = []
    for _ in range(3):
        svg = static.backward_svg(dbg.tape)
        at = texts(svg)
        names.append(at[at.index("▶") + 1])
        assert dbg.at is not None
        assert names[-1] == dbg.at.name
        dbg.step()
    assert "held: node" in at[1]
    dbg.continue_()
    assert "done" in texts(static.backward_svg(dbg.tape))[1]


def test_a_tape_has_a_bundle_of_its_own(tape: Tape, empty: Tape) -> None:
    bundle = static.tape_bundle(tape)
    assert bundle["text/plain"] == repr(tape)
    assert bundle["text/html"].startswith('<img alt="&lt;Tape ')
    assert "loss" in texts(bundle["image/svg+xml"])
    assert set(static.tape_bundle(empty)) == {"text/plain"}
