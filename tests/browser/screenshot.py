"""Takes the README's pictures from the running product: `python -m tests.browser.screenshot [folder]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from . import chromium
from .lab import ROOT, Lab, Server

TRAINING = "with ts.record("


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
            for take in (training, stepping):
                page = browser.new_context(service_workers="block", viewport={"width": 1600, "height": 1000}).new_page()
                take(Lab(server, page), folder)
                page.context.close()
            browser.close()
    finally:
        server.stop()


def opened(lab: Lab, name: str, tab: str) -> list[tuple[int, str]]:
    """Opens an example beside the panel; its code cells."""
    shutil.copy(ROOT / "examples" / name, lab.server.root)
    lab.open(name)
    lab.command("filebrowser:hide-main")
    lab.open_panel(tab)
    cells = lab._in_notebook("return panel.content.widgets.map(w => [w.model.type, w.model.sharedModel.getSource()])")
    return [(i, source) for i, (kind, source) in enumerate(cells) if kind == "code"]


def training(lab: Lab, folder: Path) -> None:
    """A run on the dashboard, while it goes on."""
    for i, source in opened(lab, "quickstart.ipynb", "dashboard"):
        runs = source.startswith(TRAINING)
        lab.run(i, wait=not runs)
        if runs:
            break
    lab.until(lambda: "accuracy" in lab.panel.inner_text(), what="the run")
    lab.page.wait_for_timeout(3000)
    lab.page.screenshot(path=folder / "screenshot-light.png")
    lab.theme("JupyterLab Dark")
    lab.page.wait_for_timeout(1500)
    lab.page.screenshot(path=folder / "screenshot-dark.png")


def stepping(lab: Lab, folder: Path) -> None:
    """A held pass at the root that makes the NaN, a residual block's gradient as it splits, and a change that is tried on a branch."""
    for i, source in opened(lab, "stepping_backward.ipynb", "backward"):
        if "dbg.view()" in source:                             # the panel shows it
            if "step_back" not in source:
                shown(lab, i - 1, folder / "stepping-nan.png", "Gradient in")
            continue
        lab.run(i)
        if "def shares(" in source:
            for _ in range(4):                                 # to where the first block's branches meet
                lab.panel.get_by_role("button", name="Back", exact=True).click()
            shown(lab, i, folder / "stepping-residual.png", "Gradients that meet here")
        if "what_if" in source:
            lab.panel.get_by_role("tab", name="What if").click()
            shown(lab, i, folder / "stepping-whatif.png", "Gradients, without and with")
            break


def shown(lab: Lab, cell: int, path: Path, words: str) -> None:
    lab.until(lambda: words in lab.panel.inner_text(), what=words)
    lab._in_notebook("await panel.content.scrollToCell(panel.content.widgets[x], 'center');", cell)
    lab.panel.get_by_text(words).first.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(1200)
    lab.page.screenshot(path=path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
