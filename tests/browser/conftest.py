from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab, Server

RESULTS = Path(__file__).resolve().parents[2] / "test-results"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def notebook_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("nb7"), "notebook")
    yield server
    server.stop()


@pytest.fixture
def page_on(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[Server], Lab]]:
    """Opens pages, and judges them at the end: nothing left the machine, nothing was refused in the console."""
    contexts, labs = [], []

    def open_page(server: Server) -> Lab:
        context = browser.new_context(service_workers="block", viewport={"width": 1400, "height": 900})
        contexts.append(context)
        labs.append(Lab(server, context.new_page()))
        return labs[-1]

    yield open_page
    report = getattr(request.node, "report_call", None)
    for n, lab in enumerate(labs):
        if report is not None and report.failed:
            RESULTS.mkdir(exist_ok=True)
            name = re.sub(r"\W+", "-", request.node.name)
            lab.page.screenshot(path=RESULTS / f"{name}-{n}.png")
            (RESULTS / f"{name}-{n}.txt").write_text("\n".join(lab.errors))
    strangers = [url for lab in labs for url in lab.strangers()]
    ours = [text for lab in labs for text in lab.errors if "tapescope" in text.lower() and text not in lab.expected_errors]
    for context in contexts:
        context.close()
    for lab in labs:
        lab.server.forget()
    assert not strangers, f"requests left the machine: {strangers[:5]}"
    assert not ours, f"errors in the console: {ours[:5]}"


@pytest.fixture
def lab(page_on: Callable[[Server], Lab], lab_server: Server) -> Lab:
    return page_on(lab_server)


@pytest.fixture
def notebook7(page_on: Callable[[Server], Lab], notebook_server: Server) -> Lab:
    return page_on(notebook_server)


@pytest.fixture
def notebook_of(lab_server: Server, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Writes a notebook named after the test."""
    def write(*cells: str, name: str = "") -> str:
        stem = re.sub(r"\W+", "-", request.node.name) + name
        return lab_server.notebook(f"{stem}.ipynb", list(cells))
    return write


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where tests leave pictures for a person to look at."""
    folder = Path(os.environ.get("TAPESCOPE_SHOTS", RESULTS / "shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
