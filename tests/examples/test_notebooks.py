"""Every notebook of `examples/` runs from top to bottom, says what it promises, and carries pictures that need no kernel."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=[n.stem for n in NOTEBOOKS])
def run(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """The notebook as it is saved, and as it has just run."""
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module)
    saved = nbformat.read(request.param, 4)
    if any(re.search(r"^import torch$", c.source, re.M) for c in saved.cells if c.cell_type == "code"):
        pytest.importorskip("torch", reason=f"PyTorch is not installed: {request.param.name} does not run")
    fresh = nbformat.read(request.param, 4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "kernel_lib"), before])
    try:
        NotebookClient(fresh, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(request.param.parent)}}).execute()
    finally:
        os.environ["PYTHONPATH"] = before
    return saved, fresh


def outputs(notebook: Any, begins: str) -> list[Any]:
    return next(list(c.outputs) for c in notebook.cells if c.cell_type == "code" and c.source.startswith(begins))


def kinds(notebook: Any) -> list[list[str]]:
    """Types of all outputs, cell by cell."""
    return [sorted({k for o in c.outputs for k in (o.get("data") or {o.output_type: 0})}) for c in notebook.cells if c.cell_type == "code"]


def test_it_runs_and_the_saved_outputs_are_of_the_same_kinds(run: tuple[Any, Any]) -> None:
    saved, fresh = run
    assert kinds(saved) == kinds(fresh)


def test_every_widget_carries_a_picture(run: tuple[Any, Any]) -> None:
    for notebook in run:
        bundles = [o.data for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "data" in o]
        widgets = [b for b in bundles if "application/vnd.jupyter.widget-view+json" in b]
        assert widgets
        for bundle in widgets:
            assert "<svg" in bundle["image/svg+xml"]
            assert "<img" in bundle["text/html"]


def test_the_quickstart_learns() -> None:
    """What the saved notebook shows is what a run gave: the accuracy is that of a network that has learnt."""
    saved = nbformat.read(ROOT / "examples/quickstart.ipynb", 4)
    text = "".join(o.get("text", "") for o in outputs(saved, "with ts.record(values"))
    found = re.search(r"accuracy (\d+\.\d)%", text)
    assert found is not None
    assert float(found.group(1)) > 95
