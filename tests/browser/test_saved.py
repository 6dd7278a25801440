"""What lasts without a kernel and without a network: a notebook that nbconvert has made a page of, pictures and full values on an exported page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn
from tapescope.utils.tensorboard import SummaryWriter

from .lab import TOKEN, Lab
from .test_page import open_page  # noqa: F401  (a fixture)
from .test_panel import DRAWN


def until(page: Any, done: Any, what: str, seconds: float = 30) -> None:
    for _ in range(int(seconds * 20)):
        if done():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{what} did not come; the page shows {page.locator('body').inner_text()[-2000:]!r}, the console {page.said}")


PROGRAM = """
import tapescope as ts
from tapescope import nn, optim
import tapescope.nn.functional as F
ts.manual_seed(0)
x, y = ts.randn(64, 8), ts.randint(0, 3, (64,))
def run(*inner, name):
    model = nn.Sequential(nn.Linear(8, 16), *inner, nn.Linear(16, 3))
    opt = optim.Adam(model.parameters(), lr=1e-2)
    with ts.record(values="histogram", name=name) as tape:
        for i in range(30):
            opt.zero_grad(); loss = F.cross_entropy(model(x), y); loss.backward(); opt.step()
            tape.log_scalar("accuracy", 0.5)
    return tape
a, b = run(nn.ReLU(), nn.Dropout(0.1), name="before"), run(nn.ReLU(), nn.Sigmoid(), name="after")
"""


@pytest.mark.parametrize("to", ["tapescope", "html"])
def test_a_converted_notebook_is_alive_without_kernel_and_network(open_page: Any, tmp_path: Path, shots: Path, to: str) -> None:  # noqa: F811
    """Of plain HTML the settings are those that the wheel installs, and widgets' states were saved, which nbconvert would draw from the network."""
    import nbformat
    from nbclient import NotebookClient

    from tapescope.views.notebook import NotebookExporter

    cells = [PROGRAM, "b.metrics()", "b.backward()", "ts.compare(a, b).graph()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=to == "html").execute()
    assert ("widgets" in notebook.metadata) == (to == "html")
    path = tmp_path / "saved.html"
    if to == "tapescope":
        path.write_text(NotebookExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    else:
        nbformat.write(notebook, tmp_path / "saved.ipynb")
        settings = {**os.environ, "JUPYTER_CONFIG_PATH": str(Path(__file__).parents[2] / "extension/nbconvert")}
        subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", str(tmp_path / "saved.ipynb")], env=settings, check=True, capture_output=True)
    page = open_page(path, width=1200, height=900)
    metrics, back, graph = (page.locator(".tapescope-view").nth(i) for i in range(3))
    metrics.scroll_into_view_if_needed()
    until(page, lambda: "accuracy" in metrics.inner_text() and "loss" in metrics.inner_text(), "the metrics")
    back.scroll_into_view_if_needed()
    until(page, lambda: "NllLossBackward0" in back.inner_text(), "the backward pass")
    back.get_by_role("button", name="Step", exact=True).first.click()
    until(page, lambda: "LogSoftmaxBackward0" in back.inner_text(), "its second node")
    graph.scroll_into_view_if_needed()
    legend = graph.locator("[aria-label=Legend]")
    until(page, lambda: "against before" in legend.inner_text() and "0 new · 0 gone · 1 changed" in legend.inner_text(), "the difference")
    until(page, lambda: graph.locator("canvas").first.evaluate(DRAWN) > 50, "its graph")
    page.screenshot(path=shots / f"saved-converted-{to}.png")
    if to == "tapescope":                                       # plain HTML names scripts of nbconvert's own, which are not there
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []


def exported(lab: Lab, name: str, path: Path) -> Path:
    """What JupyterLab's own menu gives for the notebook that is shown; a page of its own would open with it."""
    page = lab.page
    page.evaluate("window.opened = ''; window.open = url => { window.opened = url; return null; }")
    page.locator(".lm-MenuBar-item", has_text="File").click()
    page.locator(".lm-Menu-item", has_text="Save and Export Notebook As").click()
    page.locator(".lm-Menu-item", has_text=re.compile(rf"^{name}$")).click()
    if name == "HTML":                                           # what is sanitized has no pictures at all, whoever made them
        page.get_by_label("Sanitize HTML output").uncheck()
        page.get_by_role("button", name="Ok", exact=True).click()
    url = lab.until(lambda: page.evaluate("window.opened"), what="the address of the export")
    got = page.request.get(urllib.parse.urljoin(page.url, url), headers={"Authorization": f"token {TOKEN}"})
    assert got.ok, got.text()
    path.write_bytes(got.body())
    return path


def test_what_jupyterlabs_own_menu_exports(lab: Lab, notebook_of: Any, open_page: Any, tmp_path: Path, shots: Path) -> None:  # noqa: F811
    """As HTML every view is its picture, as Tapescope it is alive; both without a network."""
    lab.open(notebook_of(PROGRAM, "b.metrics()", "b.backward()", "b.graph()", "b.histograms()", "b"))
    for cell in range(6):
        lab.run(cell)
    lab.save()
    plain = open_page(exported(lab, "HTML", tmp_path / "plain.html"), width=1200, height=900)
    outs = plain.locator(".jp-Cell .jp-OutputArea-output img")
    until(plain, lambda: outs.count() == 5, "a picture a view")
    seen = [img.evaluate("el => [el.naturalWidth, el.getBoundingClientRect().height, el.src.slice(0, 14)]") for img in outs.all()]
    assert all(width >= 300 and height > 80 and begin == "data:image/svg" for width, height, begin in seen), seen
    assert outs.first.evaluate("el => decodeURIComponent(el.src).includes('accuracy') || atob(el.src.split(',')[1]).includes('accuracy')")
    outs.first.scroll_into_view_if_needed()
    plain.screenshot(path=shots / "saved-lab-html.png", full_page=True)
    page = open_page(exported(lab, "Tapescope", tmp_path / "live.html"), width=1200, height=900)
    back = page.locator(".tapescope-view").nth(1)
    back.scroll_into_view_if_needed()
    until(page, lambda: "NllLossBackward0" in back.inner_text(), "the backward pass")
    back.get_by_role("button", name="Step", exact=True).first.click()
    until(page, lambda: "LogSoftmaxBackward0" in back.inner_text(), "its second node")
    page.screenshot(path=shots / "saved-lab-live.png")
    assert page.said == []


def test_an_exported_page_has_pictures_words_sounds_and_the_values_of_ops(open_page: Any, tmp_path: Path, shots: Path) -> None:  # noqa: F811
    model = nn.Sequential(nn.Linear(8, 4), nn.Tanh())
    with ts.record(values="full", name="media") as tape:
        writer = SummaryWriter(str(tmp_path / "events"))
        for i in range(3):
            model(ts.ones(2, 8) * i).sum().backward()
            tape.step()
            picture = np.zeros((3, 4, 6), np.uint8)
            picture[:, 1, 2] = (10 * i, 20, 250)
            writer.add_image("square", picture, i)
            writer.add_text("notes", f"**step {i}** <img src=x onerror=window.hacked=1>", i)
            writer.add_audio("tone", np.sin(np.arange(4000) / 9), i, sample_rate=8000)
        writer.close()
    page = open_page(tape.export_html(tmp_path / "media.html"), width=1500)
    view = page.locator("#view")
    media = page.get_by_role("tab", name="Media")
    until(page, lambda: media.count() > 0, "the tabs")
    media.click()
    square = view.locator("figure", has_text="square").locator("canvas")
    pixel = "el => [el.width, el.height, ...el.getContext('2d').getImageData(2, 1, 1, 1).data]"
    until(page, lambda: square.count() == 1 and square.evaluate(pixel) == [6, 4, 20, 20, 250, 255], "the picture of the last step")
    until(page, lambda: view.locator(".ts-media-text b").all_inner_texts() == ["step 2"], "the text of the last step")
    assert page.evaluate("window.hacked") is None
    until(page, lambda: view.locator("audio").evaluate("el => el.duration") == 0.5, "a sound of half a second")
    page.screenshot(path=shots / "page-media.png")
    page.get_by_role("tab", name="Backward").click()
    step = view.get_by_role("button", name="Step", exact=True).last
    until(page, lambda: step.count() > 0, "the recorded pass")
    step.click()
    until(page, lambda: view.locator(".ts-back-body .ts-tcard").count() == 1, "the gradient that arrived at its second node")
    page.screenshot(path=shots / "page-gradient.png")
    walk = view.get_by_role("radio", name="Forward", exact=True).last
    until(page, lambda: walk.count() > 0, "the choice of the pass")
    walk.click()
    until(page, lambda: "op 1 of" in view.inner_text(), "the recorded forward pass")
    until(page, lambda: view.locator(".ts-back-body canvas").count() > 1 and "Values were not copied" not in view.inner_text(), "the values of its ops")
    page.screenshot(path=shots / "page-walk.png")
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
