"""From a key to the repainted view, while a pass is held: `python -m tests.browser.stepping [quick]`.

The page notes the time of the key event and of the first task after the frame in which the new place is written into the status line and drawn on the canvas. Measured for
steps forward, steps back, and steps one upon the other as a held key makes them (there Nagle's algorithm in the server adds some 40 ms), on graphs of 2,000 and 20,000 nodes, with modules, in the JupyterLab panel; the cell is paused inside `backward()`,
so the kernel is busy as it would be. Play is measured too: frames a second that the page draws by itself.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from . import chromium
from .lab import Lab, Server

GOALS = {2000: 80, 20_000: 120}
PLAY = 60

PROGRAM = """
import tapescope as ts
from tapescope import nn
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(ts.ones(8)), nn.Parameter(ts.zeros(8))
    def forward(self, h):
        for _ in range(6):
            h = (h * self.w + self.b).tanh()
        return h
def stage(n):
    return nn.Sequential(*[Block() for _ in range(n)])
model = nn.Sequential(*[stage({blocks}) for _ in range(10)])
x = ts.randn(8, 8)
ts.break_on(op="sum")
"""
HOLD = "with ts.record(values='health') as tape:\n    model(x).sum().backward()"

WATCH = """() => {
  const where = () => document.querySelector('#tapescope-panel .ts-back-where')?.textContent;
  window.waits = [];
  let began = 0, before = '';
  addEventListener('keydown', e => { if (/^[np]$/.test(e.key) && !began) { began = performance.now(); before = where(); } }, true);
  const channel = new MessageChannel();
  channel.port1.onmessage = e => window.waits.push(e.data === 0 ? 0 : performance.now() - e.data);
  // Told in the frame that writes it; the canvas is drawn in the same frame, and the message comes after it.
  new MutationObserver(() => { if (began && where() !== before) { channel.port2.postMessage(began); began = 0; } })
    .observe(document.querySelector('#tapescope-panel'), { subtree: true, childList: true, characterData: true });
}"""

FRAMES = """ms => new Promise(done => {
  const places = new Set(), began = performance.now();
  let frames = 0;
  const look = () => {
    frames++;
    places.add(document.querySelector('#tapescope-panel .ts-back-where')?.textContent);
    performance.now() - began < ms ? requestAnimationFrame(look) : done([places.size / ms * 1000, frames / ms * 1000]);
  };
  look();
})"""


def press(lab: Lab, key: str, times: int, rest: int = 250) -> list[float]:
    """One key after the other, each when the last one is on the screen."""
    lab.page.evaluate("() => { window.waits.length = 0; }")
    for i in range(times):
        lab.page.keyboard.press(key)
        lab.page.wait_for_function("n => window.waits.length > n", arg=i, timeout=20_000)
        lab.page.wait_for_timeout(rest)
    return [float(w) for w in lab.page.evaluate("window.waits")]


def hold_page(lab: Lab, nodes: int) -> Any:
    lab.run(0)
    lab.open_panel("backward")
    lab.run(1, wait=False)
    where = lab.panel.locator(".ts-back-where")
    lab.until(lambda: where.count() and "before node" in where.inner_text(), 90, "the pass to be held")
    lab.until(lambda: lab.panel.locator(".ts-scrub input").is_enabled(), 30, "the order of the pass")
    lab.page.wait_for_timeout(1500)
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.evaluate(WATCH)
    return where


def measure(lab: Lab, nodes: int, times: int) -> list[str]:
    where = hold_page(lab, nodes)
    total = int(where.inner_text().rsplit(" ", 1)[1].replace(",", ""))
    told = []
    press(lab, "n", 3)
    for what, key, rest in (("step", "n", 250), ("back", "p", 250), ("without a rest", "n", 0)):
        waits = press(lab, key, times, rest)
        cuts = statistics.quantiles(waits, n=20)
        told.append(f"{what} median {statistics.median(waits):.0f} ms, 95% {cuts[-1]:.0f} ms")
    lab.page.keyboard.press("k")
    places, frames = lab.page.evaluate(FRAMES, 2000)
    lab.page.keyboard.press("k")
    print(f"  {total:6,} nodes: {'; '.join(told)} (goal {GOALS[nodes]}); play {places:.0f} nodes on the screen a second, {frames:.0f} frames a second (goal {PLAY})", flush=True)
    return told


def main(quick: bool = False) -> None:
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
            for nodes in GOALS:
                lab = Lab(server, browser.new_context(service_workers="block", viewport={"width": 1500, "height": 950}).new_page())
                lab.open(server.notebook(f"stepping-{nodes}.ipynb", [PROGRAM.format(blocks=nodes // 200), HOLD]))
                measure(lab, nodes, 15 if quick else 40)
                lab._in_notebook("await panel.sessionContext.session.kernel.interrupt();")
                lab.page.context.close()
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main("quick" in sys.argv)
