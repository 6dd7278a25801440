"""Runs on disk: the panel groups and compares them by mean and band, and a kernel that knows nothing of their model shows them in every view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .lab import Lab
from .test_cells import output
from .test_panel import DRAWN

Write = Callable[..., str]
RUNS = """
import tempfile
import tapescope as ts
folder = tempfile.mkdtemp()
for i, (lr, model) in enumerate([(0.1, "mlp"), (0.1, "mlp"), (0.1, "mlp"), (0.01, "mlp"), (0.01, "cnn")]):
    with ts.record(f"{folder}/exp{i}", params={"lr": lr, "model": model, "seed": i}) as tape:
        for step in range(20):
            tape.log_scalar("val/loss", lr * 10 + i / 4 + 1 / (step + 1)); tape.step()
print(folder)
"""
# How many pixels of a row of the chart, of the column of a step, have the colour of a line or of its band: their hue is that of the legend's mark.
COLUMN = """([canvas, mark]) => {
    const want = getComputedStyle(mark).backgroundColor.match(/[\\d.]+/g).map(Number), ctx = canvas.getContext('2d');
    const x = Math.floor(canvas.width / 2), { data } = ctx.getImageData(x, 0, 1, canvas.height);
    let line = 0, band = 0;
    for (let i = 0; i < data.length; i += 4) {
        const near = Math.abs(data[i] - want[0]) + Math.abs(data[i + 1] - want[1]) + Math.abs(data[i + 2] - want[2]) < 60;
        if (near && data[i + 3] > 200) line++;
        else if (near && data[i + 3] > 20) band++;
    }
    return { line, band };
}"""


def column(chart: Any, name: str) -> Any:
    mark = chart.locator("li", has_text=name).locator("i").element_handle()
    return chart.page.evaluate(COLUMN, [chart.locator("canvas").element_handle(), mark])


def test_runs_in_the_panel_are_grouped_and_compared_by_mean_and_band(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(RUNS))
    lab.run(0)
    folder = lab.text_of(0).strip()
    lab.open_panel("runs")
    panel = lab.panel
    field = panel.get_by_label("Folder", exact=True)
    field.fill(folder)
    field.press("Enter")
    rows, groups, chart = panel.locator(".ts-runlist tbody tr"), panel.locator(".ts-runlist-group"), panel.locator(".ts-bands")
    lab.until(lambda: panel.get_by_role("button", name="exp4").count() == 1, what="the runs")
    assert groups.count() == 0 and chart.count() == 0
    panel.get_by_label("Group").select_option("lr")
    lab.until(lambda: [w.split("\t")[0].strip() for w in groups.all_inner_texts()] == ["lr = 0.01 2 runs", "lr = 0.1 3 runs"], what="two groups")
    panel.get_by_label("Compare").select_option("val/loss")
    legend = chart.locator("li")
    lab.until(lambda: legend.count() == 2 and "3 runs" in chart.inner_text(), what="a line a group")
    words = {w.split("\n")[0].strip(): w for w in legend.all_inner_texts()}
    assert all(c.evaluate("el => el.scrollWidth <= el.clientWidth") for c in legend.locator(".ts-clip").all()), "names are whole in a narrow panel"
    many = next(w for k, w in words.items() if "lr=0.1" in k and "0.01" not in k)
    assert "1.3" in many and "1.05" in many and "1.55" in many, many           # mean 1.3 of 1.05, 1.3, 1.55 at step 19
    lab.until(lambda: column(chart, "lr=0.1")["line"] >= 1, what="its line")
    seen = column(chart, "lr=0.1")
    assert seen["band"] > 3 * seen["line"], seen               # the band lies on both sides of the line
    box = chart.locator("canvas").bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.until(lambda: "step " in chart.inner_text() and chart.inner_text().count("lr=0.1") >= 2, what="the values beside the pointer")
    lab.page.screenshot(path=shots / "panel-runs-bands-light.png")
    search = panel.get_by_label("Filter runs by an expression")
    search.fill("seed != 1 and seed != 2")
    search.press("Enter")
    lab.until(lambda: "3 of 5 runs" in panel.inner_text() and "1 run" in legend.filter(has_text="lr=0.1").inner_text(), what="the comparison of those that are left")
    lab.until(lambda: column(chart, "lr=0.1")["line"] >= 1 and column(chart, "lr=0.1")["band"] <= column(chart, "lr=0.1")["line"], what="a line without a band: it is one run")
    assert rows.count() >= 3
    panel.get_by_label("Group").select_option("")
    lab.until(lambda: legend.count() == 3 and groups.count() == 0, what="a line a run")
    lab.theme("JupyterLab Dark")
    panel.get_by_label("Group").select_option("model")
    search.fill("")
    search.press("Enter")
    lab.until(lambda: legend.count() == 2 and "4 runs" in chart.inner_text(), what="groups by another parameter")
    lab.page.wait_for_timeout(300)
    lab.page.screenshot(path=shots / "panel-runs-bands-dark.png")
    assert lab.strangers() == []


RECORDED = """
import subprocess, sys, tempfile
import tapescope as ts
folder = tempfile.mkdtemp() + "/run"
program = '''
import sys, tapescope as ts, tapescope.nn.functional as F
from tapescope import nn, optim
ts.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
opt = optim.Adam(model.parameters(), lr=1e-2)
x, y = ts.randn(64, 8), ts.randint(0, 3, (64,))
with ts.record(sys.argv[1], values="full") as tape:
    tape.probe("activation/0")
    for i in range(12):
        opt.zero_grad(); loss = F.cross_entropy(model(x), y); loss.backward(); opt.step()
        tape.labels(y); tape.log_scalar("accuracy", i / 12)
'''
subprocess.run([sys.executable, "-c", program, folder], check=True)
tape = ts.load_tape(folder); print(tape.state, tape.step_number, "model" in globals())
"""
CALLS = {"tape.graph()": "7 ops", "tape.metrics()": "accuracy", "tape.histograms()": "0.weight", "tape.projector('0')": "Explained", "tape.backward()": "NllLossBackward0",
         "tape.tensor('activation/0')": "float32", "tape.dashboard()": "loss"}


def test_a_new_kernel_comes_back_to_a_recording_without_its_model(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(RECORDED, *CALLS))
    lab.run(0)
    assert lab.text_of(0).strip() == "stopped 12 False"
    outs = {}
    for i, (call, words) in enumerate(CALLS.items(), 1):
        lab.run(i)
        out = outs[call] = output(lab, i)
        lab.until(lambda o=out, w=words: w in o.inner_text(), what=call)
        lab.until(lambda o=out: any(c.evaluate(DRAWN) > 50 for c in o.locator("canvas").all()) or o.locator("canvas").count() == 0, what=f"a drawing of {call}")
    back = outs["tape.backward()"]
    back.scroll_into_view_if_needed()
    back.get_by_role("button", name="Step", exact=True).first.click()
    lab.until(lambda: "LogSoftmaxBackward0" in back.inner_text() and back.locator(".ts-tcard").count() >= 1, what="the gradient that arrived at the second node")
    card = back.locator(".ts-tcard").first
    lab.until(lambda: "64×3" in card.inner_text(), what="its values")
    lab.page.screenshot(path=shots / "loaded-backward.png")
    points = outs["tape.projector('0')"]
    points.scroll_into_view_if_needed()
    slider = points.get_by_role("slider").last
    slider.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: "step 0" in points.inner_text(), what="the projector's first step")
    lab.page.screenshot(path=shots / "loaded-projector.png")
    line = outs["tape.dashboard()"].locator(".ts-timeline canvas")
    line.scroll_into_view_if_needed()
    line.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: "step 0" in outs["tape.dashboard()"].inner_text(), what="the first step on the time line")
    lab.page.screenshot(path=shots / "loaded-dashboard.png")
    assert lab.strangers() == []
