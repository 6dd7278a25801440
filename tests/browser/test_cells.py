"""The views in cells, in JupyterLab and in Notebook 7: live, held, and saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab, Server
from .programs import MODEL, train
from .test_panel import DRAWN

Write = Callable[..., str]
CALLS = ["tape.graph()", "tape.backward()", "tape.histograms()", "tape.metrics()", "tape.projector('encoder.0')", "tape.tensor('weight/head.weight')",
         "tape.dashboard()"]
SEEN = {"graph": "7 ops", "backward": "replay", "histograms": "encoder.0.weight", "metrics": "accuracy", "projector": "Explained", "tensor": "float32",
        "dashboard": "loss"}


def output(lab: Lab, cell: int) -> Any:
    """The output area of a code cell."""
    lab._in_notebook("panel.content.activeCellIndex = x; await panel.content.scrollToItem(x, 'center');", cell)
    return lab.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea-output")


@pytest.mark.parametrize("application", ["lab", "notebook"])
def test_every_view_comes_from_a_cell(page_on: Callable[[Server], Lab], lab_server: Server, notebook_server: Server, shots: Path, application: str) -> None:
    server = lab_server if application == "lab" else notebook_server
    lab = page_on(server)
    probed = train(1).replace("end =", "tape.probe('activation/encoder.0'); tape.probe('weight/head.weight'); end =")
    lab.open(server.notebook(f"views-{application}.ipynb", [MODEL, probed, *CALLS]))
    lab.run(0)
    lab.run(1)
    for i, call in enumerate(CALLS):
        lab.run(2 + i)
        name = call[5:].partition("(")[0]
        out = output(lab, 2 + i)
        lab.until(lambda o=out, n=name: SEEN[n] in o.inner_text(), what=f"{call} in {application}")
        lab.until(lambda o=out: any(c.evaluate(DRAWN) > 50 for c in o.locator("canvas").all()), what=f"a drawing of {call}")
        lab.page.screenshot(path=shots / f"cell-{application}-{name}.png")
    assert "LogSoftmaxBackward0" not in out.inner_text()
    out.get_by_role("tab", name="Backward", exact=True).click()               # its code comes when it is wanted
    lab.until(lambda: "NllLossBackward0" in out.inner_text() and "replay" in out.inner_text(), what=f"a view in code of its own, in {application}")
    lab.page.locator(".jp-Notebook").first.evaluate("el => el.scrollTop = 0")


def test_the_projector_embeds_while_one_looks(lab: Lab, notebook_of: Write, shots: Path) -> None:
    digits = "from sklearn.datasets import load_digits\nd = load_digits()\nX = torch.tensor(d.data[:400] / 16, dtype=torch.float32); Y = torch.tensor(d.target[:400])"
    loop = """with ts.record() as tape:
    tape.probe('activation/1')
    for _ in range(30):
        loss = F.cross_entropy(net(X), Y); opt.zero_grad(); loss.backward(); opt.step()"""
    lab.open(notebook_of("import tapescope as ts\nimport tapescope as torch\nfrom tapescope import nn, optim\nimport tapescope.nn.functional as F", digits,
                         "net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)); opt = optim.Adam(net.parameters(), 0.01)", loop, "tape.projector('1')"))
    for cell in range(5):
        lab.run(cell)
    out = output(lab, 4)
    lab.until(lambda: "Explained" in out.inner_text(), what="PCA")
    out.get_by_role("radio", name="t-SNE").click()
    lab.until(lambda: re.search(r"t-SNE: \d+ of 750", out.inner_text()), what="its progress")
    lab.until(lambda: "t-SNE of step 29" in out.inner_text(), what="its end")
    lab.page.wait_for_timeout(600)
    lab.page.screenshot(path=shots / "cell-tsne.png")
    assert "Explained" not in out.inner_text()
    out.get_by_role("radio", name="3D").click()
    lab.until(lambda: re.search(r"t-SNE: \d+ of 750", out.inner_text()), what="the same in three dimensions")
    out.get_by_role("button", name="Halt").click()
    lab.until(lambda: out.get_by_role("button", name="Go on").count() == 1, what="a halted one")


def test_runs_in_a_cell_are_grouped_compared_and_filtered(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, """
import tempfile
folder = tempfile.mkdtemp()
for i, lr in enumerate((0.1, 0.1, 0.01, 0.001)):
    with ts.record(f"{folder}/exp{i}", params={"lr": lr, "seed": i}) as tape:
        for step in range(12):
            tape.log_scalar("val/loss", lr * 10 + i / (step + 1)); tape.step()""", 'ts.runs(folder).where("lr > 0.005")'))
    for cell in range(3):
        lab.run(cell)
    out = output(lab, 2)
    rows = out.locator(".ts-runlist tbody tr")
    lab.until(lambda: rows.count() == 3 and "3 of 4 runs" in out.inner_text(), what="the filtered runs")
    out.get_by_label("Group").select_option("lr")
    lab.until(lambda: [w.split("\t")[0].strip() for w in out.locator(".ts-runlist-group").all_inner_texts()] == ["lr = 0.01 1 run", "lr = 0.1 2 runs"], what="its groups")
    out.get_by_label("Compare").select_option("val/loss")
    lab.until(lambda: out.locator(".ts-bands canvas").count() == 1 and out.locator(".ts-bands canvas").evaluate(DRAWN) > 50, what="the comparison")
    assert "2 runs" in out.locator(".ts-bands li", has_text="lr=0.1").inner_text()
    lab.page.screenshot(path=shots / "cell-runs.png")
    search = out.get_by_label("Filter runs by an expression")
    search.fill("lr < 0.005")
    search.press("Enter")
    lab.until(lambda: "1 of 4 runs" in out.inner_text() and "exp3" in out.inner_text(), what="another filter")


def test_the_magic_shows_a_dashboard_while_its_cell_runs(lab: Lab, notebook_of: Write) -> None:
    body = train(12).split("as tape:\n")[1].rsplit("print", 1)[0]
    lab.open(notebook_of(MODEL, "%load_ext tapescope", "%%tapescope magic\nimport time\nif True:\n" + body, "print(tape.name, tape.state)"))
    lab.run(0)
    lab.run(1)
    lab.run(2, wait=False)
    lab.until(lambda: "loss" in "".join(output(lab, 2).all_inner_texts()), what="the dashboard")
    assert lab.cell_state(2)["count"] is None
    lab.await_cell(2)
    lab.run(3)
    assert lab.text_of(3) == "magic stopped\n"


def test_a_held_pass_moves_by_buttons_keys_and_cells(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(
        MODEL, "dbg = ts.debug(F.cross_entropy(model(x), y), module=model)\ndbg.view()", "print(dbg.index, dbg.state)", "dbg.step(); None",
        "print(dbg.index, dbg.state, model.head.weight.grad is None)", "opt.zero_grad(); F.cross_entropy(model(x), y).backward(); want = model.head.weight.grad.clone()",
        "print(bool((got == want).all()))"))
    lab.run(0)
    lab.run(1)
    out = output(lab, 1)
    lab.until(lambda: "NllLossBackward0" in out.inner_text(), what="the first node")
    lab.until(lambda: "Gradient in" in out.inner_text(), what="what the first node receives")
    assert out.locator("math").count() >= 1                     # the formula of the vjp
    out.get_by_role("button", name="Step", exact=True).click()
    lab.until(lambda: "LogSoftmaxBackward0" in out.inner_text(), what="the second node")
    for words in ("Gradient in", "Saved by the forward op", "Gradient out", "result"):
        assert words in out.inner_text()
    lab.page.screenshot(path=shots / "cell-debug.png")
    out.locator(".ts-back-panel").focus()
    lab.page.keyboard.press("s")
    lab.until(lambda: "AddmmBackward0" in out.inner_text(), what="the third node, by a key")
    out.get_by_role("button", name="Back").click()
    lab.until(lambda: "before node 2 of" in out.inner_text(), what="one node back")
    lab.run(2)
    assert lab.text_of(2) == "1 held\n"
    lab.run(3)
    lab.until(lambda: "before node 3 of" in out.inner_text(), what="a step by a cell")
    out.get_by_role("button", name="Continue").click()
    lab.until(lambda: "complete" in out.inner_text(), what="the end of the pass")
    lab.run(4)
    assert lab.text_of(4).endswith("done False\n")


def test_a_saved_notebook_replays_its_views_without_the_kernel_that_made_them(page_on: Callable[[Server], Lab], lab_server: Server, shots: Path) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbformat.sign import NotebookNotary

    cells = [MODEL, "with ts.record(values='histogram') as tape:\n    for _ in range(30):\n        opt.zero_grad(); loss = F.cross_entropy(model(x), y); loss.backward(); opt.step()\n"
             "        tape.log_scalar('accuracy', 0.5)", "tape.metrics()", "tape.backward()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=True).execute()
    nbformat.write(notebook, lab_server.root / "saved-views.ipynb")
    signed = nbformat.read(lab_server.root / "saved-views.ipynb", as_version=4)
    NotebookNotary(data_dir=str(lab_server.root.parent / "data")).sign(signed)      # as JupyterLab does for what the reader has run
    reader = page_on(lab_server)
    reader.open("saved-views.ipynb")                            # a fresh kernel, in which nothing has run: it knows neither the library nor the recording
    out = output(reader, 2)
    reader.until(lambda: "accuracy" in out.first.inner_text() and "loss" in out.first.inner_text(), what="the metrics, replayed")
    back = output(reader, 3)
    reader.until(lambda: "NllLossBackward0" in back.first.inner_text(), what="the backward pass, replayed")
    back.get_by_role("button", name="Step", exact=True).first.click()
    reader.until(lambda: "LogSoftmaxBackward0" in back.first.inner_text(), what="its second node")
    reader.page.screenshot(path=shots / "saved-replayed.png")


def test_a_saved_notebook_needs_no_kernel(page_on: Callable[[Server], Lab], lab_server: Server, notebook_of: Write, shots: Path) -> None:
    path = notebook_of(MODEL, train(0.5), "tape.graph()", "tape.metrics()", "tape", "x[:4]")
    lab = page_on(lab_server)
    lab.open(path)
    for cell in range(6):
        lab.run(cell)
    lab.save()
    lab.command("kernelmenu:shutdown")
    lab.page.wait_for_timeout(500)
    saved = lab_server.root / path
    copy = lab_server.root / f"untrusted-{path}"                # another name and a changed text: nobody has signed it
    copy.write_text(saved.read_text().replace("trained", "Trained"))
    reader = page_on(lab_server)
    reader.page.goto(f"{lab_server.url}/lab?token=tapescope&reset")
    reader.await_app()
    reader.page.evaluate("async path => { await window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook', kernelPreference: { shouldStart: false, canStart: false } }); }", copy.name)
    for cell in (2, 3, 4):
        image = output(reader, cell).locator("img").first
        image.wait_for(timeout=15_000)
        assert image.evaluate("el => el.complete && el.naturalWidth") > 100
    assert "tensor(" in output(reader, 5).inner_text() or output(reader, 5).locator("img").count()
    reader.page.screenshot(path=shots / "saved-untrusted.png")
