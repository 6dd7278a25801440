"""An exported page of a large model: `python -m tests.benchmarks page [quick]`. How long it takes to write, how large it is, how fast it opens."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x: Any) -> Any:
        return x + self.down(F.gelu(self.up(self.norm(x))))


def recorded(blocks: int, steps: int) -> Any:
    """A deep model of about 9 ops a block, with one activation probed."""
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), *[Block(16) for _ in range(blocks)], nn.Linear(16, 3))
    opt = optim.Adam(model.parameters(), lr=1e-3)
    x, y = ts.randn(64, 8), ts.randint(0, 3, (64,))
    with ts.record(values="histogram", name="large") as tape:
        tape.probe("activation/0")
        for _ in range(steps):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            tape.labels(y)
            tape.log_scalar("train/loss", loss)
    return tape


def main(quick: bool = False) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium

    tape = recorded(60 if quick else 300, 50 if quick else 200)
    ops = max(len(g.op_name) for g in tape.graphs.values())
    with tempfile.TemporaryDirectory(prefix="tapescope-bench-") as folder, sync_playwright() as playwright:
        start = perf_counter()
        path = tape.export_html(Path(folder) / "run.html")
        wrote = perf_counter() - start
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
        times, said = [], []
        for _ in range(5):
            context = browser.new_context(viewport={"width": 1500, "height": 950}, offline=True)
            page = context.new_page()
            page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda e: said.append(str(e)))
            page.goto("about:blank")
            start = perf_counter()
            page.goto(path.as_uri())
            while not page.evaluate("document.querySelector('#view').innerText.includes(' ops') && document.querySelector('#view').innerText.includes('train')"):      # its policy forbids wait_for_function's eval
                page.wait_for_timeout(5)
            times.append(perf_counter() - start)
            context.close()
        browser.close()
        print(f"  {ops} ops x {tape.step_number} steps: written in {wrote:.1f} s, {path.stat().st_size / 1e6:.2f} MB; graph and metrics are there after "
              f"{sorted(times)[len(times) // 2]:.2f} s (of 5: {min(times):.2f} to {max(times):.2f}); {len(said)} errors in the console")


if __name__ == "__main__":
    main()
