"""One window of VS Code in a browser, as a person drives it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import TimeoutError

from .workbench import Workbench


class Code:
    def __init__(self, server: Workbench, page: Any) -> None:
        self.server, self.page = server, page
        self.errors: list[str] = []
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))

    def open(self) -> None:
        self.page.goto(self.server.url)
        self.page.locator(".explorer-folders-view .monaco-list-row").first.wait_for(timeout=60_000)
        self.page.locator(".activitybar [aria-label=Tapescope]").first.wait_for()

    def run(self, command: str) -> None:
        """A command of the palette, by its title."""
        self._choose("Control+Shift+P", f">{command}", command.split(": ")[-1])

    def open_file(self, name: str) -> None:
        self._choose("Control+P", name, name)

    def _choose(self, keys: str, typed: str, shown: str) -> None:
        """A row of the list that `keys` brings up. Extensions are known a moment after the window, and a list closes when something else takes the focus: then once more."""
        row = self.page.locator(".quick-input-list .monaco-list-row", has_text=shown).first
        for _ in range(10):
            try:
                self.page.keyboard.press(keys)
                self.page.locator(".quick-input-widget input.input").fill(typed, timeout=2000)
                row.click(timeout=2000)
                return
            except TimeoutError:
                self.page.keyboard.press("Escape")
        raise AssertionError(f"{typed} gives no row {shown}")

    def pick(self, text: str) -> None:
        """A row of the list that has come up."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=text).first.wait_for()
        self.page.locator(".quick-input-widget input.input").fill(text, timeout=5000)
        self.page.keyboard.press("Enter")                    # a tooltip may lie over a row that the pointer is on

    def open_run(self, run: str, command: str = "Tapescope: Open Recording") -> Any:
        """Opens a recording by the palette; gives the page inside the panel."""
        for _ in range(3):                                   # the list closes when something else takes the focus
            self.run(command)
            try:
                self.pick(f"runs/{run}")
                break
            except TimeoutError:
                self.page.keyboard.press("Escape")
        return self.inside("#view, main[role=alert]")

    def await_tape(self, running: Any) -> None:
        """Until a program has begun to write."""
        for _ in range(400):
            if (running.path / "tape.db").exists():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{running.path} has not come about")

    def open_live(self, running: Any) -> Any:
        """The panel of a program that is recording itself."""
        self.await_tape(running)
        frame = self.open_run(running.path.name)
        frame.locator(".ts-status").last.get_by_text("live", exact=True).wait_for()
        return frame

    def paused_after(self, frame: Any) -> int:
        """The step after which the loop waits, as the panel has it."""
        note = frame.locator(".ts-status").last.get_by_text(re.compile(r"paused after step \d+"))
        note.wait_for()
        return int(re.search(r"\d+", note.inner_text())[0])      # type: ignore[index]

    def await_mark(self, text: str) -> None:
        """Until the line that is decorated has this text."""
        self.page.wait_for_function("""text => [...document.querySelectorAll('.monaco-editor .view-overlays [class*=TextEditorDecorationType]')].some(mark => {
            const top = mark.getBoundingClientRect().top;
            const line = [...mark.closest('.monaco-editor').querySelectorAll('.view-line')].find(l => Math.abs(l.getBoundingClientRect().top - top) < 3);
            return line?.textContent.replace(/[\\u00a0\\u00b7]/g, ' ').trim() === text;
        })""", arg=text)

    def inside(self, selector: str, timeout: float = 20.0) -> Any:
        """The frame of a webview in which something is."""
        for _ in range(int(timeout * 20)):
            for frame in self.page.frames:
                try:
                    if "/webview/" in frame.url and frame.locator(selector).count():
                        return frame
                except Exception:                           # a frame that goes while it is asked
                    continue
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no webview has {selector}")

    def notifications(self, which: int = 0) -> str:
        """A notification's words; the newest is the first."""
        toast = self.page.locator(".notification-list-item-message").nth(which)
        toast.wait_for()
        return str(toast.inner_text())
