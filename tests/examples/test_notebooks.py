"""Every notebook of `examples/` runs from top to bottom, says what it promises, and carries pictures that need no kernel."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
LEARN = ROOT / "examples/learn"
NOTEBOOKS = sorted(n for n in (ROOT / "examples").rglob("*.ipynb") if ".ipynb_checkpoints" not in n.parts)
SHOWS_VIEWS = {"quickstart", "mnist_cnn", "stepping_backward", "pytorch_model", "bare_numpy", "lenet", "summarywriter_tour"}

# What is taught, in English and in Spanish: the same cells, and the same code but for what it says.
TWINS = {"first_tensors": "primeros_tensores", "autograd_by_hand": "autograd_a_mano", "bare_numpy": "red_en_numpy", "lenet": "lenet",
         "einsum_by_pictures": "einsum_en_imagenes", "second_derivatives": "segundas_derivadas", "saving_safely": "guardar_con_seguridad",
         "summarywriter_tour": "recorrido_por_summarywriter"}


def _named(path: Path) -> Any:
    """The Spanish ones run the code that the English ones run: `make test-all` sees to it that they do run."""
    spanish = path.parent.name == "es"
    name = ("es/" if spanish else "") + path.stem
    return pytest.param(path, id=name, marks=[pytest.mark.xdist_group(f"notebook {name}"), *([pytest.mark.slow] if spanish else [])])


@pytest.fixture(scope="module", params=[_named(n) for n in NOTEBOOKS])
def run(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """The notebook as it is saved, and as it has just run."""
    saved = nbformat.read(request.param, 4)
    for module in ("sklearn", "matplotlib", "tensorboard", "safetensors"):
        if any(module in c.source for c in saved.cells if c.cell_type == "code"):
            pytest.importorskip(module)
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


def test_every_widget_carries_a_picture(run: tuple[Any, Any], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id.removeprefix("es/")
    for notebook in run:
        bundles = [o.data for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "data" in o]
        widgets = [b for b in bundles if "application/vnd.jupyter.widget-view+json" in b]
        assert bool(widgets) or {v: k for k, v in TWINS.items()}.get(name, name) not in SHOWS_VIEWS
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


def read(path: Path) -> Any:
    return nbformat.read(path, 4)


def without_words(source: str) -> str:
    """The code with every text in it blanked, comments included."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.JoinedStr):
            node.values = [v for v in node.values if not isinstance(v, ast.Constant)]
    return ast.unparse(tree)


def test_what_is_taught_is_taught_in_both_languages() -> None:
    assert {n.stem for n in LEARN.glob("*.ipynb")} == set(TWINS)
    assert {n.stem for n in (LEARN / "es").glob("*.ipynb")} == set(TWINS.values())


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_code(name: str) -> None:
    english, spanish = read(LEARN / f"{name}.ipynb"), read(LEARN / "es" / f"{TWINS[name]}.ipynb")
    assert [c.cell_type for c in english.cells] == [c.cell_type for c in spanish.cells]
    for a, b in zip(english.cells, spanish.cells, strict=True):
        if a.cell_type == "code":
            assert without_words(a.source) == without_words(b.source)
        else:
            assert a.source.strip() and b.source.strip() and a.source != b.source
            assert a.source.count("$") == b.source.count("$")
            assert a.source.count("\n## ") == b.source.count("\n## ")
    assert kinds(english) == kinds(spanish)


def test_different_code_is_seen() -> None:
    assert without_words("print(f'one {x}', 'a')  # why") == without_words("print(f'uno {x}', 'b')  # por qué")
    assert without_words("print(f'{x}')") != without_words("print(f'{y}')")
    assert without_words("f(1)") != without_words("f(2)")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[n.relative_to(ROOT / "examples").with_suffix("").as_posix() for n in NOTEBOOKS])
def test_links_lead_somewhere(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#]+)", cell.source):
                assert target.startswith("https://") or (path.parent / target).exists(), target


def test_what_stepping_a_backward_pass_finds() -> None:
    saved = nbformat.read(ROOT / "examples/stepping_backward.ipynb", 4)

    def text(begins: str) -> str:
        return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs(saved, begins))

    found = text("model.zero_grad()\nwith ts.record(name=\"distances\")")
    assert "SqrtBackward0 made an infinity" in found and "point 1, centre 0" in found and "sum(-1).sqrt()" in found
    mended = text("dbg.abort()")
    assert "4 of 4 nodes are right" in mended or "5 of 5 nodes are right" in mended
    assert "finite: True" in mended
    split, waking = text("class Block"), text("for block in tower")
    assert all(int(share) > 50 for share in re.findall(r"AddBackward0 .*?share +(\d+)%", split))
    assert re.findall(r"AddBackward0 .*?share +(\d+)%", waking) == ["100", "100", "100"]
    assert "hooks at this node: ['clip']" in text("class Net")
    better = re.search(r"after the step (\S+) → (\S+)", text("dbg.run_to(module=\"head\")"))
    assert better is not None and float(better[2]) < float(better[1])
    assert "nothing written yet: True" in text("print(\"nothing written yet")
