"""Commands of two pages to one kernel, in any order, with reloads and a restart: the gradients at the end are those of `backward()`."""

from __future__ import annotations

import random
from typing import Any

import pytest

from .conftest import StartKernel
from .kernels import Message, Page

pytestmark = pytest.mark.link

MODEL = """
import tapescope as ts
from tapescope import nn
ts.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
x = ts.linspace(-1, 1, 6).reshape(2, 3)
def backward():
    net.zero_grad()
    net(x).exp().sum().backward()
    return [p.grad.tolist() for p in net.parameters()]
expected = backward()
net.zero_grad()
tape = ts.record()
"""


def start(page: Page) -> None:
    page.done(page.run(MODEL))
    attach(page)


def attach(page: Page) -> None:
    page.attach()
    page.send(type="subscribe", request="d", recording="latest", kind="debug")


def debug(**wanted: Any) -> Any:
    return lambda m: m.get("type") == "frame" and m.get("kind") == "debug" and all(m["meta"].get(k) == v for k, v in wanted.items())


def ask(page: Page, verb: str, **args: Any) -> Message:
    """A command by the control channel, as the panel sends it; its reply, refusals included."""
    page.send(way="control", type="command", request=verb, recording="latest", verb=verb, args=args)
    return page.reply(verb)


@pytest.mark.parametrize("seed", [0, 1])
def test_two_pages_a_reload_and_an_interrupt_leave_the_gradients_right(start_kernel: StartKernel, seed: int) -> None:
    dice = random.Random(seed)
    manager = start_kernel()
    first = Page(manager)
    start(first)
    second = Page(manager)
    attach(second)
    assert ask(first, "break.add", op="tanh")["ok"]
    cell = first.run("found = backward()")
    first.wait(debug(state="held", live=True))
    for _ in range(40):
        verb = dice.choice(["step", "step", "back", "go", "what_if", "drop", "origin", "memory", "check", "explain", "replay", "reload", "next_module"])
        page = dice.choice([first, second])
        if verb == "reload":
            if page is second:
                second.send(way="control", type="attach", protocol=1, client=second.name, request="again")
                second.wait(lambda m: m.get("type") == "attached" and m["request"] == "again")
                second.send(way="control", type="subscribe", request="d", recording="latest", kind="debug")
                assert second.wait(debug(live=True))["meta"]["state"] == "held"
            continue
        args: dict[str, Any] = {"go": {"index": dice.randrange(8)}, "what_if": {"change": "scale", "by": 0.5}}.get(verb, {})
        answer = ask(page, "debug." + verb, **args)
        if answer["ok"] and answer["result"].get("state") == "done":
            break
        if not answer["ok"]:
            assert any(w in answer["error"] for w in ("nothing before it", "no derivative to check", "passed its end", "complete", "is over", "no backward pass")), answer
    while not (answer := ask(first, "debug.continue"))["ok"] or answer["result"]["state"] != "done":
        assert answer["ok"] or "complete" in answer["error"], answer
        if not answer["ok"]:
            break
    first.done(cell)
    assert first.value("found == expected")
    for page in (first, second):
        page.close()


def test_breakpoints_come_back_with_the_notebook_after_a_restart(start_kernel: StartKernel) -> None:
    manager = start_kernel()
    page = Page(manager)
    start(page)
    assert ask(page, "break.add", op="tanh", norm_above=0.0)["ok"]
    assert ask(page, "break.add", when="nonfinite", enabled=False)["ok"]
    kept = ask(page, "break.list")["result"]["breakpoints"]    # what the page writes into its notebook
    assert [b["words"] for b in kept] == ["backward at tanh when norm > 0", "backward when nonfinite"]
    page.close()
    manager.restart_kernel(now=True)
    page = Page(manager)
    start(page)
    assert ask(page, "break.list")["result"]["breakpoints"] == []
    assert len(ask(page, "break.restore", breakpoints=kept)["result"]["ids"]) == 2
    assert ask(page, "break.restore", breakpoints=kept)["result"]["ids"] == []
    cell = page.run("found = backward()")
    assert page.wait(debug(state="held", live=True))["meta"]["at"]["name"] == "TanhBackward0"
    assert ask(page, "debug.continue")["ok"]
    page.done(cell)
    assert page.value("found == expected")
    page.close()


def test_a_branch_is_compared_and_kept_in_a_running_cell(start_kernel: StartKernel) -> None:
    page = Page(start_kernel())
    start(page)
    assert ask(page, "break.add", op="tanh")["ok"]
    cell = page.run("found = backward()")
    page.wait(debug(state="held", live=True))
    branch = ask(page, "debug.what_if", change="zero")["result"]
    by_name = {row["parameter"]: row["grad"] for row in branch["parameters"]}
    assert by_name["0.weight"][1] == 0 < by_name["0.weight"][0]
    assert by_name["2.weight"][0] == by_name["2.weight"][1]
    assert page.wait(lambda m: debug(live=True)(m) and m["meta"]["branch"])["meta"]["branch"]["changes"][0]["how"] == "zero"
    assert ask(page, "debug.keep")["result"]["state"] == "done"
    page.done(cell)
    assert page.value("[sum(map(abs, sum(g, []) if isinstance(g[0], list) else g)) == 0 for g in found]") == [True, True, False, False]
    page.close()
