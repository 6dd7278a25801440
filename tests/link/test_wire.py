"""The wire against real kernels: idle, busy, two pages, an old page, a slow page, a page that comes back."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from .kernels import Page

pytestmark = pytest.mark.link

LOOP = """
w = ts.randn(4, 4, requires_grad=True)
x = ts.randn(8, 4)
with ts.record(name="loop") as tape:
    end = time.monotonic() + {seconds}
    n = 0
    while time.monotonic() < end and n < {most}:
        loss = ((x @ w).tanh() ** 2).mean()
        loss.backward(); w.grad = None; tape.step(); n += 1; time.sleep({rest})
"""


def loop(seconds: float = 60, most: int = 10_000, rest: float = 0.01) -> str:
    return LOOP.format(seconds=seconds, most=most, rest=rest)


def is_frame(kind: str, **meta: Any) -> Any:
    return lambda m: m.get("type") == "frame" and m["kind"] == kind and all(m["meta"].get(k) == v for k, v in meta.items())


def test_attach_to_an_idle_kernel(page: Page) -> None:
    m = page.attach()
    assert m["protocol"] == 1
    assert m["kernel"]
    page.done(page.run(loop(most=3, rest=0)))
    page.send(type="subscribe", request="g", recording="latest", kind="graph")
    page.send(type="subscribe", request="s", recording="latest", kind="scalars")
    g = page.wait(is_frame("graph"))
    assert g["strings"][0] == 0
    names = {c[0]: c for c in g["columns"]}
    assert names["op_name"][1] == "u4"
    s = page.wait(is_frame("scalars"))
    assert s["recording"] == g["recording"]


def test_a_busy_kernel_answers_and_streams(page: Page) -> None:
    done = page.run(loop(seconds=6))
    page.control(type="attach", protocol=1, request="a")
    page.wait(lambda m: m.get("type") == "attached", timeout=4)
    page.control(type="subscribe", request="s", recording="latest", kind="status")
    first = page.wait(is_frame("status"), timeout=4)
    later = page.wait(lambda m: is_frame("status")(m) and m["meta"]["step"] > first["meta"]["step"] + 5, timeout=5)
    assert later["meta"]["state"] == "recording"
    page.control(type="command", request="p", recording="latest", verb="probe.set", args={"key": "weight/w"})
    assert page.wait(lambda m: m.get("type") == "reply" and m["request"] == "p", timeout=4)["ok"]
    page.control(type="command", request="stop", recording="latest", verb="record.stop", args={})
    assert page.wait(lambda m: m.get("type") == "reply" and m["request"] == "stop", timeout=4)["ok"]
    page.done(done)


def test_a_long_step_does_not_keep_a_page_waiting(page: Page) -> None:
    done = page.run("time.sleep(3)")
    page.control(type="attach", protocol=1, request="a")
    page.wait(lambda m: m.get("type") == "attached", timeout=2)
    page.done(done)


def test_two_pages_and_one_that_comes_back(kernel: KernelManager, page: Page) -> None:
    page.attach()
    other = Page(kernel, "window/notebook")
    again = Page(kernel, "window/notebook")
    try:
        other.attach()
        again.attach()
        page.done(page.run("print(sorted(c.name for c in ts.link.service.clients))"))
        for p in (page, again):
            p.send(type="query", request="q", recording="latest", kind="status")
            assert p.wait(lambda m: m.get("type") == "reply" and m["request"] == "q")["ok"]
        other.send(type="query", request="q", recording="latest", kind="status")
        with pytest.raises(TimeoutError):
            other.wait(lambda m: m.get("type") == "reply", timeout=1.5)
    finally:
        other.close()
        again.close()


def test_a_page_that_never_acknowledges_costs_nothing(page: Page) -> None:
    page.attach()
    page.send(type="subscribe", request="s", recording="latest", kind="scalars")
    page.send(type="subscribe", request="h", recording="latest", kind="clocks")
    page.done(page.run(loop(most=200, rest=0)))
    with pytest.raises(TimeoutError):
        page.wait(lambda m: False, timeout=1.5, ack=False)
    assert sum(m.get("type") == "frame" for m, _ in page.got) <= 2


def test_clear_answers_to_what_is_not_understood(page: Page) -> None:
    page.open()
    page.send(type="attach", protocol=7, client="new", request="a")
    assert page.wait(lambda m: m.get("type") == "attached")["protocol"] == 1
    page.send(type="attach", protocol=0, client="old", request="b")
    assert "this kernel speaks 1" in page.wait(lambda m: m.get("request") == "b")["error"]
    page.send(type="subscribe", request="k", kind="smell")
    assert "unknown kind 'smell'" in page.wait(lambda m: m.get("request") == "k")["error"]
    page.send(type="subscribe", request="r", kind="graph", recording="nope")
    assert "no recording 'nope'" in page.wait(lambda m: m.get("request") == "r")["error"]
    page.send(type="wave", request="w")
    assert "unknown message type 'wave'" in page.wait(lambda m: m.get("request") == "w")["error"]
    page.send(type="command", request="v", verb="rm -rf", args={})
    assert "unknown verb" in page.wait(lambda m: m.get("request") == "v")["error"]
    page.send(type="command", request="d", verb="debug.step", args={})
    assert "dbg = ts.debug(loss)" in page.wait(lambda m: m.get("request") == "d")["error"]


def test_a_held_pass_is_stepped_from_the_page(page: Page) -> None:
    page.attach()
    page.done(page.run("w = ts.randn(3, 3, requires_grad=True); loss = (w @ w).tanh().sum(); dbg = ts.debug(loss)"))
    page.send(type="subscribe", request="d", recording="latest", kind="debug")
    first = page.wait(is_frame("debug", state="held"))
    assert first["meta"]["index"] == 0
    assert first["meta"]["at"]["name"] == "SumBackward0"
    assert first["meta"]["at"]["formula"]
    for verb, index in (("debug.step", 1), ("debug.step", 2), ("debug.back", 1)):
        page.control(type="command", request=f"{verb}{index}", recording="latest", verb=verb, args={})
        page.wait(is_frame("debug", index=index), timeout=5)
    page.control(type="command", request="c", recording="latest", verb="debug.continue", args={})
    page.wait(is_frame("debug", state="done"), timeout=5)
    page.done(page.run("assert w.grad is not None"))
