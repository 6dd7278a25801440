"""Saved notebooks: outputs that a kernel has written are alive without one, and bad ones are words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import EVIL
from .driver import Code


def go_down(code: Code, until: Callable[[], object]) -> None:
    """From cell to cell, by the keyboard; outputs that are out of sight are not made."""
    code.page.keyboard.press("Escape")
    for _ in range(15):
        code.page.wait_for_timeout(400)
        if until():
            return
        code.page.keyboard.press("ArrowDown")
    raise AssertionError("it is not in the notebook")


def loaded(frame: Any) -> set[str]:
    """Which of our scripts a page has asked for."""
    return {str(name) for name in frame.evaluate("() => performance.getEntriesByType('resource').map(e => new URL(e.name).pathname.split('/')).filter(p => p.includes('dist')).map(p => p.at(-1))")}


def test_a_graph_opens_and_closes(code: Code, notebook: str, shots: Path) -> None:
    code.open_file(notebook)
    frame = code.inside(".ts-view")
    graph = frame.locator(".ts-view").filter(has_text="4 module calls")
    graph.wait_for()
    assert "renderer.js" in loaded(frame) and "es.js" not in loaded(frame)
    rows = graph.get_by_role("treeitem")
    before = rows.count()
    rows.filter(has_text="Linear").first.click()
    code.page.keyboard.press("ArrowRight")
    rows.nth(before).wait_for()
    code.page.keyboard.press("ArrowLeft")
    rows.nth(before).wait_for(state="detached")
    code.page.screenshot(path=shots / "vscode-notebook.png")


@pytest.mark.slow
def test_the_recorded_backward_pass_steps_and_histograms_scrub(code: Code, notebook: str, shots: Path) -> None:
    code.open_file(notebook)
    frame = code.inside(".ts-view")
    assert loaded(frame) == {"renderer.js"}                  # a graph needs no more
    backward = frame.locator(".ts-view", has=frame.locator(".ts-back")).first
    go_down(code, backward.count)
    place = backward.locator("h2").first
    assert place.inner_text() == "NllLossBackward0" and loaded(frame) == {"renderer.js", "views.js"}
    backward.get_by_role("button", name="Step", exact=True).focus()
    code.page.keyboard.press("Enter")
    backward.get_by_text("1 of 11", exact=True).wait_for()
    assert place.inner_text() == "LogSoftmaxBackward0"
    backward.locator(".ts-stage-canvas").focus()
    code.page.keyboard.press("n")
    backward.get_by_text("2 of 11", exact=True).wait_for()
    code.page.keyboard.press("p")
    backward.get_by_text("1 of 11", exact=True).wait_for()
    backward.get_by_role("button", name="Play").focus()
    code.page.keyboard.press("Enter")
    backward.get_by_text("11 of 11", exact=True).wait_for()
    code.page.screenshot(path=shots / "vscode-notebook-backward.png")
    code.page.keyboard.press("Control+Shift+ArrowUp")        # out of the output, back to its cell
    histograms = frame.locator(".ts-view", has=frame.locator(".ts-hist")).first
    go_down(code, histograms.count)
    code.page.screenshot(path=shots / "vscode-notebook-histograms.png")
    slider = histograms.get_by_role("slider").first
    slider.focus()
    code.page.keyboard.press("Home")
    histograms.get_by_text(re.compile(r"step 0\b")).first.wait_for()
    code.page.keyboard.press("ArrowRight")
    histograms.get_by_text(re.compile(r"step 1\b")).first.wait_for()


@pytest.mark.slow
def test_an_output_is_used_by_keys_alone(code: Code, notebook: str) -> None:
    code.open_file(notebook)
    frame = code.inside(".ts-view")
    rows = frame.locator(".ts-view").filter(has_text="4 module calls").get_by_role("treeitem")
    rows.first.wait_for()
    code.page.keyboard.press("Escape")
    for _ in range(3):                                       # from the first cell to the first with an output
        code.page.keyboard.press("ArrowDown")
    code.page.keyboard.press("Control+Shift+ArrowDown")       # into its output
    frame.wait_for_function("() => document.activeElement !== document.body")
    for _ in range(30):
        if frame.evaluate("() => Boolean(document.activeElement?.closest('.ts-view [role=tree]'))"):
            break
        code.page.keyboard.press("Tab")
        code.page.wait_for_timeout(60)
    assert frame.evaluate("() => Boolean(document.activeElement?.closest('.ts-view [role=tree]'))")
    before = rows.count()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight"):
        code.page.keyboard.press(key)
    rows.nth(before).wait_for()
    cells = code.page.locator(".notebookOverlay .code-cell-row").count()
    for key in ("b", "a", "x", "d", "d", "Enter"):           # commands of the notebook, were the graph not in focus
        code.page.keyboard.press(key)
    code.page.wait_for_timeout(500)
    assert code.page.locator(".notebookOverlay .code-cell-row").count() == cells and code.page.locator(".tab.dirty").count() == 0


@pytest.mark.slow
def test_bad_outputs_are_words(code: Code, notebook: str, shots: Path) -> None:
    code.open_file(notebook)
    frame = code.inside(".ts-view")
    go_down(code, lambda: frame.get_by_text("cannot be shown").count() >= 4)
    words = frame.locator("[role=alert]").all_text_contents()        # those out of sight, too
    assert len([w for w in words if "newer Tapescope" in w]) == 1 and len([w for w in words if "damaged" in w]) == 2
    assert any("there is no view" in w and EVIL[:20] in w for w in words)
    assert frame.evaluate("document.title") != "owned" and code.page.title() != "owned" and frame.locator("img[src=x]").count() == 0
    code.page.screenshot(path=shots / "vscode-notebook-bad.png")
