"""An exported page in Chromium with the network off: every view alive, nothing in the console, nothing asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.views.parts import BUNDLES

from .test_panel import DRAWN

SMALL = 620_000


@pytest.fixture(scope="module")
def recording() -> Any:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = optim.Adam(model.parameters(), lr=1e-2)
    x, y = ts.randn(60, 8), ts.tensor([0, 1, 2] * 20)
    with ts.record(values="histogram", name="a <b>run</b>", params={"lr": 0.01}) as tape:
        tape.probe("activation/0")
        for i in range(120):
            opt.zero_grad()
            loss = F.cross_entropy(model(x) if i != 60 else model(x) * float("nan"), y)
            loss.backward()
            if i != 60:
                opt.step()
            tape.labels(y)
            tape.log_scalar("train/loss", loss)
    return tape


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    contexts = []

    def opened(path: Path, scheme: str = "light", **size: int) -> Any:
        context = browser.new_context(viewport={"width": 1500, "height": 950, **size}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda m: page.said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.said.append(str(e)))
        page.on("request", lambda r: page.asked.append(r.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_exported_page_is_alive_without_a_network(recording: Any, open_page: Any, tmp_path: Path, shots: Path, scheme: str) -> None:
    assert (BUNDLES / "page.js").exists(), "run `make build`"
    page = open_page(recording.export_html(tmp_path / "run.html"), scheme)
    view = page.locator("#view")
    until(page, lambda: "train/loss" in view.inner_text() or "loss" in view.inner_text(), "the metrics")
    assert page.locator("h1").inner_text() == "a <b>run</b>"
    until(page, lambda: "non-finite" in view.inner_text().lower() or "nan" in view.inner_text().lower(), "the finding")
    until(page, lambda: sum(c.evaluate(DRAWN) > 50 for c in view.locator("canvas").all()) >= 3, "drawings")
    page.screenshot(path=shots / f"page-{scheme}.png")
    for tab, words in (("Histograms", "0.weight"), ("Projector", "Explained"), ("Backward", "NllLossBackward0")):
        page.get_by_role("tab", name=tab).click() if page.get_by_role("tab", name=tab).count() else page.get_by_text(tab, exact=True).first.click()
        until(page, lambda w=words: w in view.inner_text(), tab)
        page.wait_for_timeout(300)
        page.screenshot(path=shots / f"page-{scheme}-{tab.lower()}.png")
    page.get_by_role("button", name="Step", exact=True).last.click()
    until(page, lambda: "1 of " in view.inner_text() and "LogSoftmaxBackward0" in view.inner_text(), "the second node")
    timeline = page.locator(".ts-timeline canvas")
    timeline.focus()
    page.keyboard.press("Home")
    until(page, lambda: "replay, step 0" in view.inner_text(), "the first step's gradients")
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_a_small_page_says_what_was_thinned(recording: Any, open_page: Any, tmp_path: Path, shots: Path) -> None:
    path = recording.export_html(tmp_path / "small.html", max_bytes=SMALL, title="Small")
    assert path.stat().st_size <= SMALL
    page = open_page(path, width=900, height=700)
    page.get_by_text("What was thinned").click()
    told = page.locator("header li").all_inner_texts()
    assert any(t.startswith("histograms: one of every") for t in told), told
    page.get_by_text("Parameters", exact=True).click()
    assert page.locator("dt").all_inner_texts() == ["lr"]
    until(page, lambda: "loss" in page.locator("#view").inner_text(), "the metrics")
    page.screenshot(path=shots / "page-small.png")
    assert page.said == []


def test_the_kernels_under_an_op_of_pytorchs(open_page: Any, tmp_path: Path, shots: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing lies under an op")
    from tapescope.adapters import torch as tst

    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    with tst.record(model, tmp_path / "run", kernels=True):
        for _ in range(3):
            torch.nn.functional.cross_entropy(model(torch.randn(6, 8)), torch.arange(6) % 3).backward()
    page = open_page(ts.load_tape(tmp_path / "run").export_html(tmp_path / "run.html"), width=2300)      # where the graph has room for its outline
    page.get_by_role("treeitem").filter(has_text="cross_entropy").first.click()
    side = page.get_by_role("region", name="Properties of the selection")
    until(page, lambda: side.count() and "aten::nll_loss_backward" in side.inner_text(), "what the op has called")
    forward, backward = (kernels.inner_text() for kernels in side.locator(".ts-side-kernels").all())
    assert "aten::_log_softmax" in forward and "aten::nll_loss_forward" in forward and "aten::_log_softmax_backward_data" in backward
    facts = side.locator(".ts-side-facts > div").first
    name, value = (facts.locator(tag).bounding_box() for tag in ("dt", "dd"))                            # in one line: the page's own style does not reach into the views
    assert abs(name["y"] - value["y"]) < 6 and value["x"] > name["x"] + 40 and facts.bounding_box()["width"] > 150
    page.screenshot(path=shots / "page-kernels.png")
    assert page.said == []


def until(page: Any, done: Any, what: str, seconds: float = 15) -> None:
    for _ in range(int(seconds * 20)):
        if done():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{what} did not come; the page shows {page.locator('#view').inner_text()[:2000]!r}, the console {page.said}")
