"""The backward debugger in a real JupyterLab: a paused cell is seen, moved by mouse and by keys alone, and what was set survives a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .lab import Lab
from .programs import MODEL

Write = Callable[..., str]

RECORD = """
tape = ts.record()
loss = F.cross_entropy(model(x), y)
opt.zero_grad(); loss.backward(); opt.step()
"""

LOOP = """
for i in range({steps}):
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad(); loss.backward(); opt.step()
print("done", float(loss) < 9)
"""


def paused(lab: Lab, words: str = "") -> str:
    """What is spoken once the cell has paused."""
    return str(lab.until(lambda: (t := lab.page.locator(".ts-spoken").inner_text()).startswith("Cell paused") and words in t and t, what=f"a pause {words}"))


def running(lab: Lab, cell: int) -> bool:
    return lab.cell_state(cell)["count"] is None


def test_a_paused_cell_is_seen_and_moved_while_it_is_busy(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, RECORD, "ts.break_on(module='encoder'); None", LOOP.format(steps=2)))
    for cell in range(3):
        lab.run(cell)
    lab.run(3, wait=False)
    words = paused(lab)                                         # nobody has opened the panel
    assert "ReluBackward0 in encoder.1" in words
    assert "breakpoint 1: backward in encoder" in words
    button = lab.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=tapescope]").first
    assert "Paused" in button.inner_text()
    lab.page.screenshot(path=shots / "paused-toolbar.png")
    button.locator("jp-button, button").first.click()           # leads to the stop
    lab.panel.wait_for(state="visible")
    assert lab.panel.locator("[role=tab][data-tab=backward]").get_attribute("aria-selected") == "true"
    where = lab.panel.locator(".ts-back-where")
    lab.until(lambda: where.count() and where.inner_text() == "before node 7 of 11", what="the stop")
    lab.tab("metrics")
    lab.until(lambda: lab.panel.locator(".ts-panel-pause").is_visible(), what="the line that leads back")
    lab.panel.locator(".ts-panel-pause").get_by_role("button", name="Show").click()
    lab.until(lambda: where.count() and where.inner_text() == "before node 7 of 11", what="the stop again")
    lab.panel.get_by_role("button", name="Step", exact=True).click()
    lab.until(lambda: where.inner_text() == "before node 8 of 11", what="a step by a click")
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.keyboard.press("p")
    lab.until(lambda: where.inner_text() == "before node 7 of 11", what="a step back by a key")
    lab.panel.get_by_role("slider", name="Place in the pass").press("End")
    lab.until(lambda: where.inner_text() == "before node 11 of 11" and "AccumulateGrad" in lab.panel.inner_text(), what="the end of the slider")
    lab.page.keyboard.press("2")
    lab.until(lambda: "Arrived 3, not in .grad yet" in lab.panel.inner_text(), what="what has arrived")
    lab.page.screenshot(path=shots / "paused-pass.png")
    assert running(lab, 3)
    lab.page.keyboard.press("c")
    paused(lab, "ReluBackward0")                                # the second step's
    lab.page.keyboard.press("4")
    lab.panel.get_by_role("button", name="Delete: backward in encoder").click()
    lab.until(lambda: "None yet" in lab.panel.inner_text(), what="an empty list")
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.keyboard.press("c")
    lab.await_cell(3)
    assert "done True" in lab.text_of(3)
    lab.until(lambda: "Paused" not in button.inner_text(), what="the badge to go")


def test_breakpoints_are_set_by_clicks_and_survive_a_restart(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, RECORD, LOOP.format(steps=1)))
    lab.run(0)
    lab.run(1)
    lab.open_panel("graph")
    tree = lab.panel.get_by_role("tree")
    lab.until(lambda: lab.panel.locator(".ts-stage-canvas").count(), what="the graph")
    if not tree.count():
        lab.panel.get_by_role("button", name="Outline").click()
    tree.get_by_role("treeitem", name="head").first.click()
    lab.panel.get_by_role("button", name="Break here").click()
    lab.until(lambda: lab.panel.get_by_role("button", name="Break here").get_attribute("aria-pressed") == "true", what="a breakpoint on the module")
    lab.page.screenshot(path=shots / "breakpoint-graph.png")
    lab.tab("backward")
    lab.panel.get_by_role("tab", name="Breaks 1").click()
    lab.panel.get_by_role("button", name="Edit: backward in head").click()
    lab.panel.get_by_role("combobox", name="When").select_option("above")
    lab.panel.locator(".ts-break-form").get_by_placeholder("1e3").fill("1e9")
    lab.panel.get_by_role("button", name="Save").click()
    lab.until(lambda: "norm > 1e+09" in lab.panel.inner_text(), what="the edited condition")
    lab.panel.get_by_role("checkbox", name="Any exception").click()
    kept = lab.until(lambda: (k := lab._in_notebook("return panel.model.getMetadata('tapescope')")) and len(k["breakpoints"]) == 2 and k, what="the notebook to keep them")
    assert kept["breakpoints"][0] == {"module": "head", "norm_above": 1e9}
    lab.restart_kernel()
    lab.page.wait_for_timeout(500)
    lab.run(0)
    lab.until(lambda: lab._in_notebook("""
        const future = panel.sessionContext.session.kernel.requestExecute({ code: '', user_expressions: { n: 'len(ts.breakpoints)' } });
        return (await future.done).content.user_expressions.n.data['text/plain'];""") == "2", what="the kernel to have them again")
    lab.run(1)
    lab.tab("backward")
    lab.panel.get_by_role("tab", name="Breaks 2").wait_for(timeout=10_000)
    assert lab._in_notebook("return panel.model.getMetadata('tapescope')") == kept


AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"


def breaches(lab: Lab, within: str = "#tapescope-panel") -> list[str]:
    """What axe finds wrong in the panel, or in another part of the page."""
    lab.page.evaluate("src => { if (!window.axe) { const s = document.createElement('script'); s.textContent = src; document.head.append(s); } }", AXE.read_text())
    return list(lab.page.evaluate("""async within => (await axe.run(within, { resultTypes: ['violations'] })).violations
        .flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary}`))""", within))


ROOT_OF_NOTHING = """
z = ts.tensor([[0.5, 0.0], [1.0, 2.0]], requires_grad=True)
dbg = ts.debug((z.sqrt() * model.head.weight[:2, :2]).sum())
None
"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_part_of_it_is_reached_by_keys_and_says_what_it_is(lab: Lab, notebook_of: Write, shots: Path, theme: str) -> None:
    """No mouse from here on: questions, changes, breakpoints, and the whole is clean for axe, wide and narrow."""
    lab.open(notebook_of(MODEL, ROOT_OF_NOTHING, "print(dbg.state, z.grad is not None, float(z.grad[1, 1]))"))
    lab.theme(theme)
    lab.run(0)
    lab.run(1)
    lab.page.keyboard.press("Control+Alt+b")
    lab.panel.wait_for(state="visible")
    where = lab.panel.locator(".ts-back-where")
    lab.until(lambda: where.count() and where.inner_text().startswith("before node 1 of"), what="the held pass")
    keys = lab.page.keyboard

    def said() -> str:
        return " ".join(lab.panel.locator("[role=status], [role=alert]").all_inner_texts())

    def tab_to(name: str, most: int = 40) -> None:
        for _ in range(most):
            keys.press("Tab")
            at = lab.page.evaluate("() => { const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent; }")
            if at.strip() == name:
                return
        raise AssertionError(f"Tab does not come to {name}")

    lab.panel.locator(".ts-stage-canvas").focus()
    keys.press("n")
    lab.until(lambda: "MulBackward0" in said(), what="the step to be spoken")
    assert breaches(lab) == []
    keys.press("3")
    tab_to("By")
    keys.press("Control+a")
    keys.type("2")
    keys.press("Enter")
    lab.until(lambda: "scaled by 2" in said(), what="the branch")
    assert breaches(lab) == []
    lab.page.screenshot(path=shots / f"whatif-{theme.split()[1].lower()}.png")
    tab_to("Keep it")
    keys.press("Enter")
    lab.until(lambda: where.inner_text() == "done", what="the branch to be kept")
    lab.run(2)
    assert lab.text_of(2).startswith("done True")
    lab.panel.locator(".ts-stage-canvas").focus()
    keys.press("p")
    lab.until(lambda: where.inner_text().startswith("before node"), what="one node back")
    for key, words in (("2", "Arrived"), ("5", "Peak"), ("4", "Any nan or inf"), ("1", "Gradient in")):
        lab.panel.locator(".ts-stage-canvas").focus()
        keys.press(key)
        lab.until(lambda w=words: w in lab.panel.locator(".ts-back-panel").inner_text(), what=words)
        assert breaches(lab) == [], words
    lab.panel.locator(".ts-stage-canvas").focus()
    keys.press("6" if lab.panel.get_by_role("tab", name="What if").count() else "5")
    tab_to("In the gradients")
    keys.press("Enter")
    lab.until(lambda: "inf made by SqrtBackward0" in said(), what="the origin")
    lab.page.screenshot(path=shots / f"origin-{theme.split()[1].lower()}.png")
    assert breaches(lab) == []
    lab.page.set_viewport_size({"width": 860, "height": 900})
    lab.until(lambda: (lab.panel.bounding_box() or {"width": 999})["width"] < 430, what="a narrow panel")
    lab.page.screenshot(path=shots / f"narrow-{theme.split()[1].lower()}.png")
    assert breaches(lab) == []
    assert lab.page.evaluate("() => { const p = document.querySelector('#tapescope-panel .ts-back'); return p.scrollWidth <= p.clientWidth + 1; }")
    lab.page.evaluate("() => document.querySelector('#tapescope-panel .ts-back-panel').append(Object.assign(document.createElement('img'), { src: 'data:,' }))")
    assert any(b.startswith("image-alt") for b in breaches(lab))          # axe does look there


FULL = """
tape = ts.record(values="full")
for i in range(2):
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad(); loss.backward(); opt.step()
"""


def marked(lab: Lab) -> list[str]:
    """Lines of cells that are marked as the place of a stop."""
    return [str(t).strip() for t in lab.page.evaluate("[...document.querySelectorAll('.cm-line.ts-stopped-line')].map(e => e.textContent)")]


def test_a_recorded_forward_pass_is_walked_and_stops_are_set_on_ops_and_parameters(lab: Lab, notebook_of: Write, shots: Path) -> None:
    lab.open(notebook_of(MODEL, FULL, LOOP.format(steps=1)))
    lab.run(0)
    lab.run(1)
    lab.open_panel("backward")
    lab.panel.get_by_role("radio", name="Forward").click()
    where = lab.panel.locator(".ts-back-where")
    lab.until(lambda: where.inner_text() == "op 1 of 7", what="the first op")
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.keyboard.press("n")
    lab.until(lambda: "addmm" in lab.panel.locator(".ts-back-panel h2").inner_text(), what="the second op")
    cards = lab.panel.locator(".ts-tcard")
    lab.until(lambda: cards.count() == 4 and lab.panel.locator(".ts-tcard canvas").count() == 4, what="what went in and came out")
    assert cards.nth(0).inner_text().startswith("encoder.0.bias")
    assert breaches(lab) == []
    lab.page.screenshot(path=shots / "forward-walk.png")
    lab.page.keyboard.press("b")
    lab.until(lambda: lab.panel.get_by_role("button", name="Break here").get_attribute("aria-pressed") == "true", what="a stop at the op")
    lab.tab("histograms")
    row = lab.panel.get_by_role("button", name="Break at head.bias")
    row.click()
    lab.until(lambda: row.get_attribute("aria-pressed") == "true", what="a stop at the parameter")
    assert breaches(lab) == []
    lab.tab("backward")
    lab.run(2, wait=False)
    assert "forward pass, addmm in encoder.0" in paused(lab)
    lab.until(lambda: marked(lab) == ["return self.head(self.encoder(x))"], what="the line to be marked")
    lab.page.screenshot(path=shots / "stopped-line.png")
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.keyboard.press("c")
    paused(lab, "AccumulateGrad in head")
    lab.until(lambda: marked(lab) == [], what="a leaf, which no line has made")
    lab.panel.locator(".ts-stage-canvas").focus()
    lab.page.keyboard.press("n")
    lab.page.keyboard.press("n")
    lab.until(lambda: marked(lab) == ["return self.head(self.encoder(x))"], what="the line of a node in the middle of the pass")
    lab.page.keyboard.press("c")
    lab.await_cell(2)
    assert marked(lab) == []


def test_a_paused_cell_outlives_a_reload_and_an_interrupt_ends_it(lab: Lab, notebook_of: Write) -> None:
    path = notebook_of(MODEL, RECORD, "ts.break_on(op='relu'); None", LOOP.format(steps=1), "print(ts.is_grad_enabled(), tape.error)")
    lab.open(path)
    for cell in range(3):
        lab.run(cell)
    lab.save()
    lab.run(3, wait=False)
    paused(lab)
    lab.open(reset=False)                                       # the page goes, and comes back
    lab.open_notebook_busy(path)
    paused(lab, "ReluBackward0")
    lab.open_panel("backward")
    where = lab.panel.locator(".ts-back-where")
    lab.until(lambda: where.count() and where.inner_text() == "before node 7 of 11", what="the stop after the reload")
    lab.panel.get_by_role("button", name="Step", exact=True).click()
    lab.until(lambda: where.inner_text() == "before node 8 of 11", what="a step after the reload")
    lab._in_notebook("await panel.sessionContext.session.kernel.interrupt();")
    lab.until(lambda: lab.page.locator(".ts-spoken").inner_text() == "The cell goes on.", what="the pause to end")
    lab.until(lambda: "aborted" in where.inner_text(), what="the view to say so")
    lab.await_kernel()
    lab.page.wait_for_timeout(1500)                             # the kernel refuses what comes while it reports the interrupt
    lab.run(4)
    assert lab.text_of(4) == "True None\n"
