"""VS Code: `python -m tests.benchmarks vscode [quick]`, in a real workbench (`make workbench`), beside what issue and design ask for.

Every figure is from outside: a script in each frame of the window notes the time of keys and of the first frame in which something stands on the screen, the training script the
time of its steps. All clocks are this machine's.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOALS = {"open": 1000, "lag": 300, "command": 150, "paint": 300, "activation": 30}      # ms
RATE = 20

RECORD = """
import sys
from tests.benchmarks import page
import tapescope as ts
page.recorded(int(sys.argv[2]), 3).save(sys.argv[1])
"""

PACED = """
import json, os, sys, time
import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.link import control

ts.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
opt = optim.SGD(model.parameters(), lr=0.1)
x, y = ts.randn(32, 8), ts.randint(0, 3, (32,))
path, rate = sys.argv[1], float(sys.argv[2])
steps, stands = {}, []
stand = control.Control._stand
def noted(self, paused):
    stands.append((paused, time.time() * 1000))
    stand(self, paused)
control.Control._stand = noted
with ts.record(path, control=True) as tape:
    while True:
        began = time.time()
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        steps[tape.step_number] = time.time() * 1000
        if tape.step_number % 10 == 0 or stands:
            with open(path + ".json.part", "w") as f:
                json.dump([steps, stands], f)
            os.replace(path + ".json.part", path + ".json")
        time.sleep(max(0, 1 / rate - (time.time() - began)))
"""

# In every frame, before anything of it runs: when keys came, and when pictures stood for the first time.
NOTE = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  window.noted = { key: 0, picture: 0, steps: {} };
  const key = () => { window.noted.key = now(); };
  const small = document.createElement('canvas');
  small.width = small.height = 48;
  const drawn = canvas => {
    if (!canvas.width || !canvas.height) return false;
    const c = small.getContext('2d', { willReadFrequently: true });
    c.clearRect(0, 0, 48, 48);
    c.drawImage(canvas, 0, 0, 48, 48);
    return new Set(new Uint32Array(c.getImageData(0, 0, 48, 48).data.buffer)).size > 2;
  };
  let looked = 0, next = 0;
  const look = () => {
    looked = now();
    if (!window.noted.picture) {
      const canvas = document.querySelector('.ts-stage-canvas');
      if (canvas && /\\d ?ops/.test(canvas.closest('.ts-view')?.textContent ?? '') && drawn(canvas)) window.noted.picture = now();
    }
    const step = Number([...document.querySelectorAll('.ts-status b')].map(b => b.parentElement).find(s => /^(step|paso) \\d/.test(s.textContent))?.querySelector('b').textContent ?? 0);
    if (step && !(step in window.noted.steps)) window.noted.steps[step] = now();
    next = requestAnimationFrame(look);
  };
  setInterval(() => {                                       // a webview writes its document anew, which takes listeners and frames away
    addEventListener('keydown', key, true);
    if (now() - looked > 60) { cancelAnimationFrame(next); look(); }
  }, 20);
})()"""


def figures(what: str, waits: list[float], goal: float, more: str = "") -> None:
    cuts = statistics.quantiles(waits, n=20) if len(waits) > 5 else [max(waits)]
    print(f"  {what}: median {statistics.median(waits):.0f} ms, 95% {cuts[-1]:.0f} ms of {len(waits)} (goal {goal}){more}", flush=True)


class Window:
    """A window on a server, with the notes of all its frames."""

    def __init__(self, browser: Any, server: Any) -> None:
        from tests.vscode.driver import Code

        context = browser.new_context(viewport={"width": 1500, "height": 950})
        context.add_init_script(NOTE)
        self.code = Code(server, context.new_page())
        self.page = self.code.page
        self.code.open()

    def close(self) -> None:
        self.page.context.close()

    def until(self, ask: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := ask():
                return found
            self.page.wait_for_timeout(50)
        raise SystemExit("it did not come about")

    def noted(self, field: str) -> Any:
        """The latest that any frame knows."""
        found: list[Any] = []
        for frame in self.page.frames:
            try:
                found.append(frame.evaluate(f"window.noted?.{field} ?? 0"))
            except Exception:                               # it goes while it is asked
                continue
        return max(found, default=0)

    def key(self) -> float:
        return float(self.noted("key"))


def opening(browser: Any, server: Any, times: int) -> None:
    """From the Enter in the palette's list to the first frame with the graph drawn; each time in a window whose panel has not been opened."""
    waits = []
    for _ in range(times):
        w = Window(browser, server)
        w.code.run("Tapescope: Open Recording")
        w.page.locator(".quick-input-list .monaco-list-row", has_text="runs/large").first.wait_for()
        w.page.locator(".quick-input-widget input.input").fill("runs/large")
        w.page.wait_for_timeout(300)
        w.page.keyboard.press("Enter")
        picture = w.until(lambda w=w: w.noted("picture"))
        waits.append(picture - w.key())
        w.close()
    figures("a panel on a tape of 10,000 ops, from Enter to the first picture", waits, GOALS["open"])


def living(browser: Any, server: Any, folder: Path, seconds: float, commands: int) -> None:
    """From `opt.step()` to the step's number on the screen, then from a key to the process that waits."""
    path = folder / "runs" / "paced"
    process = subprocess.Popen([sys.executable, "-c", PACED, str(path), str(RATE)])
    try:
        w = Window(browser, server)
        frame = w.code.open_run("paced")
        frame.locator(".ts-status").last.get_by_text("live", exact=True).wait_for()
        w.page.wait_for_timeout(1500)
        frame.evaluate("() => { window.noted.steps = {}; }")
        w.page.wait_for_timeout(seconds * 1000)
        seen = {int(k): float(v) for k, v in frame.evaluate("window.noted.steps").items()}
        w.page.wait_for_timeout(1000)
        made = {int(k): v for k, v in told(path)[0].items()}
        waits = [at - made[k] for k, at in sorted(seen.items())[1:] if k in made]
        figures(f"opt.step() to pixels at {RATE} steps/s", waits, GOALS["lag"], f"; {len(waits)} of {int(seconds * RATE)} steps were shown")
        frame.locator("body").click(position={"x": 5, "y": 5})
        status, waits, shown = frame.locator(".ts-status").last, [], []
        for _ in range(commands):
            w.page.wait_for_timeout(317)
            w.page.keyboard.press("Alt+F6")
            status.get_by_text(re.compile("paused after")).wait_for()
            shown.append(time.time() * 1000 - w.key())
            key = w.key()
            w.page.keyboard.press("Alt+F5")
            status.get_by_text(re.compile("paused after")).wait_for(state="detached")
            stands = w.until(lambda key=key: [at for paused, at in told(path)[1] if paused and at >= key])
            waits.append(stands[0] - key)
        figures(f"Alt+F6 to the process that waits, at {RATE} steps/s", waits, GOALS["command"], f"; it is said after {statistics.median(shown):.0f} ms")
        w.close()
    finally:
        process.kill()
        process.wait()


def told(path: Path) -> Any:
    return json.loads(path.with_name(path.name + ".json").read_text())


def painting(browser: Any, server: Any, folder: Path, times: int) -> None:
    """From the moment in which VS Code asks for the renderer to the first frame with the graph drawn."""
    import nbformat

    import tapescope as ts

    tape = ts.load_tape(folder / "runs" / "small")
    data = tape.graph()._repr_mimebundle_()[0]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("tape.graph()", execution_count=1, outputs=[nbformat.v4.new_output("display_data", data=data)])]), folder / "saved.ipynb")
    waits = []
    for _ in range(times):
        w = Window(browser, server)
        w.code.open_file("saved.ipynb")
        frame = w.code.inside(".ts-view")
        w.until(lambda frame=frame: frame.evaluate("window.noted.picture"))
        asked = frame.evaluate("performance.timeOrigin + performance.getEntriesByType('resource').find(e => e.name.includes('renderer.js') && e.name.includes('tapescope')).startTime")
        waits.append(frame.evaluate("window.noted.picture") - asked)
        w.close()
    figures("a saved output, from the request for the renderer to the first picture", waits, GOALS["paint"])


def activating(browser: Any, server: Any, times: int) -> None:
    """What VS Code itself has measured: 'Developer: Show Running Extensions'."""
    waits = []
    for _ in range(times):
        w = Window(browser, server)
        w.page.locator(".activitybar [aria-label=Tapescope]").first.click()
        w.page.locator(".pane-body .monaco-list-row").first.wait_for()
        w.code.run("Developer: Show Running Extensions")
        row = w.page.locator(".runtime-extensions-editor .monaco-list-row", has_text="Tapescope").first
        found = w.until(lambda row=row: row.count() and re.search(r"(\d+)ms", row.inner_text()))
        waits.append(float(found[1]))
        w.close()
    figures("activation, as VS Code measures it", waits, GOALS["activation"])


def main(quick: bool = False) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium
    from tests.vscode import workbench

    if why := workbench.missing():
        print(f"  {why}")
        return
    with tempfile.TemporaryDirectory(prefix="tapescope-bench-") as made, sync_playwright() as playwright:
        folder = Path(made) / "workspace"
        (folder / "runs").mkdir(parents=True)
        for name, blocks in (("large", 1430), ("small", 12)):
            subprocess.run([sys.executable, "-c", RECORD, str(folder / "runs" / name), str(blocks)], check=True, cwd=workbench.ROOT)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGS)
        server = workbench.Workbench(Path(made) / "vscode", folder)
        try:
            activating(browser, server, 3 if quick else 5)
            opening(browser, server, 3 if quick else 7)
            painting(browser, server, folder, 3 if quick else 7)
            living(browser, server, folder, 4 if quick else 10, 5 if quick else 15)
        finally:
            server.stop()
            browser.close()


if __name__ == "__main__":
    main("quick" in sys.argv)
