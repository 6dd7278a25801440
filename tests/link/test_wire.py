"""The wire against real kernels: idle, busy, every way in, two pages, an old page, a slow page, a page that comes back."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from jupyter_client.manager import KernelManager

from .kernels import Page

pytestmark = pytest.mark.link

LOOP = """
w = ts.randn(4, 4, requires_grad=True)
x = ts.randn(8, 4)
with ts.record(name="loop") as tape:
    began = end = time.monotonic()
    n = 0
    while end - began < {seconds} and n < {most} and tape.state == 'recording':
        loss = ((x @ w).tanh() ** 2).mean()
        loss.backward(); w.grad = None; tape.step(); n += 1; time.sleep({rest}); end = time.monotonic()
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
    s = page.wait(is_frame("scalars"))
    assert s["recording"] == g["recording"]
    header, buffers = next((m, b) for m, b in page.got if m.get("kind") == "graph")
    columns = {name: np.frombuffer(b, dtype) for (name, dtype, n), b in zip(header["columns"], buffers, strict=True)}
    texts = g["strings"][1]
    assert [texts[i] for i in columns["op_name"]][:2] == ["mm", "tanh"]
    assert all(len(columns[name]) == n for name, _, n in header["columns"])


def test_a_busy_kernel_answers_and_streams(page: Page) -> None:
    done = page.run(loop(seconds=5))
    page.control(type="attach", protocol=1, request="a")
    page.wait(lambda m: m.get("type") == "attached", timeout=4)
    page.control(type="subscribe", request="s", recording="latest", kind="status")
    first = page.wait(is_frame("status"), timeout=4)
    later = page.wait(lambda m: is_frame("status")(m) and m["meta"]["step"] > first["meta"]["step"] + 5, timeout=5)
    assert later["meta"]["state"] == "recording"
    page.control(type="command", request="p", recording="latest", verb="probe.set", args={"key": "weight/w"})
    assert page.reply("p", timeout=4)["ok"]
    page.control(type="command", request="stop", recording="latest", verb="record.stop", args={})
    assert page.reply("stop", timeout=4)["ok"]
    page.done(done)


def test_a_long_step_does_not_keep_a_page_waiting(kernel: KernelManager, page: Page) -> None:
    """Attached in the middle of a step of 10 s, with data of the steps before it."""
    page.done(page.run(loop(most=3, rest=0)))
    done = page.run("time.sleep(10)")
    began = time.monotonic()
    page.control(type="attach", protocol=1, request="a")
    page.wait(lambda m: m.get("type") == "attached", timeout=2)
    for kind in ("graph", "scalars", "status", "clocks", "gradients", "findings"):
        page.control(type="subscribe", request=kind, recording="latest", kind=kind)
    for kind in ("graph", "scalars", "status", "clocks", "gradients", "findings"):
        if not page.frames(kind):
            page.wait(is_frame(kind), timeout=4)
    assert time.monotonic() - began < 5
    page.control(type="command", request="c", recording="latest", verb="debug.step", args={})     # waits for the main thread, and is answered then
    kernel.interrupt_kernel()
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        page.done(done)
    assert "ts.debug(loss)" in page.reply("c")["error"]


def test_a_command_on_a_subshell_reaches_a_busy_kernel(page: Page) -> None:
    """As JupyterLab sends comm messages to ipykernel 7; 7.4 would route them to the busy main shell, had it not been told otherwise."""
    if not page.supports:
        pytest.skip("this ipykernel has no subshells")
    page.attach()
    page.make_subshell()
    done = page.run(loop(seconds=8))
    page.send("subshell", type="subscribe", request="s", recording="latest", kind="status")
    page.wait(is_frame("status"), timeout=4, ack="subshell")
    page.listen(0.5, ack="subshell")                         # the kernel has published on this comm again and again
    page.send("subshell", type="command", request="stop", recording="latest", verb="record.stop", args={})
    assert page.reply("stop", timeout=3, ack="subshell")["ok"]
    page.done(done)


def test_a_command_on_the_main_shell_reaches_a_busy_kernel_at_the_next_step(page: Page) -> None:
    """By the pump, for hosts that have neither control requests nor subshells; cells that wait keep their order."""
    page.attach()
    page.done(page.run("order = []"))
    done = page.run(loop(seconds=8))
    later = [page.run(f"order.append({i})") for i in range(3)]
    time.sleep(0.3)
    page.send(type="subscribe", request="s", recording="latest", kind="status")
    page.wait(is_frame("status", state="recording"), timeout=4, ack="comm")
    page.send(type="command", request="stop", recording="latest", verb="record.stop", args={})
    assert page.reply("stop", timeout=4, ack="comm")["ok"]
    for request in (done, *later):
        page.done(request)
    assert page.value("order") == [0, 1, 2]


def test_a_paused_cell_is_released_by_any_way_and_by_an_interrupt(kernel: KernelManager, page: Page) -> None:
    page.attach()
    page.done(page.run("import threading; go = threading.Event()\nts.link.commands.register('go', lambda tape, args: go.set())"))
    ways = ["control", "comm"]
    if page.supports:
        page.make_subshell()
        ways.append("subshell")
    for way in ways:
        done = page.run("go.clear(); ts.link.wait_for(go.is_set)")
        time.sleep(0.2)
        page.send(way, type="command", request=way, recording="latest", verb="go", args={})
        assert page.reply(way, timeout=4)["ok"]
        page.done(done, timeout=4)
    stuck = page.run("go.clear(); ts.link.wait_for(go.is_set)")
    time.sleep(0.3)
    kernel.interrupt_kernel()
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        page.done(stuck, timeout=5)


def test_two_pages_and_one_that_comes_back(kernel: KernelManager, page: Page) -> None:
    page.attach()
    other, again = Page(kernel, "window/notebook"), Page(kernel, "window/notebook")
    try:
        other.attach()
        assert "window/notebook" in page.value("sorted(c.name for c in ts.link.service.clients)")
        again.attach()
        assert page.value("sum(c.name == 'window/notebook' for c in ts.link.service.clients)") == 1
        other.listen(0.5)
        assert other.closed
        page.done(page.run(loop(most=3, rest=0)))
        for p in (page, again):
            p.send(type="query", request="q", recording="latest", kind="scalars")
            assert p.reply("q")["ok"]
            assert p.frames("scalars")[-1]["more"] is False
        assert not other.frames("scalars")
    finally:
        other.close()
        again.close()


def test_an_exception_in_a_verb_is_an_answer_and_no_output(page: Page) -> None:
    page.attach()
    page.done(page.run("def bad(tape, args): raise ValueError('of all things')\nts.link.commands.register('bad', bad)"))
    page.outputs.clear()
    for way in ("comm", "control"):
        page.send(way, type="command", request=way, recording="latest", verb="bad", args={})
        assert page.reply(way)["error"] == "of all things"
    assert page.outputs == []


def test_a_page_that_never_acknowledges_costs_nothing(page: Page) -> None:
    """Loop time with a page that takes two frames and falls silent, beside the time with nobody there."""
    page.done(page.run(loop(most=300, rest=0)))
    alone = page.value("(end - began) / n")
    page.attach()
    for kind in ("scalars", "clocks", "graph", "stats", "histograms", "status"):
        page.send(type="subscribe", request=kind, recording="latest", kind=kind)
    page.listen(0.5, ack=False)
    page.got.clear()
    page.done(page.run(loop(most=300, rest=0)))
    silent = page.value("(end - began) / n")
    page.listen(1, ack=False)
    assert sum(m.get("type") == "frame" for m, _ in page.got) <= 2
    print(f"\nms a step: alone {alone * 1e3:.2f}, with a silent page {silent * 1e3:.2f}")
    assert silent < 1.6 * alone + 0.002                      # a wide margin: the machine is shared


def test_clear_answers_to_what_is_not_understood(page: Page) -> None:
    page.open()
    page.send(type="attach", protocol=7, client="new", request="a")
    assert page.wait(lambda m: m.get("type") == "attached")["protocol"] == 1
    page.send(type="attach", protocol=0, client="old", request="b")
    assert "this kernel speaks 1" in page.reply("b")["error"]
    page.send(type="subscribe", request="k", kind="smell")
    assert "unknown kind 'smell'" in page.reply("k")["error"]
    page.send(type="subscribe", request="r", kind="graph", recording="nope")
    assert "no recording 'nope'" in page.reply("r")["error"]
    page.send(type="wave", request="w")
    assert "unknown message type 'wave'" in page.reply("w")["error"]
    page.send(type="command", request="v", verb="rm -rf", args={})
    assert "unknown verb" in page.reply("v")["error"]
    page.send(type="command", request="d", verb="debug.step", args={})
    assert "dbg = ts.debug(loss)" in page.reply("d")["error"]
    assert page.control_reply(page.on_control("tapescope_request", {"type": "attach"}))["status"] == "error"


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


def test_a_page_follows_the_latest_recording(page: Page) -> None:
    page.attach()
    page.send(type="subscribe", request="s", recording="latest", kind="scalars")
    page.done(page.run(loop(most=3, rest=0)))
    first = page.wait(is_frame("scalars"))["recording"]
    page.done(page.run(loop(most=3, rest=0)))
    second = page.wait(lambda m: is_frame("scalars")(m) and m["recording"] != first)
    assert second["strings"][0] == 0
    listed = [m["recordings"][-1]["id"] for m, _ in page.got if m.get("type") == "recordings"]
    assert listed[-1] == second["recording"]
