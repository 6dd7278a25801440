"""The extension in a real VS Code, in Chromium: recordings that are opened and followed. Where no workbench has been built, one line says so."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Program
from .driver import Code
from .workbench import Workbench


def test_a_recording_is_followed_live(code: Code, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.05)
    frame = code.open_live(running)

    def step() -> int:
        return int(re.search(r"step (\d+)", frame.locator(".ts-status").last.inner_text())[1])      # type: ignore[index]

    first = step()
    for _ in range(100):
        code.page.wait_for_timeout(200)
        if step() >= first + 8:
            break
    assert step() >= first + 8
    running.stop()
    frame.locator(".ts-status").last.get_by_text("stopped", exact=True).wait_for()


@pytest.mark.slow
def test_the_explorer_and_the_list_of_runs_open_it_too(code: Code, program: Callable[..., Program]) -> None:
    code.page.locator(".explorer-folders-view .monaco-list-row", has_text="runs").click(button="right")
    item = code.page.locator(".monaco-menu .action-item", has_text="Open Recording")
    item.wait_for()
    code.page.keyboard.press("Escape")
    code.page.locator(".activitybar [aria-label=Tapescope]").first.click()
    rows = code.page.locator(".pane-body .monaco-list-row")
    ended = rows.filter(has_text="runs/first").filter(has_not_text="is being written")
    ended.click()                                            # whoever reads it makes a log beside it, which is empty
    code.inside(".ts-status :text-is('replay')")
    for _ in range(20):                                      # longer than it takes the list to look again
        code.page.wait_for_timeout(200)
        assert ended.count() == 1
    running = program(100_000, 0.05)                         # it writes without a pause
    code.await_tape(running)
    growing = rows.filter(has_text=running.path.name)
    growing.filter(has_text="is being written").wait_for(timeout=10_000)
    growing.click()
    code.inside(".ts-status :text-is('live')")
    running.stop()
    growing.filter(has_not_text="is being written").wait_for()


@pytest.mark.slow
def test_the_list_of_runs_grows_where_the_disk_tells_nothing(code_on: Callable[..., Code], folder: Path, tmp_path: Path, program: Callable[..., Program]) -> None:
    server = Workbench(tmp_path / "vscode", folder, settings={"files.watcherExclude": {"**": True}})
    try:
        code = code_on(server)
        code.open()
        code.page.locator(".activitybar [aria-label=Tapescope]").first.click()
        rows = code.page.locator(".pane-body .monaco-list-row")
        rows.filter(has_text="runs/first").wait_for()
        running = program(100_000, 0.05)
        growing = rows.filter(has_text=running.path.name)
        growing.filter(has_text="is being written").wait_for()
        running.stop()
        growing.filter(has_not_text="is being written").wait_for()
        shutil.rmtree(running.path)
        growing.wait_for(state="detached")
    finally:
        server.stop()
