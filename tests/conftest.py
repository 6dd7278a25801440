"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .browser import chromium


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
