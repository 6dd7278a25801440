"""Every verb of a held pass by the mouse alone; beside it a second pass of the same graph is moved from Python, and both must stand at the same node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .lab import Lab
from .programs import MODEL

HOLD = """
def held():
    with ts.record() as tape:
        return ts.debug(F.cross_entropy(model(x), y), module=model, optimizer=opt)

def right():
    # whether .grad is what backward() makes it
    got = [p.grad for p in model.parameters()]
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    return all(g is not None and ts.equal(g, p.grad) for g, p in zip(got, model.parameters()))

twin, dbg = held(), held()
print(dbg.total)
"""


def value(lab: Lab, text: str) -> str:
    found = lab._in_notebook("""
        const future = panel.sessionContext.session.kernel.requestExecute({ code: '', user_expressions: { v: x } });
        return (await future.done).content.user_expressions.v;""", text)
    return str(found.get("data", {}).get("text/plain", found))


def walk(lab: Lab) -> None:
    for cell in (0, 1):
        lab.run(cell)
    total = int(lab.text_of(1))
    lab.open_panel("backward")
    panel = lab.panel

    def click(name: str) -> None:
        panel.get_by_role("button", name=name, exact=True).click()

    def stands(index: int) -> None:
        lab.until(lambda: panel.locator(".ts-back-where").inner_text() == f"before node {index + 1} of {total}", 20, f"node {index + 1}")
        lab.until(lambda: value(lab, "dbg.index") == str(index), 20, f"the pass at {index}")

    def both(name: str, python: str) -> None:
        """A click, and what the twin does when it is told the same."""
        click(name)
        value(lab, f"twin.{python}")
        stands(int(value(lab, "twin.index")))

    stands(0)
    for name, python in [("Step", "step()"), ("Step", "step()"), ("Back", "step_back()"), ("Next module", "next_module()"), ("Into", "into()"), ("Into", "into()"), ("Out", "out()"),
                         ("Back", "step_back()"), ("Replay", "replay()")]:
        both(name, python)
    panel.get_by_role("tab", name="Pass").click()
    both("Run to encoder.0.bias", "run_to(parameter='encoder.0.bias')")
    click("encoder.0.weight")
    both("To selected", "run_to(parameter='encoder.0.weight')")
    click("head.bias")                                          # of those that have arrived: back
    both("To selected", "run_to(parameter='head.bias')")

    slider = panel.get_by_role("slider", name="Place in the pass")
    box = slider.bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=8)
    lab.page.mouse.up()
    stands(0)
    click("Play")
    stands(total - 1)                                           # it goes on by itself, and the pass follows

    panel.get_by_role("tab", name="Node").click()
    slider.click(position={"x": box["width"] * 0.45, "y": box["height"] / 2})
    lab.until(lambda: 0 < int(value(lab, "dbg.index")) < total - 1, what="a place in the middle")
    stands(int(value(lab, "dbg.index")))
    click("Check this derivative")
    lab.until(lambda: "The derivative is right" in panel.inner_text(), what="the derivative's check")
    panel.get_by_role("tab", name="What if").click()
    click("Try it")
    lab.until(lambda: "Gradients, without and with" in panel.inner_text(), what="the branch")
    click("Drop the branch")
    panel.get_by_role("button", name="Try it", exact=True).wait_for()
    assert value(lab, "all(p.grad is None for p in model.parameters())") == "True"       # nothing was kept
    panel.get_by_role("tab", name="Origin").click()
    click("In the gradients")
    lab.until(lambda: "every gradient is finite" in panel.inner_text(), what="the origin of nothing")
    panel.get_by_role("tab", name="Memory").click()
    lab.until(lambda: "Held by" in panel.inner_text(), what="the memory")

    click("Continue")
    lab.until(lambda: panel.locator(".ts-back-where").inner_text() == "done", what="the end")
    assert value(lab, "right()") == "True"

    lab.run(1)
    stands(0)
    both("Step", "step()")
    click("Abort")
    lab.until(lambda: panel.locator(".ts-back-where").inner_text() == "aborted" and value(lab, "dbg.state") == "'aborted'", what="a pass that is given up")


def test_in_jupyterlab(lab: Lab, notebook_of: Callable[..., str]) -> None:
    lab.open(notebook_of(MODEL, HOLD))
    walk(lab)


def test_in_notebook_7(notebook7: Lab, notebook_server: Any) -> None:
    notebook7.open(notebook_server.notebook("mouse.ipynb", [MODEL, HOLD]))
    walk(notebook7)
