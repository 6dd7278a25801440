"""A cell that pauses at a breakpoint, in a real kernel: moved by a page while it is busy, by every way that reaches it, and interrupted."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import VERSIONS, StartKernel
from .kernels import WAYS, Message, Page

pytestmark = pytest.mark.link

CELL = """
for _ in range(3):
    x = ts.linspace(-1, 1, 6, requires_grad=True)
    ((x * 2).tanh() * 3).sum().backward()
"""


def debug(**wanted: Any) -> Any:
    """A frame that tells of a held pass in which all of this is so."""
    return lambda m: m.get("type") == "frame" and m.get("kind") == "debug" and all(m["meta"].get(k) == v for k, v in wanted.items())


def paused(start_kernel: StartKernel, version: str = "installed") -> tuple[Any, Page, str, Message]:
    manager = start_kernel(version)
    page = Page(manager)
    page.done(page.run("import tapescope as ts\ntape = ts.record()"))
    page.attach()
    page.send(type="subscribe", request="d", recording="latest", kind="debug")
    page.send(way="control", type="command", request="b", recording="latest", verb="break.add", args={"op": "tanh"})
    assert page.reply("b")["ok"]
    cell = page.run(CELL)
    return manager, page, cell, page.wait(debug(state="held", live=True))


@pytest.mark.parametrize(("version", "way"), [(version, way) for version in VERSIONS for way in WAYS if (version, way) != ("6.31.0", "subshell")])   # it has none
def test_a_page_moves_a_paused_cell(start_kernel: StartKernel, version: str, way: str) -> None:
    _, page, cell, frame = paused(start_kernel, version)
    if way == "subshell":
        page.make_subshell()
    meta = frame["meta"]
    assert meta["at"]["name"] == "TanhBackward0"
    assert "backward at tanh" in meta["reason"]
    assert meta["hits"] == [meta["breakpoints"][0]["id"]]

    def command(verb: str, **args: Any) -> Message:
        page.send(way=way, type="command", request=verb, recording="latest", verb=verb, args=args)
        return page.reply(verb)

    assert command("debug.step")["result"]["index"] == meta["index"] + 1
    assert command("debug.back")["result"]["index"] == meta["index"]
    assert command("debug.go", index=0)["result"]["index"] == 0
    assert command("debug.continue")["result"]["state"] == "held"          # the same breakpoint, as the pass comes there again
    assert command("debug.continue")["result"]["state"] == "done"
    page.wait(debug(state="held", live=True))                              # the next step's pass
    assert command("break.clear")["ok"]
    assert command("debug.continue")["ok"]
    page.done(cell)
    assert page.value("float(abs(x.grad - 6 * (1 - (2 * x).tanh() ** 2)).max()) < 1e-5")
    page.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interrupt_ends_a_pause_and_leaves_everything_clean(start_kernel: StartKernel, version: str) -> None:
    manager, page, cell, _ = paused(start_kernel, version)
    page.send(way="control", type="command", request="s", recording="latest", verb="debug.step")
    assert page.reply("s")["ok"]
    manager.interrupt_kernel()
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        page.done(cell)
    page.listen(1.0)                               # the kernel refuses what comes while it reports the interrupt
    assert page.value("x.grad is None and ts.is_grad_enabled() and tape.state == 'recording' and tape.error is None")
    page.done(page.run("ts.breakpoints.clear()\ny = (x * 2).sum(); y.backward()"))
    assert page.value("float(x.grad.sum()) == 12")
    page.close()


def test_break_here_next_time(start_kernel: StartKernel) -> None:
    page = Page(start_kernel())
    page.done(page.run("""
import tapescope as ts
def step(k):
    w = ts.tensor([1.0, 0.0], requires_grad=True)
    ((w * k).sqrt().sum()).backward()
    tape.step()
tape = ts.record()
step(1)
"""))
    page.attach()
    page.send(type="subscribe", request="d", recording="latest", kind="debug")
    finding = page.value("next(f.id for f in tape.findings() if f.rule == 'non-finite')")
    page.send(way="control", type="command", request="b", recording="latest", verb="debug.break_on", args={"finding": finding})
    assert page.reply("b")["ok"]
    cell = page.run("step(1)")
    frame = page.wait(debug(state="held", live=True))
    assert frame["meta"]["at"]["grad_in"][0]["nonfinite"] == 1
    page.send(way="control", type="command", request="c", recording="latest", verb="debug.continue")
    assert page.reply("c")["ok"]
    page.done(cell)
    page.close()


TORCH = """
import torch
from tapescope.adapters import torch as tst
model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
with tst.record(model) as tape:
    for _ in range(2):
        model.zero_grad()
        model(torch.linspace(-1, 1, 6)).sum().backward()
"""


def test_a_page_moves_a_paused_cell_of_pytorch(start_kernel: StartKernel) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: there is no pass to pause")
    manager = start_kernel()
    page = Page(manager)
    page.done(page.run("import tapescope as ts\nts.record().stop()"))
    page.attach()
    page.send(type="subscribe", request="d", recording="latest", kind="debug")
    page.send(way="control", type="command", request="b", recording="latest", verb="break.add", args={"op": "tanh"})
    assert page.reply("b")["ok"]
    cell = page.run(TORCH)
    meta = page.wait(debug(state="held", live=True))["meta"]
    assert meta["at"]["name"] == "TanhBackward0"
    assert meta["at"]["module"] == "1"
    assert meta["hits"] == [meta["breakpoints"][0]["id"]]

    def command(verb: str, **args: Any) -> Message:
        page.send(way="control", type="command", request=verb, recording="latest", verb=verb, args=args)
        return page.reply(verb)

    assert command("debug.step")["result"]["index"] == meta["index"] + 1
    assert command("debug.back")["result"]["index"] == meta["index"]
    assert command("debug.edit", scale=2)["ok"]
    assert command("debug.continue")["result"]["state"] == "done"
    page.wait(debug(state="held", live=True))                              # the next step's pass
    manager.interrupt_kernel()
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        page.done(cell)
    page.listen(1.0)
    assert page.value("all(p.grad is None for p in model.parameters()) and tape.error is None and tape.state == 'stopped'")
    page.done(page.run("ts.breakpoints.clear()\nmodel(torch.ones(6)).sum().backward()"))
    assert page.value("model[0].weight.grad is not None and not torch.overrides._get_current_function_mode_stack()")
    page.close()
