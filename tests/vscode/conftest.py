from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import workbench
from .driver import Code
from .workbench import ROOT, Workbench

RESULTS = ROOT / "test-results"

TRAIN = '''import sys, time
import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim

ts.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
opt = optim.SGD(model.parameters(), lr=0.1)
x, y = ts.randn(32, 8), ts.randint(0, 3, (32,))
with ts.record(sys.argv[1], control="control" in sys.argv):
    for i in range(int(sys.argv[2])):
        h = model(x)
        if i == 10 and "nan" in sys.argv:
            h = (h - h).log()
        loss = F.cross_entropy(h, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        time.sleep(float(sys.argv[3]))
'''


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.path.name.startswith("test_workbench"):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("vscode"))


@pytest.fixture(scope="session", autouse=True)
def needs_a_workbench() -> None:
    if why := workbench.missing():
        pytest.skip(why)


class Program:
    """train.py, running."""

    def __init__(self, folder: Path, run: str, steps: int, rest: float, *words: str) -> None:
        self.path = folder / "runs" / run
        self.process = subprocess.Popen([sys.executable, str(folder / "train.py"), str(self.path), str(steps), str(rest), *words], env=environment(), stderr=subprocess.PIPE, text=True)

    def stop(self) -> None:
        if self.process.poll() is None or not self.process.stderr.closed:       # type: ignore[union-attr]
            self.process.kill()
            self.process.communicate()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "kernel_lib"), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a training script, and a run of it that went wrong."""
    made = tmp_path_factory.mktemp("workspace")
    (made / "train.py").write_text(TRAIN)
    (made / "runs").mkdir()
    (made / "nothing").mkdir()
    if not (ROOT / "kernel_lib/tapescope/static/graph.js").exists():
        pytest.skip("the views have not been built: run `make build`")
    subprocess.run([sys.executable, str(made / "train.py"), str(made / "runs" / "first"), "20", "0", "nan"], env=environment(), check=True)
    return made


LESSON = ["import tapescope as ts\nimport tapescope.nn.functional as F\nfrom tapescope import nn, optim\n",
          "ts.manual_seed(0)\nmodel = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))\nopt = optim.SGD(model.parameters(), lr=0.1)\nx, y = ts.randn(32, 8), ts.randint(0, 3, (32,))\n",
          "with ts.record('runs/lesson', values='histogram') as tape:\n    for _ in range(12):\n        h = model(x)\n        loss = F.cross_entropy(h, y)\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
          "tape.graph()", "tape.backward()", "tape.histograms()"]
MIME = "application/vnd.tapescope.view+json"
EVIL = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="session")
def notebook(folder: Path) -> str:
    """A notebook as a kernel has run it and as it was saved, and below it outputs of a later version, of nonsense, of a damaged file and of hostile text."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in LESSON])
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute(env=environment())
    good = next(output["data"][MIME] for cell in book.cells for output in cell.get("outputs", []) if MIME in output.get("data", {}))
    for bad in ({**good, "format": 2}, {**good, "view": EVIL}, {**good, "data": good["data"][:400]}, {**good, "options": {"title": EVIL, "theme": EVIL}, "data": EVIL}):
        book.cells.append(nbformat.v4.new_code_cell("tape.graph()", execution_count=99, outputs=[nbformat.v4.new_output("display_data", data={MIME: bad})]))
    nbformat.write(book, folder / "lesson.ipynb")
    return "lesson.ipynb"


@pytest.fixture
def program(folder: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(steps: int, rest: float, *words: str) -> Program:
        started.append(Program(folder, re.sub(r"\W+", "-", request.node.name) + str(len(started)), steps, rest, *words))
        return started[-1]

    yield start
    for p in started:
        p.stop()


@pytest.fixture(scope="session")
def server(browser: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    made = Workbench(tmp_path_factory.mktemp("vscode"), folder)
    yield made
    made.stop()


@pytest.fixture
def code_on(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Code]]:
    opened: list[Code] = []

    def open_page(server: Workbench, **options: Any) -> Code:
        context = browser.new_context(viewport={"width": 1500, "height": 950}, **options)
        opened.append(Code(server, context.new_page()))
        return opened[-1]

    yield open_page
    report = getattr(request.node, "report_call", None)
    for n, code in enumerate(opened):
        if report is not None and report.failed:
            RESULTS.mkdir(exist_ok=True)
            name = re.sub(r"\W+", "-", request.node.name)
            code.page.screenshot(path=RESULTS / f"{name}-{n}.png")
            (RESULTS / f"{name}-{n}.txt").write_text("\n".join(code.errors))
    refused = [text for code in opened for text in code.errors if "Content Security Policy" in text and "tapescope" in text or text.startswith("tapescope:")]
    for code in opened:
        code.page.context.close()
    assert not refused, f"errors in the console: {refused[:5]}"


@pytest.fixture
def code(code_on: Callable[..., Code], server: Workbench) -> Code:
    made = code_on(server)
    made.open()
    return made


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where tests leave pictures for a person to look at."""
    found = Path(os.environ.get("TAPESCOPE_SHOTS", RESULTS / "shots"))
    found.mkdir(parents=True, exist_ok=True)
    return found
