"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .browser import chromium


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A fixture that takes pictures at the end knows whether its test has failed."""
    report = yield
    if report.when == "call":
        item.report_call = report        # type: ignore[attr-defined]
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all: a second driver would not start in the same process."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium: run `python tests/browser/chromium.py`, or name one in TAPESCOPE_CHROMIUM")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGS)
        yield browser
        browser.close()
