"""From what is selected to its line: a finding, a node, a pause, a cell of a notebook; and back, from Problems to a breakpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Program
from .driver import Code


@pytest.mark.slow
def test_a_finding_leads_to_its_line_and_stands_under_problems(code: Code, shots: Path) -> None:
    frame = code.open_run("first")
    frame.get_by_role("button", name="Show me").first.click()
    code.await_mark("h = (h - h).log()")
    code.run("Problems: Focus on Problems View")
    row = code.page.locator(".markers-panel .monaco-list-row", has_text="Tapescope")
    row.first.wait_for()
    assert "non-finite" in row.first.inner_text()
    code.page.screenshot(path=shots / "vscode-finding.png")
    row.first.click()
    code.page.keyboard.press("Control+.")                    # in the panel of problems
    code.page.locator(".monaco-menu").get_by_text("Break here next time").wait_for()
    code.page.keyboard.press("Escape")
    code.page.locator(".monaco-editor .view-line", has_text="(h - h).log()").click()
    code.page.keyboard.press("Control+.")                    # in the editor
    code.page.locator(".action-widget").get_by_text("Break here next time").wait_for()
    code.page.screenshot(path=shots / "vscode-quick-fix.png")
    code.page.keyboard.press("Enter")
    assert "has ended" in code.notifications()               # nobody is there any more who could be told


@pytest.mark.slow
def test_break_here_next_time_reaches_a_process_that_runs(code: Code, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.1, "control", "nan")
    frame = code.open_live(running)
    frame.get_by_role("button", name="Show me").first.wait_for()
    code.run("Problems: Focus on Problems View")
    code.page.locator(".markers-panel .monaco-list-row", has_text="non-finite").first.click()
    action = code.page.locator(".monaco-menu").get_by_text("Break here next time")
    for _ in range(10):                                      # the row is made anew when its words change
        code.page.keyboard.press("Control+.")
        code.page.wait_for_timeout(500)
        if action.count():
            break
    action.click()
    code.await_mark("h = model(x)")                          # the first whose gradient is not finite
    assert frame.locator(".ts-status").last.get_by_text("paused", exact=True).count()


@pytest.mark.slow
def test_a_node_leads_to_its_line(code: Code) -> None:
    frame = code.open_run("first")
    frame.get_by_role("button", name="Outline").first.click()
    frame.get_by_role("treeitem").filter(has_text="nll_loss").first.click()
    code.await_mark("loss = F.cross_entropy(h, y)")
    frame.get_by_role("button", name="Outline").first.click()
    frame.get_by_role("treeitem").filter(has_text="ReLU").first.click()
    code.await_mark("h = model(x)")


@pytest.mark.slow
def test_a_pause_leads_to_its_line_and_breakpoints_come_and_go(code: Code, program: Callable[..., Program], shots: Path) -> None:
    running = program(100_000, 0.05, "control")
    frame = code.open_live(running)
    status = frame.locator(".ts-status").last
    code.run("Tapescope: Add Breakpoint")
    code.pick("An op")
    code.page.locator(".quick-input-widget input.input").fill("relu")
    code.page.keyboard.press("Enter")
    status.get_by_text("paused", exact=True).wait_for()
    code.await_mark("h = model(x)")
    code.page.screenshot(path=shots / "vscode-breakpoint.png")
    code.run("Tapescope: Remove Breakpoints")
    row = code.page.locator(".quick-input-list .monaco-list-row", has_text="backward at relu").first
    row.wait_for()
    assert "hit 1" in row.inner_text()
    row.click()
    code.page.keyboard.press("Enter")
    frame.locator(".ts-stage-canvas:visible").last.focus()
    code.page.keyboard.press("c")
    status.get_by_text("live", exact=True).wait_for()
    code.page.wait_for_timeout(500)
    assert status.get_by_text("live", exact=True).count() == 1
    code.page.locator(".monaco-editor .view-line", has_text="F.cross_entropy(h, y)").first.click()
    code.run("Tapescope: Add Breakpoint")
    code.pick("The line of the cursor")
    status.get_by_text("paused", exact=True).wait_for()
    code.await_mark("loss = F.cross_entropy(h, y)")


@pytest.mark.slow
def test_a_node_leads_into_the_cell_that_ran_it(code: Code, notebook: str, shots: Path) -> None:
    code.open_file(notebook)
    code.inside(".ts-view")
    frame = code.open_run("lesson")
    frame.get_by_role("button", name="Outline").first.click()
    frame.get_by_role("treeitem").filter(has_text="nll_loss").first.click()
    code.await_mark("loss = F.cross_entropy(h, y)")
    cell = code.page.locator(".notebook-editor, .notebookOverlay").locator(".monaco-editor", has_text="ts.record('runs/lesson'")
    assert cell.locator("[class*=TextEditorDecorationType]").count()
    code.page.screenshot(path=shots / "vscode-cell.png")
