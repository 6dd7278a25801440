"""The extension wears the window: themes, Spanish, and the keyboard alone."""

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
@pytest.mark.parametrize(("theme", "mode"), [("Default Light Modern", "light"), ("Default Dark Modern", "dark"), ("Default High Contrast", "contrast"), ("Default High Contrast Light", "contrast")])
def test_the_panel_wears_the_theme(browser: Any, code_on: Any, folder: Path, tmp_path: Path, shots: Path, theme: str, mode: str) -> None:
    server = Workbench(tmp_path / "vscode", folder, settings={"workbench.colorTheme": theme})
    try:
        code = code_on(server)
        code.open()
        frame = code.open_run("first")
        frame.locator(".ts-view").filter(has_text="4 module calls").first.wait_for()
        assert frame.locator(".ts-view").first.get_attribute("data-ts-theme") == mode
        code.page.wait_for_timeout(500)
        code.page.screenshot(path=shots / f"vscode-{theme.replace(' ', '-').lower()}.png")
    finally:
        server.stop()


@pytest.mark.slow
def test_a_spanish_window_is_spanish(code_on: Callable[..., Code], folder: Path, notebook: str, tmp_path: Path, shots: Path, program: Callable[..., Program]) -> None:
    server = Workbench(tmp_path / "vscode", folder, locale="es")
    try:
        code = code_on(server, locale="es-ES")
        code.open()
        running = program(100_000, 0.05, "control")
        code.await_tape(running)
        code.run("Tapescope: Abrir grabación")
        code.pick(running.path.name)
        frame = code.inside("#view")
        frame.locator(".ts-status").last.get_by_text("en vivo", exact=True).wait_for()
        code.page.locator(".editor-actions").get_by_role("button", name=re.compile("Detener en el siguiente paso")).click()
        code.page.locator(".editor-actions").get_by_role("button", name=re.compile("Ejecutar un paso")).wait_for()
        frame.locator(".ts-status").last.get_by_text("en pausa", exact=True).wait_for()
        frame.locator(".ts-status").last.get_by_text(re.compile(r"en pausa tras el paso \d+")).wait_for()
        code.page.locator(".activitybar [aria-label=Tapescope]").first.click()
        code.page.locator(".pane-body .monaco-list-row").filter(has_text="se está escribiendo").first.wait_for()
        code.page.screenshot(path=shots / "vscode-spanish.png")
        code.run("Tapescope: Añadir punto de parada")
        code.page.locator(".quick-input-list .monaco-list-row", has_text="Cualquier excepción").wait_for()
        code.page.screenshot(path=shots / "vscode-spanish-breakpoint.png")
        code.page.keyboard.press("Escape")
        code.run("View: Close All Editors")
        frame = code.open_run("first", "Tapescope: Abrir grabación")
        found = frame.locator(".ts-finding", has_text="log produjo").first                   # what a rule says in Python
        found.wait_for()
        assert "en vez de" in found.inner_text() and "todo finito" in found.inner_text() and found.get_by_label("Error").count() == 1
        code.run("Problems: Focus on Problems View")
        code.page.locator(".markers-panel .monaco-list-row", has_text="log produjo").first.wait_for()
        code.page.screenshot(path=shots / "vscode-spanish-finding.png")
        code.run("Tapescope: Continuar")
        assert "ha terminado: ya no se puede cambiar nada en él" in code.notifications()
        code.open_file(notebook)
        code.inside(".ts-view:has-text('4 llamadas a módulos')")
        code.page.screenshot(path=shots / "vscode-spanish-notebook.png")
    finally:
        server.stop()


@pytest.mark.slow
def test_keys_alone_lead_everywhere(code: Code, program: Callable[..., Program]) -> None:
    running = program(100_000, 0.05, "control")
    page = code.page
    code.await_tape(running)
    page.keyboard.press("Control+Shift+P")
    page.locator(".quick-input-widget input.input").fill(">Focus on Runs View")
    page.locator(".quick-input-list .monaco-list-row", has_text="Tapescope").first.wait_for()
    page.keyboard.press("Enter")
    page.locator(".pane-body .monaco-list-row", has_text=running.path.name).wait_for()
    page.keyboard.press("Control+0")
    page.keyboard.press("Home")
    for _ in range(30):
        if running.path.name in page.evaluate("() => document.querySelector('.pane-body .monaco-list-row.focused')?.textContent ?? ''"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    frame = code.inside("#view")
    frame.locator(".ts-status").last.get_by_text("live", exact=True).wait_for()
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(frame.evaluate("() => { const e = document.activeElement; return e.getAttribute('aria-label') ?? e.textContent.slice(0, 30); }"))
    assert {"Play the recorded steps", "Graph", "Outline", "Search ops, modules, parameters", "Tensor", "Width of the right side"} <= reached, reached
    page.keyboard.press("Alt+F6")
    code.paused_after(frame)
    page.keyboard.press("Alt+F10")
    page.keyboard.press("Alt+F5")
    frame.locator(".ts-status").last.get_by_text(re.compile("paused after")).wait_for(state="detached")
