"""A page that has been replaced or has left: what it said before comes late, and must not put out the page that took its place."""

from __future__ import annotations

import time

import pytest
from jupyter_client.manager import KernelManager

from .kernels import Page

pytestmark = pytest.mark.link

NAMES = "[c.name for c in ts.link.service.clients]"


def test_a_late_word_of_a_replaced_page_changes_nothing(kernel: KernelManager, page: Page) -> None:
    """A duplicated tab has the same name; the acknowledgement of the first one's last frame comes after its comm was closed."""
    old, new = Page(kernel, "tab/late"), Page(kernel, "tab/late")
    try:
        old.attach()
        new.attach()
        old.listen(0.5)
        assert old.closed
        for kind in ("ack", "subscribe", "attach"):
            request = old.control(type=kind, seq=1, request=kind, recording="latest", kind="status", protocol=1)
            assert old.control_reply(request)["status"] == "error"
        new.listen(0.5)
        assert not new.closed
        assert page.value(NAMES).count("tab/late") == 1
        new.control(type="query", request="q", recording="latest", kind="status")
        assert new.reply("q")["ok"]
    finally:
        old.close()
        new.close()


def test_a_page_that_left_does_not_come_back_by_a_late_acknowledgement(kernel: KernelManager, page: Page) -> None:
    gone = Page(kernel, "tab/gone")
    try:
        gone.attach()
        gone._shell("comm_close", {"comm_id": gone.comm, "data": {}})
        page.done(page.run("time.sleep(0.2)"))
        assert gone.control_reply(gone.control(type="ack", seq=3))["status"] == "error"
        assert "tab/gone" not in page.value(NAMES)
    finally:
        gone.close()


def test_a_page_reloaded_while_a_cell_runs_stays_when_the_cell_ends(kernel: KernelManager, page: Page) -> None:
    """The comm_open of the page before the reload has waited behind the cell, and comes after the new page is there."""
    old, new = Page(kernel, "tab/reload"), Page(kernel, "tab/reload")
    try:
        done = page.run("time.sleep(3)")
        time.sleep(0.3)
        for p in (old, new):                       # both open on the busy main shell and attach by the control channel
            p.open()
            p.control(type="attach", protocol=1, request="a")
            p.wait(lambda m: m.get("type") == "attached", timeout=2)
            if p is old:
                old._shell("comm_close", {"comm_id": old.comm, "data": {}})
        page.done(done)
        new.listen(1)
        assert not new.closed
        assert page.value(NAMES).count("tab/reload") == 1
        for way in ("control", "comm"):
            new.send(way, type="query", request=way, recording="latest", kind="status")
            assert new.reply(way)["ok"]
    finally:
        old.close()
        new.close()
