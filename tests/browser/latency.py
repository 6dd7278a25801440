"""From `opt.step()` to what the panel shows, at 20 steps a second: `python -m tests.browser.latency [quick]`.

The cell notes the time after each step, the page the time of the first animation frame in which the step's number stands in the status line.
Both clocks are this machine's. Also: what a view that is shown costs the training loop, as the ratio of the mean step time with the panel open to that without.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from . import chromium
from .lab import Lab, Server
from .programs import MODEL

STEPS, RATE, GOAL = 160, 20, 250

PACED = """
import json
times = {{}}
with ts.record(values="stats", name="paced") as tape:
    for i in range({steps}):
        began = time.time()
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        times[tape.step_number] = time.time() * 1000
        time.sleep(max(0, {gap} - (time.time() - began)))
print(json.dumps(times))
"""

FREE = """
with ts.record(values="stats", name="free") as tape:
    began = time.perf_counter()
    for i in range({steps}):
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
print((time.perf_counter() - began) / {steps})
"""

WATCH = """() => {
  window.seen = {};
  const all = root => [...root.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const look = () => {
    const span = all(document.querySelector('#tapescope-panel')).find(e => e.localName === 'span' && /^step \\d/.test(e.textContent) && e.firstElementChild?.localName === 'b');
    const step = Number(span?.firstElementChild.textContent ?? 0);
    if (step && !(step in window.seen)) window.seen[step] = Date.now();
    requestAnimationFrame(look);
  };
  look();
}"""


def main(quick: bool = False) -> None:
    steps = STEPS // 2 if quick else STEPS
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
            lab = Lab(server, browser.new_context(service_workers="block", viewport={"width": 1400, "height": 900}).new_page())
            free = FREE.format(steps=3000)
            lab.open(server.notebook("latency.ipynb", [MODEL, free, PACED.format(steps=steps, gap=1 / RATE), free]))
            lab.run(0)
            lab.run(1)
            alone = float(lab.text_of(1))
            lab.open_panel("dashboard")
            lab.await_panel("live")
            lab.page.evaluate(WATCH)
            lab.run(2)
            lab.page.wait_for_timeout(500)
            made = {int(k): v for k, v in json.loads(lab.text_of(2)).items()}
            seen = {int(k): v for k, v in lab.page.evaluate("window.seen").items()}
            waits = [seen[k] - made[k] for k in seen if k in made]
            if len(waits) < steps // 4:
                raise SystemExit(f"only {len(waits)} of {steps} steps were seen")
            cuts = statistics.quantiles(waits, n=20)
            print(f"  opt.step() to pixels at {RATE} steps/s: median {statistics.median(waits):.0f} ms, 95% {cuts[-1]:.0f} ms (goal {GOAL}); {len(waits)} of {steps} steps were shown")
            lab.run(3)
            print(f"  a step of the loop: {alone * 1e3:.2f} ms, with the dashboard open {float(lab.text_of(3)) * 1e3:.2f} ms")
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main("quick" in sys.argv)
