"""Any sequence of commands: steps, backs, edits, what-ifs, aborts, interrupts, pages that come and go, a second pass beside the first. None of it leaves
a wrong gradient, a pass that cannot be moved, or a graph that is kept alive."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import tapescope as ts
from tapescope.debugger import frames
from tapescope.debugger.commands import break_command, command
from tapescope.link.wire import plain

armed = False                      # the next node of a Trap is interrupted


class Trap(ts.autograd.Function):
    """Doubles; an interrupt can come while its backward runs."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        if armed:
            raise KeyboardInterrupt
        return g * 2


def graph(seed: int) -> tuple[Any, list[Any]]:
    ts.manual_seed(seed)
    a, b = ts.randn(3, 3, requires_grad=True), ts.randn(3, 3, requires_grad=True)
    h = Trap.apply((a @ b).tanh())
    h = h + (h * a).exp() * 0.1
    return (Trap.apply(h) * b).mean(), [a, b]


def scaled(seed: int, changes: dict[int, float]) -> list[Any]:
    """The gradients when hooks scale what comes into some nodes: `backward()` with them is what edits must agree with."""
    loss, leaves = graph(seed)
    order = ts.debug(loss)._pass.sequence
    for index, by in changes.items():
        order[index].register_prehook(lambda g, by=by: tuple(None if x is None else x * by if by else ts.zeros_like(x) for x in g))
    loss.backward()
    return [t.grad.numpy() for t in leaves]


class Held:
    """One held pass, and what is expected of it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.edits: dict[int, float] = {}
        self.branch: list[tuple[int, float]] = []
        self.loss, self.leaves = graph(seed)
        self.dbg: Any = ts.debug(self.loss)
        self.dbg._pass.stride = 2

    @property
    def state(self) -> str:
        return str(self.dbg.state)

    def send(self, verb: str, **args: Any) -> Any:
        """As a page does: by the wire's verbs and JSON."""
        return json.loads(json.dumps(plain(command(self.dbg.tape, "debug." + verb, args))))


class Commands(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.passes: list[Held] = [Held(0)]
        self.current = 0
        self.cursors: dict[int, Any] = {}
        self.gone: list[Any] = []

    @property
    def one(self) -> Held:
        return self.passes[self.current]

    def held(self) -> bool:
        return self.one.state == "held"

    # -- moves ----------------------------------------------------------------------------------------------------------------------

    @precondition(held)
    @rule(n=st.integers(1, 5))
    def step(self, n: int) -> None:
        for _ in range(n):
            if self.held():
                self.one.send("step")

    @precondition(lambda self: self.one.state == "done" or (self.held() and self.one.dbg.index))
    @rule()
    def back(self) -> None:
        self.one.send("back")

    @precondition(lambda self: self.one.state != "aborted")
    @rule(share=st.floats(0, 0.999))
    def scrub(self, share: float) -> None:
        index = int(share * self.one.dbg.total)
        assert self.one.send("go", index=index)["index"] == index

    @precondition(lambda self: self.one.state != "aborted")
    @rule(op=st.sampled_from(["mul", "tanh", "Trap", "add", "mm", "exp"]))
    def run_to(self, op: str) -> None:
        self.one.send("run_to", op=op)
        assert self.one.dbg.at.node.op.label == op

    @precondition(lambda self: self.one.state != "aborted")
    @rule()
    def replay(self) -> None:
        self.one.send("replay")

    @precondition(lambda self: self.one.state != "aborted")
    @rule()
    def reset(self) -> None:
        self.one.send("reset")
        self.one.edits.clear()

    @precondition(held)
    @rule()
    def go_on(self) -> None:
        self.one.send("continue")
        assert self.one.state == "done"

    # -- edits ----------------------------------------------------------------------------------------------------------------------

    @precondition(held)
    @rule(by=st.sampled_from([0.0, 0.5, -2.0]))
    def edit(self, by: float) -> None:
        one = self.one
        index = one.dbg.index
        one.send("edit", scale=by)
        one.edits = {i: b for i, b in one.edits.items() if i != index} | {index: one.edits.get(index, 1.0) * by}
        if any(i > index for i in one.edits):                   # what was put there was computed of other gradients, and stays as it was: no hook does that
            one.send("reset")
            one.edits.clear()

    @precondition(held)
    @rule(by=st.sampled_from([0.5, 4.0]))
    def what_if(self, by: float) -> None:
        one = self.one
        assert one.send("what_if", change="scale", by=by)["changes"]
        one.branch.append((one.dbg.index, by))

    @precondition(lambda self: self.one.branch)
    @rule()
    def drop(self) -> None:
        self.one.send("drop")
        self.one.branch.clear()

    @precondition(lambda self: self.one.branch and not self.one.edits and self.one.state != "aborted")
    @rule()
    def keep_and_forget(self) -> None:
        one = self.one
        changes: dict[int, float] = {}
        for index, by in one.branch:
            changes[index] = changes.get(index, 1.0) * by
        assert one.send("keep")["state"] == "done"
        for t, e in zip(one.leaves, scaled(one.seed, changes), strict=True):
            np.testing.assert_array_equal(t.grad.numpy(), e)
        one.branch.clear()
        one.send("reset")
        assert all(t.grad is None for t in one.leaves)

    # -- questions ------------------------------------------------------------------------------------------------------------------

    @precondition(held)
    @rule(verb=st.sampled_from(["compare", "origin", "memory", "explain"]))
    def ask(self, verb: str) -> None:
        index = self.one.dbg.index
        assert isinstance(self.one.send(verb), dict)
        assert self.one.dbg.index == index

    @rule(fields=st.sampled_from([{"op": "exp"}, {"when": "nonfinite"}, {"op": "mul", "norm_above": 1e6}]))
    def breakpoint_comes_and_kernel_restarts(self, fields: dict[str, Any]) -> None:
        break_command(None, "break.add", {**fields, "enabled": False})
        kept = json.loads(json.dumps(ts.breakpoints.to_list()))
        ts.breakpoints.clear()                                  # a kernel that has restarted has none; the page gives them back
        assert len(break_command(None, "break.restore", {"breakpoints": kept})["ids"]) == len({json.dumps({k: v for k, v in b.items() if k not in ("id", "hits", "words")}) for b in kept})
        assert break_command(None, "break.restore", {"breakpoints": kept})["ids"] == []

    # -- what goes wrong --------------------------------------------------------------------------------------------------------------

    @precondition(held)
    @rule()
    def interrupt(self) -> None:
        global armed
        one = self.one
        armed = True
        try:
            one.send("continue")
            assert one.state == "done"                          # no Trap was ahead
        except KeyboardInterrupt:
            assert one.state == "aborted"
            assert all(t.grad is None for t in one.leaves)
        finally:
            armed = False

    @precondition(held)
    @rule()
    def abort(self) -> None:
        self.one.send("abort")
        assert all(t.grad is None for t in self.one.leaves)

    @precondition(lambda self: self.one.state == "aborted")
    @rule()
    def again_on_the_same_graph(self) -> None:
        one = self.one
        one.dbg = ts.debug(one.loss)
        one.edits.clear()
        one.branch.clear()

    @precondition(lambda self: self.one.state == "aborted")
    @rule()
    def or_backward_itself(self) -> None:
        one = self.one
        one.loss.backward(retain_graph=True)
        for t, e in zip(one.leaves, scaled(one.seed, {}), strict=True):
            np.testing.assert_array_equal(t.grad.numpy(), e)
            t.grad = None

    @precondition(lambda self: len(self.passes) < 3)
    @rule()
    def second_notebook(self) -> None:
        self.passes.append(Held(len(self.passes)))
        self.current = len(self.passes) - 1

    @precondition(lambda self: len(self.passes) > 1)
    @rule(which=st.integers(0, 2))
    def turn_to(self, which: int) -> None:
        self.current = which % len(self.passes)

    @precondition(lambda self: len(self.passes) > 1)
    @rule()
    def forget(self) -> None:
        gone = self.passes.pop(self.current)
        self.gone.append(weakref.ref(gone.dbg._pass.order[0]))
        self.current = 0

    # -- pages ------------------------------------------------------------------------------------------------------------------------

    @rule(page=st.integers(0, 1), reloads=st.booleans())
    def page_looks(self, page: int, reloads: bool) -> None:
        one = self.one
        cursor = None if reloads else self.cursors.get((page, self.current))
        found, self.cursors[page, self.current] = frames(one.dbg.tape, cursor)
        if reloads:
            meta = found[-1].meta
            assert (meta["state"], meta["index"]) == (one.state, one.dbg.index)
            json.dumps(plain(meta))

    @invariant()
    def nothing_is_written_before_the_end_and_everything_is_right_at_it(self) -> None:
        for one in self.passes:
            if one.state == "done":
                expected = scaled(one.seed, one.edits)
                for t, e in zip(one.leaves, expected, strict=True):
                    np.testing.assert_array_equal(t.grad.numpy(), e)
            else:
                assert all(t.grad is None for t in one.leaves)
            assert one.state in ("held", "done", "aborted")
            assert (one.dbg.at is not None) == (one.state == "held")

    def teardown(self) -> None:
        ts.breakpoints.clear()
        for one in self.passes:
            if one.state == "held":
                one.dbg.continue_()
        self.nothing_is_written_before_the_end_and_everything_is_right_at_it()
        self.gone += [weakref.ref(one.dbg._pass.order[0]) for one in self.passes]
        self.passes = []
        one = None
        gc.collect()
        assert [r for r in self.gone if r() is not None] == []


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_any_sequence_of_commands(examples: int) -> None:
    run_state_machine_as_test(Commands, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)))
