"""Opens the bench page in Chromium and prints its figures: python widgets/bench/run.py [--gpu].

Without --gpu the browser draws on the CPU, as in the tests; figures of a shared machine are worth about +-30 %.
"""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = """<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>
<div id="view"></div><script type="module" src="views.js"></script>"""
FLAGS = """--no-sandbox --enable-precise-memory-info --disable-dev-shm-usage --disable-background-networking
--disable-component-update --disable-sync --no-first-run""".split()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    gpu = "--gpu" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
        options = ["--bundle", "--format=esm", "--target=es2022", "--minify", "--log-level=warning"]
        subprocess.run([str(esbuild), str(HERE / "views.ts"), *options, f"--outfile={folder}/views.js"], check=True)
        Path(folder, "index.html").write_text(PAGE)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as play:
            flags = FLAGS if gpu else [*FLAGS, "--disable-gpu"]
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.on("pageerror", lambda error: sys.exit(f"the page failed: {error}"))
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("globalThis.figures", timeout=280_000)
            for what, value, unit in page.evaluate("globalThis.figures"):
                print(f"{what:<66}{value:>9.2f} {unit}")
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
