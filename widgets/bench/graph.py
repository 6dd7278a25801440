"""Opens the graph bench in Chromium and prints its figures: python widgets/bench/graph.py [--gpu] [-v]."""

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
from run import FLAGS, HERE, PAGE, ROOT, Quiet


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
        options = ["--bundle", "--format=esm", "--target=es2022", "--minify", "--log-level=warning"]
        subprocess.run(["node", str(HERE.parent / "build.mjs"), "--workers"], check=True)
        subprocess.run([str(esbuild), str(HERE / "graph_page.ts"), *options, f"--outfile={folder}/views.js"], check=True)
        Path(folder, "index.html").write_text(PAGE)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as play:
            flags = FLAGS if "--gpu" in sys.argv else [*FLAGS, "--disable-gpu"]
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.on("pageerror", lambda error: sys.exit(f"the page failed: {error}"))
            if "-v" in sys.argv:
                page.on("console", lambda message: print(message.text, flush=True))
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("globalThis.figures", timeout=180_000)
            for what, value, unit in page.evaluate("globalThis.figures"):
                print(f"{what:<66}{value:>9.2f} {unit}")
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
