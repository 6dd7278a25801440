"""Moves, questions and breakpoints by the keyboard alone: no mouse, and no focus that a script has set. What has happened is spoken, and each state is clean for axe."""

from __future__ import annotations

from typing import Any

from .lab import Lab
from .programs import MODEL
from .test_debugging import LOOP, RECORD, breaches, paused

STAGE = "The graph, as the backward pass goes through it"
FOCUS = "() => { const e = document.activeElement; return (e.getAttribute('aria-label') || (e.tagName === 'SELECT' && e.closest('label')?.querySelector('span')?.textContent) || e.closest('label')?.textContent || e.textContent || '').trim(); }"


class Keys:
    """Somebody at a keyboard: presses keys, and hears what is said."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.press, self.type = lab, lab.page.keyboard.press, lab.page.keyboard.type

    def at(self) -> str:
        return str(self.lab.page.evaluate(FOCUS))

    def tab_to(self, name: str, key: str = "Tab", most: int = 60) -> None:
        for _ in range(most):
            self.press(key)
            if self.at() == name:
                return
        raise AssertionError(f"{key} does not come to {name!r}; it is at {self.at()!r}")

    def stage(self) -> None:
        """To the picture, where the keys of moves work wherever one came from."""
        if self.at() != STAGE:
            self.tab_to(STAGE, "Shift+Tab")

    def said(self) -> str:
        return " ".join(self.lab.panel.locator("[role=status], [role=alert]").all_inner_texts())

    def hears(self, words: str) -> None:
        self.lab.until(lambda: words in self.said(), 30, f"{words!r} to be said, not {self.said()!r}")

    def stands(self, place: str) -> None:
        where = self.lab.panel.locator(".ts-back-where")
        self.lab.until(lambda: where.count() == 1 and where.inner_text() == place, 30, f"{place!r}, not {where.all_inner_texts()}")

    def part(self, key: str, words: str) -> None:
        """Turns to a part of the side."""
        self.stage()
        self.press(key)
        self.lab.until(lambda: words in self.lab.panel.locator(".ts-back-panel").inner_text(), 30, words)


def walk(lab: Lab) -> None:
    for cell in range(3):
        lab.run(cell)
    lab.run(3, wait=False)
    paused(lab, "ReluBackward0")                                # spoken before anybody has opened the panel
    k = Keys(lab)
    k.press("Control+Alt+b")
    lab.panel.wait_for(state="visible")
    k.stands("before node 7 of 11")
    lab.until(lambda: lab.page.evaluate("() => document.querySelector('#tapescope-panel').contains(document.activeElement)"), what="the focus to come to the panel")
    lab.until(lambda: lab.panel.get_by_role("slider", name="Place in the pass").is_enabled(), what="the order of the pass")
    # -- moves
    k.stage()
    k.hears("ReluBackward0 in encoder.1, node 7 of 11")
    assert breaches(lab) == []
    for key, place, words in (("n", 8, "node 8 of 11"), ("p", 7, "node 7 of 11"), ("s", 8, "node 8 of 11"), ("F10", 9, "node 9 of 11"), ("Shift+F10", 8, "node 8 of 11"), ("p", 7, "node 7 of 11"),
                              ("m", 8, "in encoder.0, node 8 of 11"), ("R", 8, "node 8 of 11")):
        k.press(key)
        k.stands(f"before node {place} of 11")
        k.hears(words)
    k.tab_to("Place in the pass", "Shift+Tab")
    k.press("Home")
    k.stands("before node 1 of 11")
    k.press("ArrowRight")
    k.stands("before node 2 of 11")
    k.press("End")
    k.stands("before node 11 of 11")
    assert breaches(lab) == []
    k.press("Home")
    k.stands("before node 1 of 11")
    k.stage()
    k.press("k")                                                # plays, and the pass follows where it is halted
    k.stands("before node 11 of 11")
    k.press("p")
    k.stands("before node 10 of 11")
    k.part("2", "Arrived")                                      # what has arrived, and to a parameter
    assert breaches(lab) == []
    k.press("Shift+Tab")
    k.stage()
    k.tab_to("Place in the pass", "Shift+Tab")
    k.press("Home")
    k.stands("before node 1 of 11")
    k.tab_to("Run to head.weight")
    k.press("Enter")
    k.hears("AccumulateGrad in head")
    k.stage()
    for _ in range(4):                                          # along the graph, past the whole model, and to what is chosen
        k.press("ArrowDown")
        if lab.panel.get_by_role("button", name="To selected").is_enabled():
            break
        lab.page.wait_for_timeout(200)
    assert lab.panel.get_by_role("button", name="To selected").is_enabled()
    k.press("r")
    lab.until(lambda: "AccumulateGrad in head" not in k.said(), what="the node that was chosen")
    assert breaches(lab) == []
    k.press("?")
    lab.until(lambda: lab.panel.get_by_role("dialog").count() == 1, what="the help")
    assert breaches(lab) == []
    k.press("Escape")
    lab.until(lambda: lab.panel.get_by_role("dialog").count() == 0, what="the help to go")
    # -- questions
    k.stage()
    k.tab_to("Place in the pass", "Shift+Tab")
    k.press("Home")
    k.stands("before node 1 of 11")
    k.stage()
    for _ in range(6):
        k.press("n")
    k.stands("before node 7 of 11")
    k.part("1", "Gradient in")
    k.tab_to("Check this derivative")
    k.press("Enter")
    k.hears("The derivative is right")
    k.tab_to("and its module")
    k.press("Enter")
    k.hears("derivatives are right")
    assert breaches(lab) == []
    k.part("3", "The pass stays as it is")
    k.tab_to("How")
    k.press("ArrowDown")                                        # from a factor to a norm
    k.tab_to("By")
    k.press("Control+a")
    k.type("0.001")
    k.press("Enter")
    k.hears("clipped to norm 0.001")
    assert breaches(lab) == []
    k.tab_to("Drop the branch")
    k.press("Enter")
    lab.until(lambda: "The pass stays as it is" in lab.panel.inner_text(), what="the branch to be dropped")
    k.part("5", "Peak")
    assert breaches(lab) == []
    k.part("6", "In the gradients")
    k.tab_to("In the gradients")
    k.press("Enter")
    k.hears("no node makes them jump")
    assert breaches(lab) == []
    # -- breakpoints
    k.part("4", "backward in encoder")
    k.tab_to("New breakpoint")
    k.press("Enter")
    k.tab_to("Where")                                           # an op; its name
    k.press("Tab")
    k.type("log_softmax")
    assert breaches(lab) == []
    k.press("Enter")
    k.hears("breakpoint added")
    k.tab_to("Enable: backward at log_softmax")
    k.press("Space")
    k.hears("is off")
    k.press("Space")
    k.hears("is on")
    k.tab_to("Edit: backward at log_softmax")
    k.press("Enter")
    k.tab_to("Ignore")
    k.press("Control+a")
    k.type("3")
    k.press("Enter")
    k.hears("breakpoint changed")
    lab.until(lambda: "ignores 3 more" in lab.panel.inner_text(), what="what is ignored")
    assert breaches(lab) == []
    k.tab_to("Delete: backward at log_softmax")
    k.press("Enter")
    k.hears("breakpoint deleted")
    k.tab_to("Any nan or inf")
    k.press("Space")
    k.hears("Any nan or inf: on")
    k.press("Space")
    k.hears("Any nan or inf: off")
    k.stage()
    k.press("b")                                                # at the node where the pass stands
    lab.until(lambda: lab.panel.get_by_role("tab", name="Breaks 2").count() == 1, what="a breakpoint at the cursor")


def cells() -> list[str]:
    return [MODEL, RECORD, "ts.break_on(module='encoder'); None", LOOP.format(steps=4)]


def test_in_jupyterlab(lab: Lab, notebook_of: Any) -> None:
    lab.open(notebook_of(*cells()))
    walk(lab)


def test_in_notebook_7(notebook7: Lab, notebook_server: Any) -> None:
    notebook7.open(notebook_server.notebook("keyboard.ipynb", cells()))
    walk(notebook7)
