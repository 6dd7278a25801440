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
    subprocess.run([sys.executable, str(made / "train.py"), str(made / "runs" / "first"), "20", "0", "nan"], env=environment(), check=True)
    return made


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


class Code:
    """One window of VS Code."""

    def __init__(self, server: Workbench, page: Any) -> None:
        self.server, self.page = server, page
        self.errors: list[str] = []
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))

    def open(self) -> None:
        self.page.goto(self.server.url)
        self.page.locator(".explorer-folders-view .monaco-list-row").first.wait_for(timeout=60_000)
        self.page.locator(".activitybar [aria-label=Tapescope]").first.wait_for()

    def run(self, command: str) -> None:
        """A command of the palette, by its title."""
        row = self.page.locator(".quick-input-list .monaco-list-row", has_text=command.split(": ")[-1]).first
        for _ in range(10):                                  # extensions are known a moment after the window
            self.page.keyboard.press("Control+Shift+P")
            self.page.locator(".quick-input-widget input.input").fill(f">{command}")
            try:
                row.click(timeout=2000)
                return
            except Exception:
                self.page.keyboard.press("Escape")
        raise AssertionError(f"there is no command {command}")

    def pick(self, text: str) -> None:
        """A row of the list that has come up."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=text).first.wait_for()
        self.page.locator(".quick-input-widget input.input").fill(text)
        self.page.keyboard.press("Enter")                    # a tooltip may lie over a row that the pointer is on

    def open_file(self, name: str) -> None:
        self.page.keyboard.press("Control+P")
        self.page.locator(".quick-input-widget input.input").fill(name)
        self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.click()

    def open_run(self, run: str) -> Any:
        """Opens a recording by the palette; gives the page inside the panel."""
        self.run("Tapescope: Open Recording")
        self.pick(f"runs/{run}")
        return self.inside("#view, main[role=alert]")

    def inside(self, selector: str, timeout: float = 20.0) -> Any:
        """The frame of a webview in which something is."""
        for _ in range(int(timeout * 20)):
            for frame in self.page.frames:
                try:
                    if "/webview/" in frame.url and frame.locator(selector).count():
                        return frame
                except Exception:                           # a frame that goes while it is asked
                    continue
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no webview has {selector}")

    def notifications(self) -> str:
        toast = self.page.locator(".notification-list-item-message").first
        toast.wait_for()
        return str(toast.inner_text())
