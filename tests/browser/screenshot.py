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
    shutil.copy(ROOT / "examples/quickstart.ipynb", server.root)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
            page = browser.new_context(service_workers="block", viewport={"width": 1600, "height": 1000}).new_page()
            lab = Lab(server, page)
            lab.open("quickstart.ipynb")
            lab.command("filebrowser:hide-main")
            lab.open_panel("dashboard")
            cells = lab._in_notebook("return panel.content.widgets.map(w => [w.model.type, w.model.sharedModel.getSource()])")
            for i, (kind, source) in enumerate(cells):
                training = kind == "code" and source.startswith(TRAINING)
                if kind == "code":
                    lab.run(i, wait=not training)
                if training:
                    break
            lab.until(lambda: "accuracy" in lab.panel.inner_text(), what="the run")
            page.wait_for_timeout(3000)
            page.screenshot(path=folder / "screenshot-light.png")
            lab.theme("JupyterLab Dark")
            page.wait_for_timeout(1500)
            page.screenshot(path=folder / "screenshot-dark.png")
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
