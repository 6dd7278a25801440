"""Any sequence of commands through a real page and real kernels: moves by keys, edits, branches that are kept, aborts, interrupts, pages that are reloaded,
kernels that are restarted, a second notebook. None of it leaves a wrong gradient, a cell that does not end, or a graph that is kept alive.

`tests/unit/debugger/test_machine.py` does the same on the engine, 500 sequences of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from .lab import Lab
from .programs import MODEL

SETUP = MODEL + """
import gc, sys, weakref
outcome = None
params = list(model.parameters())

def forward():
    model.zero_grad()
    return F.cross_entropy(model(x), y)

def wanted(changes):
    # What hooks give that scale what comes into some nodes: edits must agree with it, bit for bit.
    off = [b for b in ts.breakpoints if b.enabled]
    for b in off:
        b.disable()
    loss = forward()
    order = ts.debug(loss)._pass.sequence
    for index, by in changes.items():
        order[index].register_prehook(lambda g, by=by: tuple(None if v is None else v * by if by else ts.zeros_like(v) for v in g))
    loss.backward()
    found = [p.grad.numpy().copy() for p in params]
    for b in off:
        b.enable()
    return found

def wrong(changes):
    # What is not as it should be after a pass with these changes; None: after one that was given up.
    found = []
    got = [None if p.grad is None else p.grad.numpy().copy() for p in params]
    if changes is None:
        found += ['.grad was written'] * any(g is not None for g in got)
    else:
        found += [f'gradient {i}' for i, (g, w) in enumerate(zip(got, wanted(changes))) if g is None or not (g == w).all()]
    shell = get_ipython()                                       # IPython keeps the frames of the last exception, with all that was in them
    sys.last_traceback = sys.last_value = sys.last_exc = sys.last_type = shell.last_execution_result = None
    shell.InteractiveTB.__dict__.update(tb=None)
    for _ in range(40):                                         # the link's thread may just be looking at it
        gc.collect()
        if born() is None:
            break
        time.sleep(0.05)
    found += ['the graph is alive'] * (born() is not None)
    found += ['gradients are off'] * (not ts.is_grad_enabled())
    found += ['somebody listens'] * (ts.core.state.mode.sink is not None)
    return found

heard = ts.break_on(module='encoder.7')                       # while there is one, module calls are heard
held = ts.debug(forward())
modules = [held.where.module(n) for n in held._pass.sequence]
held.abort()
heard.delete()
del held, heard
"""
PASS = """
outcome = None
loss = forward()
born = weakref.ref(loss.grad_fn)
try:
    loss.backward()
    outcome = 'passed'
except BaseException as error:
    outcome = type(error).__name__
    raise
finally:
    del loss
"""
WHERE = 6                                                       # the breakpoint: where the pass comes into the encoder
TOTAL = 11
RARE = ("keep", "abort", "interrupt", "reload", "restart", "turn")
MOVES = ("step", "step", "back", "home", "end", "scrub", "module", "continue", "replay", "edit")


# The slider shows where it is at once; the pass follows when it rests. The other notebook's pass may stand at the same node.
FOLLOWED = """([index, passes]) => [...globalThis[Symbol.for('tapescope.hub.1')].rooms.values()].filter(room => [...room.runs.values()].some(run => run.debug?.live && run.debug.state === 'held' && run.debug.index === index)).length >= passes"""


class Notebook:
    """One notebook, and what is expected of it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.index: int | None = None                           # before which node its cell is paused; None while no cell runs
        self.edits: dict[int, float] = {}
        self.modules: list[str] = []


class Machine:
    def __init__(self, lab: Lab, notebooks: list[Notebook], rng: random.Random) -> None:
        self.lab, self.notebooks, self.rng = lab, notebooks, rng
        self.one = notebooks[0]
        self.log: list[str] = []
        self.rare = dict.fromkeys(RARE, 0)

    # -- the page --------------------------------------------------------------------------------------------------------------

    def expression(self, text: str) -> Any:
        found = self.lab._in_notebook("""
            const future = panel.sessionContext.session.kernel.requestExecute({ code: '', user_expressions: { v: x } });
            return (await future.done).content.user_expressions?.v ?? null;""", text)
        return None if found is None else found.get("data", {}).get("text/plain", f"{found}")

    def ask(self, verb: str, **args: Any) -> None:
        """A command of the wire, as views send it."""
        self.lab.page.evaluate("""async ([verb, args]) => {
            const hub = globalThis[Symbol.for('tapescope.hub.1')], room = [...hub.rooms.values()].find(r => [...r.runs.values()].some(run => run.debug?.state === 'held' && run.debug.live && run.debug.index === args.at));
            const carrier = room.active, { at, ...rest } = args;
            await carrier.command(verb, rest, room.order.at(-1));
        }""", [verb, {**args, "at": self.one.index}])

    def where(self) -> str:
        place = self.lab.panel.locator(".ts-back-where")
        return str(place.inner_text()) if place.count() == 1 else ""

    def stands(self) -> None:
        index = self.one.index
        assert index is not None
        passes = sum(one.index == index for one in self.notebooks)
        try:
            self.lab.until(lambda: self.where() == f"before node {index + 1} of {TOTAL}" and self.lab.page.evaluate(FOLLOWED, [index, passes]), 30)
        except AssertionError:
            raise AssertionError(f"the page says {self.where()!r}, not node {index + 1}, in {self.one.path} after {self.log}") from None

    def press(self, key: str) -> None:
        self.lab.panel.locator(".ts-stage-canvas").focus()
        self.lab.page.keyboard.press(key)

    def slider(self) -> Any:
        found = self.lab.panel.get_by_role("slider", name="Place in the pass")
        self.lab.until(found.is_enabled, 30, "the order of the pass")
        return found

    # -- what can be done ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self.one.edits = {}
        self.lab.run(1, wait=False)
        self.one.index = WHERE
        self.lab.open_panel("backward")
        self.stands()

    def moved(self, to: int) -> None:
        self.one.index = to
        if to < TOTAL:
            self.stands()
        else:
            self.ended()

    def ended(self, edits: dict[int, float] | None = None) -> None:
        """The pass is complete: the cell ends by itself, with the gradients that its edits give."""
        self.over(self.one.edits if edits is None else edits)

    def over(self, edits: dict[int, float] | None, outcome: str = "passed") -> None:
        """The cell has ended: so the kernel says, whose page may have been reloaded since."""
        self.one.index = None
        status = "return panel.sessionContext.session.kernel.status;"
        self.lab.until(lambda: self.lab._in_notebook(status) == "idle" and self.expression("outcome") == repr(outcome), 30, f"the cell to end ({outcome}) after {self.log}")
        wrong = self.expression(f"wrong({edits!r})")
        assert wrong == "[]", f"{wrong} after {self.log}"

    def ahead(self, target: int) -> int:
        """A move to `target` meets the breakpoint, if that is before it."""
        assert self.one.index is not None
        return min(target, WHERE) if self.one.index < WHERE else target

    def act(self, name: str) -> None:
        index = self.one.index
        self.log.append(f"{name}@{index}")
        if name == "turn":
            self.turn()
        elif name == "restart":
            self.restart()
        elif name == "reload":
            self.reload()
        elif index is None:
            self.begin()
        elif name == "step":
            self.press("n")
            self.moved(index + 1)
        elif name == "back":
            if index:
                self.press("p")
                self.moved(index - 1)
        elif name in ("home", "end"):
            self.slider().press(name.title())
            self.moved(0 if name == "home" else TOTAL - 1)
        elif name == "scrub":
            to = self.rng.randrange(TOTAL)
            self.slider().fill(str(to))
            self.moved(to)
        elif name == "module":
            here = self.one.modules[index]
            self.press("m")
            self.moved(self.ahead(next((i for i in range(index + 1, TOTAL) if self.one.modules[i] != here), TOTAL)))
        elif name == "continue":
            self.press("c")
            self.moved(self.ahead(TOTAL))
        elif name == "replay":
            self.press("R")
            self.stands()
        elif name == "edit":
            self.edit(index, self.rng.choice([0.0, 0.5, -2.0]))
        elif name == "keep":
            self.keep(index)
        elif name == "abort":
            self.press("Shift+F5")
            self.given_up("Aborted")
        elif name == "interrupt":
            self.lab._in_notebook("await panel.sessionContext.session.kernel.interrupt();")
            self.given_up("KeyboardInterrupt")

    def edit(self, index: int, by: float) -> None:
        if any(i > index for i in self.one.edits):              # what was put there was computed of other gradients: no hook does that
            return
        self.ask("debug.edit", scale=by)
        self.one.edits[index] = self.one.edits.get(index, 1.0) * by
        self.stands()

    def keep(self, index: int) -> None:
        """A change that is tried on a branch, and kept: the pass is complete with it."""
        self.press("3")
        form = self.lab.panel.locator(".ts-whatif")
        form.get_by_role("textbox", name="By").fill("4")
        form.get_by_role("button", name="Try it").click()
        self.lab.panel.get_by_role("button", name="Keep it").click()
        self.ended({**self.one.edits, index: self.one.edits.get(index, 1.0) * 4.0})

    def given_up(self, error: str) -> None:
        self.over(None, error)

    def turn(self) -> None:
        """To the other notebook, whatever this one does."""
        self.one = next(n for n in self.notebooks if n is not self.one)
        self.lab.open_notebook_busy(self.one.path)
        self.again()

    def reload(self) -> None:
        self.lab.save()
        self.lab.open(reset=False)
        self.lab.open_notebook_busy(self.one.path)
        self.again()

    def again(self) -> None:
        if self.one.index is not None:
            self.lab.open_panel("backward")
            self.stands()

    def restart(self) -> None:
        """What the notebook keeps is there again: its breakpoints; what the kernel held is gone with it."""
        self.lab.restart_kernel()
        self.one.index, self.one.edits = None, {}
        self.lab.await_kernel()
        self.lab.run(0)
        self.lab.until(lambda: self.expression("len(ts.breakpoints)") == "1", 30, f"the breakpoint to be given back after {self.log}")

    def run(self, length: int) -> None:
        for k in range(length):
            least = min(self.rare.values())
            rare = [n for n in RARE if self.rare[n] == least]
            name = self.rng.choice(rare) if k % 3 == 2 and self.one.index is not None else self.rng.choice(MOVES)
            if name in self.rare:
                self.rare[name] += 1
            self.act(name)
        for one in self.notebooks:
            if self.one is not one:
                self.turn()
            while self.one.index is not None:
                self.act("continue")


@pytest.mark.parametrize(("seed", "length"), [(0, 24), *[pytest.param(seed, 60, marks=pytest.mark.slow) for seed in range(1, 9)]])
def test_any_sequence_of_commands(lab: Lab, notebook_of: Callable[..., str], seed: int, length: int) -> None:
    notebooks = [Notebook(notebook_of(SETUP, PASS, name=name)) for name in ("-a", "-b")]
    lab.open()
    for one in reversed(notebooks):
        lab.open_notebook(one.path)
        lab.run(0)
        machine = Machine(lab, notebooks, random.Random(seed))
        one.modules = eval(machine.expression("modules"))
        assert len(one.modules) == TOTAL
        lab.open_panel("backward")
        machine.expression("ts.break_on(module='encoder')")
        lab.until(lambda: len((lab._in_notebook("return panel.model.getMetadata('tapescope')") or {}).get("breakpoints", [])) == 1, what="the notebook to keep the breakpoint")
        lab.save()
    machine.run(length)
