"""Saved notebooks: the picture is there without a kernel and without scripts; `%%tapescope` records a cell."""

from __future__ import annotations

import base64
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager, KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from .conftest import PACKAGE
from .kernels import Page

pytestmark = pytest.mark.link

TRAIN = """
import tapescope as ts
from tapescope import nn, optim
ts.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = optim.SGD(model.parameters(), lr=0.1)
def train(steps):
    for _ in range(steps):
        opt.zero_grad(); loss = model(ts.ones(5, 4)).square().mean(); loss.backward(); opt.step()
"""
IMG = re.compile(r'<img alt="[^"]*" src="data:image/svg\+xml;base64,([^"]+)">')


def run(cells: list[str], tmp_path: Path, allow_errors: bool = False) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager())
    path = os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")])
    env = dict(os.environ, PYTHONPATH=path, IPYTHONDIR=str(tmp_path / "ipython"), OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore")
    NotebookClient(notebook, km=manager, timeout=120, allow_errors=allow_errors, resources={"metadata": {"path": str(tmp_path)}}).execute(env=env)
    return notebook


def bundle(notebook: Any, cell: int) -> dict[str, Any]:
    return next(dict(o["data"]) for o in notebook.cells[cell].outputs if "data" in o)


def picture(html: str) -> str:
    found = IMG.search(html)
    assert found
    return base64.b64decode(found[1]).decode()


def test_a_saved_notebook_keeps_its_pictures(tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    notebook = run([TRAIN + "with ts.record(values='histogram') as tape: train(4)", "tape.metrics()", "tape", "ts.arange(6.).reshape(2, 3)"], tmp_path)
    view = bundle(notebook, 1)
    assert set(view) >= {"application/vnd.jupyter.widget-view+json", "text/html", "image/svg+xml", "text/plain"}
    assert "loss" in picture(view["text/html"])
    ET.fromstring(bundle(notebook, 2)["image/svg+xml"])
    assert "tensor([[0., 1., 2.]" in bundle(notebook, 3)["text/html"]

    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config({"NbConvertBase": {"display_data_priority": ["text/html", "image/svg+xml", "image/png", "text/plain"]}})
    page, _ = HTMLExporter(config=config, sanitize_html=True).from_notebook_node(notebook)
    pictures = [base64.b64decode(b).decode() for b in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)]
    assert any("loss" in p for p in pictures)
    assert len(pictures) >= 2


def test_the_magic_records_a_cell(tmp_path: Path) -> None:
    notebook = run([TRAIN, "%load_ext tapescope", "%%tapescope first try\ntrain(5)\nprint('done')", "print(tape.name, tape.state, tape.step_number)",
                    "%%tapescope\ntrain(2)\n1 / 0", "print(tape.state, tape.step_number)", "%%tapescope vlaues=3\n1"], tmp_path, allow_errors=True)
    shown = notebook.cells[2].outputs
    assert "widget-view+json" in str(shown[0]["data"])
    assert ">loss<" in picture(shown[0]["data"]["text/html"])
    assert shown[1]["text"] == "done\n"
    assert notebook.cells[3].outputs[0]["text"] == "first try stopped 5\n"
    errors = [o for o in notebook.cells[4].outputs if o["output_type"] == "error"]
    assert errors[0]["ename"] == "ZeroDivisionError"
    assert "the recorded cell ended with ZeroDivisionError, see above" in str(notebook.cells[4].outputs)
    assert notebook.cells[5].outputs[0]["text"] == "stopped 2\n"
    assert "unknown option 'vlaues'" in str(notebook.cells[6].outputs)


def test_the_magic_is_live_while_the_cell_runs(kernel: KernelManager) -> None:
    """The dashboard's own messages, sent to the main shell, are answered while its cell still runs."""
    page = Page(kernel)
    page.done(page.run(TRAIN + "import time\n%load_ext tapescope"))
    done = page.run("%%tapescope\nend = time.monotonic() + 6\nwhile time.monotonic() < end and tape.state == 'recording':\n    train(1); time.sleep(0.02)")
    widget = page.opened("jupyter.widget", "dashboard")
    page.comm = widget
    page.send(method="custom", content={"type": "attach", "protocol": 1, "client": "tab", "request": "a"})
    said = page.wait(lambda m: m.get("method") == "custom" and m["content"].get("type") == "attached", timeout=4)
    tape = said["content"]["recordings"][-1]["id"]
    page.send(method="custom", content={"type": "subscribe", "request": "s", "recording": tape, "kind": "status"})
    status = page.wait(lambda m: m.get("method") == "custom" and m["content"].get("kind") == "status", timeout=4)["content"]
    assert status["meta"]["state"] == "recording"
    page.send(method="custom", content={"type": "command", "request": "c", "recording": tape, "verb": "record.stop", "args": {}})
    assert page.wait(lambda m: m.get("method") == "custom" and m["content"].get("request") == "c", timeout=4)["content"]["ok"]
    page.done(done)
    page.close()


def test_an_error_in_a_cell_is_an_error_of_the_notebook(tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError):
        run([TRAIN, "%load_ext tapescope", "%%tapescope\n1 / 0"], tmp_path)

