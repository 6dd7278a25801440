"""Acting on a process that runs: paused, stepped, told what to record; one that dies, one that has not opted in, and one that another window controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Program
from .driver import Code
from .workbench import Workbench


@pytest.mark.slow
def test_a_loop_is_paused_and_stepped_from_the_panel(code: Code, program: Callable[..., Program], shots: Path) -> None:
    running = program(100_000, 0.05, "control")
    frame = code.open_live(running)
    status = frame.locator(".ts-status").last
    title = code.page.locator(".editor-actions")
    title.get_by_role("button", name=re.compile("Pause at the Next Step")).click()
    paused = code.paused_after(frame)
    code.page.screenshot(path=shots / "vscode-paused.png")
    title.get_by_role("button", name=re.compile("Run One Step")).click()
    status.get_by_text(f"paused after step {paused + 1}").wait_for()
    title.get_by_role("button", name=re.compile("Continue")).click()
    status.get_by_text(re.compile("paused after")).wait_for(state="detached")
    frame.locator("body").click(position={"x": 5, "y": 5})
    code.page.keyboard.press("Alt+F6")
    code.paused_after(frame)
    code.run("Tapescope: Set What Is Recorded of Values")
    code.pick("histogram")
    code.page.keyboard.press("Alt+F5")
    status.get_by_text("histogram", exact=True).wait_for()
    assert running.process.poll() is None


@pytest.mark.slow
def test_a_process_that_dies_while_it_waits_is_said(code: Code, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.05, "control")
    frame = code.open_live(running)
    code.run("Tapescope: Pause at the Next Step")
    code.paused_after(frame)
    running.stop()
    assert "has ended" in code.notifications()
    status = frame.locator(".ts-status").last
    status.get_by_text("stopped", exact=True).wait_for()
    status.get_by_text(re.compile("ended without closing it")).wait_for()      # the tape is stale, and says so
    code.page.keyboard.press("Escape")
    code.run("Tapescope: Continue")
    assert "has ended: nothing of it can be changed any more" in code.notifications(-1)


@pytest.mark.slow
def test_a_process_that_has_not_opted_in_is_left_alone(code: Code, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.05)
    code.open_live(running)
    assert code.page.locator(".editor-actions").get_by_role("button", name=re.compile("Pause at")).count() == 0
    code.run("Tapescope: Pause at the Next Step")
    assert "start it with ts.record(path, control=True)" in code.notifications()


@pytest.mark.slow
def test_a_second_window_is_told_that_there_is_a_first(code: Code, code_on: Callable[..., Code], server: Workbench, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.05, "control")
    first: Any = code.open_live(running)
    code.run("Tapescope: Pause at the Next Step")
    paused = code.paused_after(first)
    other = code_on(server)
    other.open()
    frame = other.open_run(running.path.name)
    assert other.paused_after(frame) == paused
    other.run("Tapescope: Continue")
    assert "is controlled by another window or program already" in other.notifications()
    code.page.keyboard.press("Control+Shift+P")              # the first one closes its panel, and the second may act
    code.page.keyboard.press("Escape")
    code.run("View: Close All Editors")
    for _ in range(40):
        other.run("Tapescope: Continue")
        other.page.wait_for_timeout(250)
        if not frame.locator(".ts-status").last.get_by_text(re.compile("paused after")).count():
            break
    assert frame.locator(".ts-status").last.get_by_text("live", exact=True).count()
