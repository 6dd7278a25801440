"""What is missing or wrong is said, with the line to type, and repaired without closing the panel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .driver import Code
from .workbench import ROOT, Workbench

OLDER = """import runpy, sys
import tapescope
tapescope.__version__ = "0.0.9"
sys.argv[0] = "tapescope"
runpy.run_module("tapescope", run_name="__main__")
"""


def python(folder: Path, name: str, line: str) -> str:
    """A Python of some kind, as a file that can be started."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
def test_each_python_that_will_not_do_is_said_until_one_does(code_on: Callable[..., Code], folder: Path, tmp_path: Path, shots: Path) -> None:
    place = tmp_path / "workspace"
    place.mkdir()
    (place / ".vscode").mkdir()
    (place / "runs").symlink_to(folder / "runs")

    def choose(path: str) -> None:
        (place / ".vscode" / "settings.json").write_text(json.dumps({"tapescope.pythonPath": path}))

    (tmp_path / "older.py").write_text(OLDER)
    bare = python(tmp_path, "bare python", f'exec "{sys.executable}" -I -S "$@"')
    older = python(tmp_path, "older", f'shift 2; PYTHONPATH="{ROOT / "kernel_lib"}" exec "{sys.executable}" "{tmp_path / "older.py"}" "$@"')
    choose("/nowhere/python")
    server = Workbench(tmp_path / "vscode", place, settings={"tapescope.pythonPath": ""})
    try:
        code = code_on(server)
        code.open()
        frame = code.open_run("first")
        assert "There is no Python at /nowhere/python." in frame.get_by_role("alert").inner_text()
        for path, words, line in ((bare, "has no Tapescope", f'"{bare}" -m pip install tapescope'), (older, "Tapescope 0.0.9 of", f"{older} -m pip install -U tapescope"), ("/bin/false", "ended (1)", "")):
            choose(path)
            code.page.wait_for_timeout(1500)                 # VS Code hears of the file
            code.inside("main[role=alert]").get_by_role("button", name="Try Again").click()
            told = code.inside(f"main[role=alert]:has-text({json.dumps(words)})").get_by_role("alert")
            assert line in told.inner_text()
            code.page.screenshot(path=shots / f"vscode-trouble-{Path(path).name.replace(' ', '-')}.png")
        choose(sys.executable)
        code.page.wait_for_timeout(1500)
        code.inside("main[role=alert]").get_by_role("button", name="Try Again").click()
        code.inside(".ts-status").get_by_text("replay", exact=True).wait_for()
    finally:
        server.stop()


@pytest.mark.slow
def test_a_folder_that_is_no_tape_is_said(code: Code) -> None:
    code.page.locator(".explorer-folders-view .monaco-list-row", has_text="nothing").click(button="right")
    code.page.locator(".monaco-menu .action-item", has_text="Open Recording").click()
    assert "is not a recording" in code.inside("main[role=alert]").get_by_role("alert").inner_text()


@pytest.mark.slow
def test_nothing_is_started_in_a_workspace_that_is_not_trusted(browser: Any, code_on: Any, folder: Path, notebook: str, tmp_path: Path) -> None:
    server = Workbench(tmp_path / "vscode", folder, trust=True)
    try:
        code = code_on(server)
        code.open()
        code.page.get_by_role("button", name=re.compile("No, I don't")).click()
        frame = code.open_run("first")
        assert "not trusted" in frame.get_by_role("alert").inner_text()
        found = subprocess.run(["pgrep", "-f", f"tapescope stream {folder}"], capture_output=True, text=True, check=False).stdout
        assert found == ""
        code.open_file(notebook)
        code.inside(".ts-view").locator(".ts-view").filter(has_text="4 module calls").wait_for()
    finally:
        server.stop()
