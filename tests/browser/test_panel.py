"""The panel in a real JupyterLab: how it opens, what it shows while a cell runs, and how it survives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .programs import MODEL, train

Write = Callable[..., str]

# How many pixels of a canvas differ from its first one.
DRAWN = """el => { const c = el.getContext('2d'), d = c && c.getImageData(0, 0, el.width, el.height).data; let n = 0;
  for (let i = 4; d && i < d.length; i += 4) n += d[i] !== d[0] || d[i + 1] !== d[1] || d[i + 2] !== d[2] || d[i + 3] !== d[3]; return n; }"""


def test_a_run_is_seen_while_its_cell_runs(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, train(25)))
    lab.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=tapescope]").first.click()
    lab.panel.wait_for(state="visible")
    lab.await_panel("absent")                                   # nobody has imported it yet, and the panel says what to type
    assert "import tapescope as ts" in lab.panel.inner_text()
    lab.run(0)
    lab.await_panel("live")
    lab.run(1, wait=False)

    def running() -> bool:
        return lab.cell_state(1)["count"] is None

    lab.tab("graph")
    lab.until(lambda: "grad_fn nodes" in lab.panel.inner_text(), what="the graph")
    words = lab.until(lambda: (t := lab.panel.inner_text()) and "7 ops" in t and t, what="all ops of a pass")
    assert "11 grad_fn nodes" in words
    lab.until(lambda: lab.panel.locator("canvas").first.evaluate(DRAWN) > 2000, what="a drawn graph")
    lab.panel.get_by_role("radio", name="grad_fn").click()      # the grad_fn chain
    lab.until(lambda: lab.panel.locator("canvas").first.evaluate(DRAWN) > 2000, what="a drawn chain")
    lab.page.screenshot(path=shots / "live-graph.png")
    assert running()

    lab.tab("metrics")
    for title in ("loss", "accuracy", "gradient norm", "learning rate", "step time"):
        lab.until(lambda t=title: lab.panel.get_by_text(t, exact=False).count() > 0, what=f"the chart of {title}")
    lab.page.screenshot(path=shots / "live-metrics.png")
    assert running()

    lab.tab("histograms")
    for key in ("weight/encoder.0.weight", "grad/encoder.0.weight", "update/head.bias"):
        tile = lab.panel.locator(f"[data-key='{key}'] canvas")
        lab.until(lambda t=tile: t.count() == 1 and t.evaluate(DRAWN) > 50, what=f"a drawing of {key}")
    assert running()

    lab.tab("projector")
    lab.panel.locator(".ts-proj-layers button, .ts-proj-layers li").filter(has_text="encoder.0").first.click()
    lab.until(lambda: "Explained variance" in lab.panel.inner_text(), what="a projection")
    assert running()

    lab.tab("tensor")
    lab.until(lambda: "float32" in lab.panel.inner_text(), what="a tensor")
    lab.until(lambda: lab.panel.locator("canvas").first.evaluate(DRAWN) > 500, what="a drawn tensor")
    assert running()

    lab.tab("backward")
    lab.until(lambda: "replay" in lab.panel.inner_text(), what="the recorded backward pass")
    lab.tab("findings")
    lab.page.wait_for_timeout(300)
    assert running()
    lab.page.screenshot(path=shots / "live-findings.png")
    lab.await_cell(1)
    assert "trained" in lab.text_of(1)


def test_palette_launcher_and_restored_after_reload(lab: Lab, notebook_of: Write) -> None:
    lab.open(notebook_of(MODEL, train(1)))
    lab.choose_in_palette("Open the Tapescope Panel")
    lab.panel.wait_for(state="visible")
    lab.run(0)
    lab.run(1)
    lab.await_panel("live")
    lab.tab("metrics")
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics")
    lab.save()
    lab.page.evaluate("async () => { await window.jupyterapp.serviceManager.workspaces; }")
    lab.page.wait_for_timeout(1500)                            # JupyterLab writes its layout a moment after it has changed
    lab.open(reset=False)                                       # the page again; kernel and recording are still there
    lab.panel.wait_for(state="visible", timeout=20_000)
    lab.await_panel("live")
    lab.tab("metrics")
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics of the run from before the reload")
    lab.panel.page.locator(".lm-TabBar-tab[title*='Tapescope'] .lm-TabBar-tabCloseIcon, .jp-mod-current .lm-TabBar-tabCloseIcon").first.click()
    lab.command("launcher:create")
    lab.page.locator(".jp-LauncherCard", has_text="Tapescope").first.click()
    lab.panel.wait_for(state="visible")


def test_it_follows_the_notebook_and_its_kernel(lab: Lab, notebook_of: Write) -> None:
    first, second = notebook_of(MODEL, train(1, "first"), name="-a"), notebook_of("1 + 1", name="-b")
    lab.open(first)
    lab.open_panel("metrics")
    lab.run(0)
    lab.run(1)
    lab.await_panel("live")
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics")
    lab.open_notebook(second)
    lab.await_panel("absent")
    assert "-b.ipynb" in lab.panel.inner_text()
    lab.open_notebook(first)
    lab.await_panel("live")
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics again")
    lab.restart_kernel()
    lab.await_panel("absent")
    lab.panel.get_by_role("button", name="Import it now").click()
    lab.await_panel("live")
    lab.until(lambda: "ts.record" in lab.panel.inner_text() or "log_scalar" in lab.panel.inner_text(), what="what to type")
    lab.run(0)
    lab.run(1)
    lab.until(lambda: "accuracy" in lab.panel.inner_text(), what="metrics of the new kernel")


def test_a_kernel_that_dies_is_named_and_recovered(lab: Lab, notebook_of: Write) -> None:
    lab.open(notebook_of(MODEL, train(1), "import os; os._exit(1)"))
    lab.open_panel("metrics")
    lab.run(0)
    lab.run(1)
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics")
    lab.run(2, wait=False)
    lab.until(lambda: "died" in lab.panel.inner_text() or "dead" in lab.panel.inner_text(), 30, "the news of the death")
    lab.page.keyboard.press("Escape")                          # JupyterLab's own dialog
    lab.await_panel("absent", 40)
    lab.run(0)
    lab.await_panel("live")


def test_it_attaches_in_the_middle_of_a_long_step(lab: Lab, notebook_of: Write) -> None:
    lab.open(notebook_of(MODEL, train(0.5), "time.sleep(12)"))
    lab.run(0)
    lab.run(1)
    lab.run(2, wait=False)
    lab.page.wait_for_timeout(500)
    lab.open_panel("metrics")
    lab.until(lambda: "loss" in lab.panel.inner_text(), 8, "metrics of a kernel that is busy")
    assert lab.cell_state(2)["count"] is None


def test_names_are_text(lab: Lab, notebook_of: Write) -> None:
    evil = "<img src=x onerror=window.hacked=1>"
    lab.open(notebook_of(MODEL, f"""
evil = {evil!r}
with ts.record(name=evil, values="histogram") as tape:
    model.add_module(evil.replace(".", "_"), nn.Linear(3, 3))
    for _ in range(3):
        out = getattr(model, evil.replace(".", "_"))(model(x))
        opt.zero_grad(); F.cross_entropy(out, y).backward(); opt.step()
        tape.log_scalar(evil, 1.0)
        tape.log("histogram", evil, x)
"""))
    lab.open_panel("metrics")
    lab.run(0)
    lab.run(1)
    for tab in ("metrics", "histograms", "graph", "backward", "projector", "tensor", "findings", "dashboard"):
        lab.tab(tab)
        lab.page.wait_for_timeout(700)
        if tab in ("metrics", "histograms"):
            lab.until(lambda: "<img" in lab.panel.inner_text(), what=f"the name as text in {tab}")
        assert lab.panel.locator("img[src=x]").count() == 0
    assert lab.page.evaluate("window.hacked") is None
    lab.expected_errors += [e for e in lab.errors if "404" in e]


def test_two_tabs_on_one_kernel(page_on: Any, lab_server: Any, notebook_of: Write) -> None:
    path = notebook_of(MODEL, train(8))
    first, second = page_on(lab_server), page_on(lab_server)
    first.open(path)
    first.open_panel("metrics")
    first.run(0)
    second.open(path)
    second.open_panel("metrics")
    second.await_panel("live")
    first.run(1, wait=False)
    for lab in (first, second):
        lab.until(lambda p=lab: "loss" in p.panel.inner_text(), what="metrics in both tabs")
    assert first.cell_state(1)["count"] is None


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_a_theme_is_readable(lab: Lab, notebook_of: Write, shots: Path, theme: str) -> None:
    """Text stands out from its background by at least 4.5:1, the limit for normal text."""
    lab.open(notebook_of(MODEL, train(1)))
    lab.theme(theme)
    lab.open_panel("dashboard")
    lab.run(0)
    lab.run(1)
    lab.await_panel("live")
    for tab in ("dashboard", "metrics", "histograms", "backward", "findings", "graph"):
        lab.tab(tab)
        lab.page.wait_for_timeout(900)
        lab.page.screenshot(path=shots / f"{theme.split()[1].lower()}-{tab}.png")
        assert lab.page.evaluate(CONTRAST) == [], f"hard to read in {tab}"


CONTRAST = """() => {
  const rgb = s => { const n = (s.replace('color(srgb', '').match(/[\\d.]+/g) || []).map(Number); return s.startsWith('color(srgb') ? n.map((v, i) => i < 3 ? v * 255 : v) : n; };
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = el => { for (; el; el = el.parentElement ?? el.getRootNode().host) { const c = rgb(getComputedStyle(el).backgroundColor); if (c.length && (c[3] ?? 1) > 0.9) return c; } return [255, 255, 255]; };
  const found = [];
  const walk = root => { for (const el of root.querySelectorAll('*')) {
    if (el.shadowRoot) walk(el.shadowRoot);
    const own = [...el.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = el.getBoundingClientRect(), style = getComputedStyle(el);
    if (!own || !box.width || style.visibility === 'hidden' || el.closest('svg, [disabled], [aria-disabled=true], .ts-hidden')) continue;
    let opacity = 1; for (let e = el; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    if (opacity < 0.9) continue;
    const a = light(rgb(style.color)), b = light(behind(el));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${el.className}: ${el.textContent.trim().slice(0, 40)}`);
  } };
  walk(document.querySelector('#tapescope-panel'));
  return found;
}"""


def test_a_large_graph_is_laid_out_beside_the_page(lab: Lab, notebook_of: Write) -> None:
    lab.open(notebook_of(MODEL, """
with ts.record() as tape:
    w = ts.ones(2, requires_grad=True)
    v = w
    for i in range(3000):
        v = v * 1.0001
    v.sum().backward()
    tape.step()
"""))
    lab.run(0)
    lab.run(1)
    lab.open_panel("graph")
    lab.until(lambda: "3,001 ops" in lab.panel.inner_text(), what="the graph")
    lab.until(lambda: lab.panel.locator("canvas").first.evaluate(DRAWN) > 200, what="a drawn graph")
    lab.until(lambda: any(w.evaluate("() => typeof layoutPlan") == "function" for w in lab.page.workers), what="our worker")


def test_what_is_logged_beside_numbers_is_seen(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, """
import numpy as np, tempfile
from tapescope.utils.tensorboard import SummaryWriter
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
sgd = optim.SGD(net.parameters(), lr=1e-4)
def step():
    net(ts.randn(2, 1, 8, 8)).sum().backward(); sgd.step()
with ts.record(name="media") as tape:
    w = SummaryWriter(tempfile.mkdtemp())
    for i in range(3):
        step()
        picture = np.zeros((3, 4, 6), np.uint8); picture[:, 1, 2] = (10 * i, 20, 250)
        w.add_image("square", picture, i)
        w.add_text("notes", f"**step {i}** <img src=x onerror=window.hacked=1>", i)
        w.add_audio("tone", np.sin(np.arange(4000) / 9), i, sample_rate=8000)
        w.add_pr_curve("curve", np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.6, 0.4]), i)
    for i in range(400):
        step(); time.sleep(0.02)
"""))
    lab.run(0)
    lab.open_panel("media")
    lab.run(1, wait=False)
    square = lab.panel.locator("figure", has_text="square").locator("canvas")
    pixel = "el => [el.width, el.height, ...el.getContext('2d').getImageData(2, 1, 1, 1).data]"
    lab.until(lambda: square.count() == 1 and square.evaluate(pixel) == [6, 4, 20, 20, 250, 255], what="the picture of the last step")
    assert square.bounding_box()["width"] > 100              # small pictures are made large enough to be seen
    lab.until(lambda: lab.panel.locator(".ts-media-text b").all_inner_texts() == ["step 2"], what="the text of the last step")
    assert lab.page.evaluate("window.hacked") is None
    lab.until(lambda: lab.panel.locator("audio").evaluate("el => el.duration") == 0.5, what="a sound of half a second")
    lab.until(lambda: "area" in lab.panel.locator("figure", has_text="curve").inner_text(), what="the curve")
    slider = lab.panel.locator(".ts-scrub input")
    slider.focus()
    lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("ArrowLeft")
    lab.until(lambda: square.evaluate(pixel)[2] == 0, what="the picture of the first step, which the page asked for")
    lab.page.keyboard.press("End")
    lab.panel.get_by_role("button", name=", filters").first.click()
    lab.until(lambda: any(c.evaluate(DRAWN) > 50 for c in lab.panel.locator(".ts-media-maps canvas").all()), what="the filters of the convolution")
    lab.page.screenshot(path=shots / "live-media.png")


def test_runs_on_disk_are_listed_filtered_opened_and_followed(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, """
import subprocess, sys, tempfile
folder = tempfile.mkdtemp()
for lr in (0.1, 0.01, 0.001):
    with ts.record(f"{folder}/lr{lr}", params={"lr": lr}) as tape:
        for i in range(12):
            opt.zero_grad(); loss = F.cross_entropy(model(x), y); loss.backward(); opt.step()
            tape.log_scalar("accuracy", lr * i)
program = "import sys, time, tapescope as ts\\nwith ts.record(sys.argv[1] + '/elsewhere', params={'lr': 0.5}) as tape:\\n    for i in range(900):\\n        tape.log_scalar('far/away', i); tape.step(); time.sleep(0.05)"
other = subprocess.Popen([sys.executable, "-c", program, folder])
print(folder)
""", "other.kill()"))
    lab.run(0)
    lab.run(1)
    folder = lab.text_of(1).strip()
    lab.open_panel("runs")
    field = lab.panel.get_by_label("Folder", exact=True)
    field.fill(folder)
    field.press("Enter")
    rows = lab.panel.locator(".ts-runlist tbody tr")
    lab.until(lambda: rows.count() == 4 and lab.panel.locator(".ts-runlist .ts-dot[data-on]").count() == 1, what="three runs, and one that is being written")
    search = lab.panel.get_by_label("Filter runs by an expression")
    search.fill("lr < 0.05 or lr == 0.5")
    search.press("Enter")
    lab.until(lambda: rows.count() == 3 and "3 of 4 runs" in lab.panel.inner_text(), what="those that the expression is true of")
    lab.page.screenshot(path=shots / "panel-runs.png")
    lab.panel.get_by_role("button", name="lr0.01").click()
    dash = lab.panel.locator(".ts-dash")                        # in a narrow panel it shows one pane, and below it the run
    lab.until(lambda: lab.panel.get_attribute("data-tab") == "dashboard" and dash.count() and "lr0.01" in dash.inner_text(), what="the run that was opened")
    lab.tab("metrics")
    lab.until(lambda: "accuracy" in lab.panel.inner_text(), what="its metrics")
    lab.open_panel("runs")
    lab.until(lambda: rows.count() == 3, what="the list, filtered as it was left")
    lab.panel.get_by_role("button", name="elsewhere").click()
    lab.until(lambda: lab.panel.get_attribute("data-tab") == "dashboard" and dash.count() and "elsewhere" in dash.inner_text(), what="a run that another process writes")
    before = dash.inner_text()
    lab.until(lambda: dash.inner_text() != before, what="its next steps, as they are written")
    lab.run(2)
    assert lab.strangers() == []


def test_status_bar_settings_and_spanish(lab: Lab, notebook_of: Write, lab_server: Any, shots: Path) -> None:
    put = """async ([id, raw]) => (await fetch(`/lab/api/settings/${id}?token=tapescope`, { method: 'PUT', body: JSON.stringify({ raw: JSON.stringify(raw) }),
        headers: { 'Content-Type': 'application/json', 'X-XSRFToken': /_xsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '' } })).status"""
    language, ours = "@jupyterlab/translation-extension:plugin", "@tapescope/labextension:plugin"
    lab.open()
    try:
        assert lab.page.evaluate(put, [language, {"locale": "es_ES"}]) == 204
        assert lab.page.evaluate(put, [ours, {"theme": "dark", "first": "metrics", "level": "histogram"}]) == 204
        lab.open(notebook_of(MODEL, "for i in range(150):\n    loss = F.cross_entropy(model(x), y); opt.zero_grad(); loss.backward(); opt.step(); time.sleep(0.02)",
                             "print([t.values for t in ts.recordings()])", "dbg = ts.debug(F.cross_entropy(model(x), y), module=model)"))
        lab.run(0)
        lab.open_panel()
        lab.await_panel("live")
        assert lab.panel.get_attribute("data-tab") == "metrics"
        record = lab.panel.locator(".ts-panel-record")
        lab.until(lambda: record.inner_text() == "Grabar", what="Spanish")
        assert lab.panel.locator(".ts-panel-state").inner_text() == "conectado"
        assert record.get_attribute("title") == "Grabar todas las celdas desde ahora, como hace ts.record()"
        assert lab.panel.get_by_role("tablist", name="Vistas de Tapescope").count() == 1
        record.click()
        lab.run(1, wait=False)
        lab.until(lambda: "Suavizado" in lab.panel.inner_text(), what="metrics in Spanish")
        view = lab.panel.locator(".ts-view").first                 # dark, while JupyterLab is light
        assert view.get_attribute("data-ts-theme") == "dark"
        assert view.evaluate("el => [getComputedStyle(el).backgroundColor, getComputedStyle(el).color]") == ["rgb(21, 24, 29)", "rgb(228, 232, 238)"]
        item = lab.page.locator(".ts-status-item")
        lab.until(lambda: item.is_visible() and "● paso" in item.inner_text() and "%" in item.inner_text(), what="the recording in the status bar")
        lab.page.screenshot(path=shots / "spanish.png")
        record.click()
        lab.await_cell(1)
        lab.until(lambda: "■" in item.inner_text(), what="the end of the recording in the status bar")
        lab.run(2)
        assert lab.text_of(2).startswith("['histogram'")
        assert lab.panel.locator(".ts-panel-run option").first.inner_text().startswith("Última: ")
        lab.page.set_viewport_size({"width": 1800, "height": 900})
        lab.tab("backward")
        lab.run(3)
        tabs = lab.panel.locator(".ts-back-tabs [role=tab]")
        lab.until(lambda: tabs.count() == 6, what="a held pass")
        lab.page.screenshot(path=shots / "spanish-held.png")
        assert len({tab.bounding_box()["y"] for tab in tabs.all()}) == 1          # the longer words, too, stand in one line
    finally:
        for id in (language, ours):
            lab.page.evaluate(put, [id, {}])


def test_record_and_stop_from_the_panel(lab: Lab, notebook_of: Write) -> None:
    loop = "for i in range(150):\n    loss = F.cross_entropy(model(x), y); opt.zero_grad(); loss.backward(); opt.step(); time.sleep(0.02)"
    lab.open(notebook_of(MODEL, loop, "print([(t.name, t.state, t.step_number > 0) for t in ts.recordings()])"))
    lab.run(0)
    lab.open_panel("metrics")
    lab.await_panel("live")
    record = lab.panel.locator(".ts-panel-record")
    record.click()
    lab.until(lambda: record.inner_text() == "Stop", what="the recording to begin")
    lab.run(1, wait=False)
    lab.until(lambda: "loss" in lab.panel.inner_text(), what="metrics of a cell that knows of no recording")
    assert lab.cell_state(1)["count"] is None
    record.click()                                              # in the middle of the loop
    lab.until(lambda: record.inner_text() == "Record", what="the recording to end")
    assert lab.cell_state(1)["count"] is None
    lab.await_cell(1)
    lab.run(2)
    assert "'stopped', True" in lab.text_of(2)


def test_modules_open_and_close_and_a_choice_is_known_everywhere(lab: Lab, notebook_of: Write) -> None:
    lab.open(notebook_of(MODEL, train(10), "print(tape.selection['key'])"))
    lab.run(0)
    lab.open_panel("graph")
    lab.run(1, wait=False)
    lab.until(lambda: "7 ops" in lab.panel.inner_text(), what="the graph")
    outline = lab.panel.get_by_role("tree")
    if not outline.count():
        lab.panel.get_by_role("button", name="Outline").click()
    row = outline.get_by_role("treeitem", name="encoder").first
    row.click()
    before = outline.get_by_role("treeitem").count()
    outline.press("ArrowLeft")                                  # closes it
    lab.until(lambda: outline.get_by_role("treeitem").count() < before, what="a closed module")
    outline.press("ArrowRight")
    lab.until(lambda: outline.get_by_role("treeitem").count() == before, what="an opened module")
    assert "encoder" in lab.panel.get_by_role("region", name="Properties of the selection").inner_text()
    lab.panel.get_by_role("button", name="Look at its output").click()
    lab.tab("tensor")                                           # the same selection in another view
    lab.until(lambda: "float32 (64, 16)" in lab.panel.inner_text(), what="the output of the module")
    lab.await_cell(1)
    lab.run(2)
    assert lab.text_of(2) == "activation/encoder\n"             # and in Python


def test_the_panel_in_notebook_7(notebook7: Lab, notebook_server: Any) -> None:
    lab = notebook7
    lab.open(notebook_server.notebook("panel.ipynb", [MODEL, train(12)]))
    lab.page.locator("[data-jp-item-name=tapescope]").first.click()
    lab.run(0)
    lab.await_panel("live")
    lab.run(1, wait=False)
    lab.tab("metrics")
    lab.until(lambda: "gradient norm" in lab.panel.inner_text(), what="metrics beside the notebook")
    assert lab.cell_state(1)["count"] is None
