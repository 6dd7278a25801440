"""examples/mnist_cnn.ipynb in JupyterLab: what each of its six views draws is what the tape holds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .lab import ROOT, Lab, Server
from .test_cells import output
from .test_panel import DRAWN

EXAMPLE = ROOT / "examples/mnist_cnn.ipynb"

# What the views are held against, from the tape itself.
FACTS = """
import json
import numpy as np
from tapescope import project

def newest(key, rows=None):
    f = tape.frames("tensor", id=key, max_bytes=1 << 30)[0][-1]
    return {"step": f.meta["step"], "labels": f.meta.get("labels"), "rows": f.meta["shape"][0], "values": np.asarray(f.columns["values"]).reshape(f.meta.get("part", f.meta["shape"]))[:rows].round(4).tolist()}

series = {tag: [] for tag in ("loss/train", "loss/test", "accuracy/train", "accuracy/test", "lr", "grad_norm", "loss")}
for f in tape.frames("scalars", max_bytes=1 << 30)[0]:
    for tag, value in zip(f.columns["tag"], f.columns["value"]):
        series.get(tape.strings[tag], []).append(float(value))
points = project.frames(tape, "embedding/fc1", bases={})[0][-1]
print(json.dumps({
    "last": {tag: values[-1] for tag, values in series.items()},
    "counts": {k: len(v) for k, v in series.items()},
    "weight": [float(model.conv1.weight.mean()), float(model.conv1.weight.std(correction=0))],
    "parameters": [name for name, _ in model.named_parameters()],
    "ops": [len(g.op_name) for g in tape.graphs.values()],
    "filters": newest("weight/conv1.weight"), "inputs": newest("input/conv1", 6), "maps": [newest("activation/conv1", 1), newest("activation/conv2", 1)],
    "labels": test_labels.tolist(), "explained": points.meta["explained"],
    "near": project.near(tape, "embedding/fc1", points.meta["step"], 11)["rows"],
    "runs": [{**r.params, "accuracy/test": r.frames("scalars", id="accuracy/test")[0][-1].columns["value"][-1].item()} for r in ts.recordings()],
}))"""

# Brightness of the middle of every value that a grid of tiles draws: [tile][row][column].
TILES = """(el, [count, height, width]) => {
    const gap = 3, W = el.clientWidth, H = el.clientHeight, k = el.width / W, d = el.getContext('2d').getImageData(0, 0, el.width, el.height).data;
    for (let across = 1; across <= count; across++) {
        const w = (W + gap) / across - gap, h = (w * height) / width, down = Math.ceil(count / across);
        if (Math.abs(down * (h + gap) - gap - H) > 1.5) continue;
        return Array.from({ length: count }, (_, i) => Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => {
            const x = Math.floor(((i % across) * (w + gap) + (w * (c + 0.5)) / width) * k), y = Math.floor((Math.floor(i / across) * (h + gap) + (h * (r + 0.5)) / height) * k), p = (y * el.width + x) * 4;
            return (d[p] + d[p + 1] + d[p + 2]) / 3;
        })));
    }
    return null;
}"""


@pytest.fixture(scope="module")
def toured(browser: Any, lab_server: Server) -> Any:
    """The notebook, run from top to bottom; what the tape holds; the cell that begins with some words."""
    context = browser.new_context(service_workers="block", viewport={"width": 1400, "height": 1000})
    lab = Lab(lab_server, context.new_page())
    shutil.copy(EXAMPLE, lab_server.root)
    lab.open(EXAMPLE.name)
    lab.command("filebrowser:hide-main")
    lab._in_notebook("panel.model.sharedModel.addCell({ cell_type: 'code', source: x });", FACTS)
    cells = lab._in_notebook("return panel.content.widgets.map(w => [w.model.type, w.model.sharedModel.getSource()])")
    live = {}
    for i, (kind, source) in enumerate(cells):
        if kind != "code":
            continue
        lab.run(i, wait=False)
        if source.startswith("setting ="):              # the chart grows while the cell runs
            out = output(lab, i)
            lab.until(lambda o=out: "loss" in "".join(o.all_inner_texts()), what="the live chart")
            live["then"] = "".join(out.all_inner_texts())
            live["running"] = lab.cell_state(i)["count"] is None
        lab.await_cell(i, 240)
    facts = json.loads(lab.text_of(len(cells) - 1))
    yield lab, facts, lambda words: output(lab, next(i for i, (_, source) in enumerate(cells) if source.startswith(words))).first, live
    context.close()


def shown(lab: Lab, view: Any, shots: Path, name: str) -> None:
    view.scroll_into_view_if_needed()
    lab.until(lambda: any(c.evaluate(DRAWN) > 50 for c in view.locator("canvas").all()) if view.locator("canvas").count() else True, what=f"a drawing of {name}")
    lab.page.wait_for_timeout(400)
    lab.page.screenshot(path=shots / f"mnist-{name}.png")


def number(text: str) -> float:
    return float(text.strip().replace("\u2212", "-"))


def test_scalars(toured: Any, shots: Path) -> None:
    lab, facts, cell, live = toured
    assert live["running"], "the chart was not seen while the cell ran"
    view = cell("tape.metrics(filter")
    shown(lab, view, shots, "metrics")
    assert facts["counts"]["loss/test"] == facts["counts"]["accuracy/test"] == 15
    assert facts["counts"]["loss/train"] == facts["counts"]["lr"] == 15 * 23
    assert facts["last"]["accuracy/test"] > 0.93
    for title, tag in {"gradient norm": "grad_norm", "learning rate": "lr", "loss": "loss"}.items():
        card = view.locator(".ts-card, figure, article, section").filter(has=lab.page.get_by_text(title, exact=True)).filter(has_not_text="lines").last
        assert number(card.inner_text().split("\n")[1]) == pytest.approx(facts["last"][tag], rel=2e-3), title
    assert "2 lines" in view.inner_text()


def test_distributions(toured: Any, shots: Path) -> None:
    lab, facts, cell, _ = toured
    view = cell("tape.histograms(")
    shown(lab, view, shots, "histograms")
    text = view.inner_text()
    for name in facts["parameters"]:
        assert name in text
    tile = view.get_by_text("conv1.weight", exact=False).first
    tile.scroll_into_view_if_needed()
    mean, std = facts["weight"]
    found = re.search(r"conv1\.weight[\s\S]*?μ\s*(\S+)\s*σ\s*(\S+)", text)
    assert found
    assert number(found[1]) == pytest.approx(mean, rel=0.01)
    assert number(found[2]) == pytest.approx(std, rel=0.01)


def test_graph(toured: Any, shots: Path) -> None:
    lab, facts, cell, _ = toured
    view = cell("tape.graph(")
    shown(lab, view, shots, "graph")
    text = view.inner_text()
    found = re.search(r"(\d+)\s*ops", text)
    assert found and int(found[1]) in facts["ops"]
    for words in ("conv1", "conv2", "fc1", "fc2"):
        assert words in text


@pytest.mark.parametrize("which", ["filters", "inputs", "conv1", "conv2"])
def test_images(toured: Any, shots: Path, which: str) -> None:
    lab, facts, cell, _ = toured
    view = cell("tape.media(")
    label, values, count = {
        "filters": ("filters of weight/conv1.weight", facts["filters"], 8), "inputs": ("inputs of input/conv1", facts["inputs"], 0),
        "conv1": ("maps of activation/conv1", facts["maps"][0], 8), "conv2": ("maps of activation/conv2", facts["maps"][1], 16)}[which]
    canvas = view.locator(f"canvas[aria-label^='{label}']")
    canvas.scroll_into_view_if_needed()
    lab.until(lambda: canvas.evaluate(DRAWN) > 200, what=label)
    lab.page.screenshot(path=shots / f"mnist-{which}.png")
    caption = canvas.locator("xpath=ancestor::figure").inner_text()
    if which == "inputs":                                       # as many rows as a message holds
        few = re.search(r"(\d+) of \d+ rows", caption)
        count = int(few[1]) if few else values["rows"]
    want = np.abs(np.array(values["values"], float))
    want = want.reshape(-1, *want.shape[-2:])
    drawn = canvas.evaluate(TILES, [count, *want.shape[1:]])
    assert drawn is not None, f"{count} tiles do not lie as they should: {canvas.evaluate('e => [e.clientWidth, e.clientHeight, e.width, e.height]')} {caption}"
    got = np.array(drawn, float)[:len(want)]
    if which == "inputs":                                       # a label stands in the corner of each
        assert len(values["labels"]) == min(values["rows"], 256) and set(values["labels"]) == set(range(10))
        want, got = want[:, 8:, 8:], got[:, 8:, 8:]
    likeness = np.corrcoef(want.ravel(), got.ravel())[0, 1]
    assert likeness < -0.9, f"on light ground what is larger is darker: {likeness:.2f}"


def test_projector(toured: Any, shots: Path) -> None:
    lab, facts, cell, _ = toured
    view = cell("tape.projector(")
    shown(lab, view, shots, "projector")
    assert "360 points" in (view.locator("[role=application]").get_attribute("aria-label") or "")
    counts = [int(b.inner_text().split()[-1]) for b in view.locator(".ts-proj-legend button").all()]
    assert counts == np.bincount(facts["labels"]).tolist()
    lab.until(lambda: view.locator("canvas.ts-proj-over").evaluate(DRAWN) > 8000, what="pictures at their points")
    assert f"{sum(facts['explained']):.0%}" in view.inner_text()
    find = view.get_by_role("searchbox", name="Find points")
    find.fill("#11")
    find.press("Enter")
    lab.until(lambda: "share label" in view.inner_text(), what="its neighbours")
    near = view.get_by_role("group", name="Row 11 and its neighbours")
    lab.until(lambda: near.get_by_role("radio", name="cosine").get_attribute("aria-checked") == "true", what="the kernel's answer")
    rows = [int(re.search(r"\d+", b.inner_text())[0]) for b in near.locator(".ts-proj-near button").all()]      # type: ignore[index]
    assert rows == facts["near"][:len(rows)] and len(rows) >= 4
    same = sum(facts["labels"][r] == facts["labels"][11] for r in facts["near"])
    assert f"{same} of 10 share label {facts['labels'][11]}" in near.inner_text()
    lab.page.screenshot(path=shots / "mnist-near.png")
    find.fill("")
    view.get_by_role("slider").first.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: "of step 22" in (view.locator("[role=application]").get_attribute("aria-label") or ""), what="the first epoch")


def test_hyperparameters(toured: Any, shots: Path) -> None:
    lab, facts, cell, _ = toured
    view = cell("run.metrics(")
    shown(lab, view, shots, "runs")
    axes = view.locator(".ts-parallel-axis .ts-parallel-name").all()
    names = [(a.locator("title").text_content() or "").split(",")[0] for a in axes]
    assert {"batch_size", "lr", "optimizer", "momentum", "weight_decay", "schedule", "dropout", "accuracy/test", "loss/test"} <= set(names)
    at = view.locator(".ts-parallel-axis").evaluate_all(r"els => els.map(e => Number(e.getAttribute('transform').match(/[\d.]+/)[0]))")[names.index("accuracy/test")]
    drawn = {}
    for line in view.locator(".ts-parallel-line").all():
        title, path = line.locator("title").text_content() or "", line.locator("path").last.get_attribute("d") or ""
        numbers = [float(v) for v in re.findall(r"[\d.]+", path)]
        y = next(numbers[i + 1] for i in range(0, len(numbers), 2) if abs(numbers[i] - at) < 0.01)
        drawn[y] = float(re.search(r"accuracy/test\s+(\S+)", title)[1])      # type: ignore[index]
    accuracies = sorted(r["accuracy/test"] for r in facts["runs"])
    assert len(accuracies) == 7
    assert [drawn[y] for y in sorted(drawn, reverse=True)] == pytest.approx(sorted({round(a, 4) for a in accuracies}), abs=1e-3)
    ys, low, high = sorted(drawn), accuracies[0], accuracies[-1]
    for y, value in drawn.items():                              # a straight scale from the least to the greatest
        assert (ys[-1] - y) / (ys[-1] - ys[0]) == pytest.approx((value - low) / (high - low), abs=0.01)
