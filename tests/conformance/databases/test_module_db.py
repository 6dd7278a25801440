"""Every layer of PyTorch's own module database: built in both libraries with the same seed, printed, run and differentiated with the same numbers.

`module_db.txt` lists what passes. It may only grow: a listed entry that fails is an error, and so is one that passes and is not listed.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from oracle import floating, listed, ours, quietly, ratchet, same, some, tensors, torch

import tapescope as ts

common = pytest.importorskip("torch.testing._internal.common_modules", reason="PyTorch's module database is not installed: no layer is compared with it")
ENTRIES = {info.name: info for info in common.module_db}
PASSING = listed("module_db.txt")
OUT_OF_SCOPE: dict[str, str] = {}
QUICK = 12                                                 # samples of an entry; all of them in the slow test


def compare(info: Any, sample: Any, training: bool, dtype: Any = torch.float32, second: bool = False) -> None:
    """One sample: initial numbers, repr, outputs, gradients of parameters and inputs, buffers afterwards."""
    name = info.name.removeprefix("nn.")
    args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
    tight = {"rtol": 1e-8, "atol": 1e-9} if dtype is torch.float64 else {}
    torch.manual_seed(3)
    theirs = quietly(getattr(torch.nn, name), *args, **kwargs).to(dtype)
    ts.manual_seed(3)
    mine = quietly(getattr(ts.nn, name), *ours(args), **ours(kwargs)).to(ours(dtype))
    mine.train(training)
    theirs.train(training)
    assert plain(mine) == plain(theirs)
    given, expected = ours((sample.forward_input.args, sample.forward_input.kwargs)), (sample.forward_input.args, sample.forward_input.kwargs)
    if "Lazy" in name:                                     # what it is comes with the first input
        quietly(mine, *given[0], **given[1])
        quietly(theirs, *expected[0], **expected[1])
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    same("initial state", mine.state_dict(), state)
    mine.load_state_dict(ours(state))
    torch.manual_seed(4)
    out = quietly(theirs, *expected[0], **expected[1])
    ts.manual_seed(4)
    got = quietly(mine, *given[0], **given[1])
    same("output", got, out, **tight)
    grads = []
    wanted = [y for y in tensors(out) if y.requires_grad]
    found = [y for y in tensors(got) if y.requires_grad]
    assert len(found) == len(wanted), "which outputs need gradients differs"
    torch.manual_seed(5)
    weights = [torch.randn_like(y) for y in wanted]
    for lib, ys, leaves, ws in ((torch, wanted, [*theirs.parameters(), *floating(expected)], weights),
                                (ts, found, [*mine.parameters(), *floating(given)], [ours(w) for w in weights])):
        leaves = [t for t in leaves if t.requires_grad]
        first = lib.autograd.grad(ys, leaves, ws, allow_unused=True, create_graph=second) if ys and leaves else ()
        grads.append([g for g in first if g is not None])
        if second:
            total = sum((g * g).sum() for g in grads[-1] if g.requires_grad)
            twice = lib.autograd.grad(total, leaves, allow_unused=True) if isinstance(total, lib.Tensor) and total.requires_grad else [None] * len(leaves)
            grads[-1] = [*grads[-1], *[lib.zeros_like(t) if g is None else g for t, g in zip(leaves, twice)]]
    same("gradients", *reversed(grads), **tight)
    same("state afterwards", mine.state_dict(), theirs.state_dict(), **tight)


def plain(module: Any) -> str:
    """A repr without the places of functions in memory and the libraries' names."""
    return re.sub(r"<(built-in )?(function|method) (\w+)[^>]*>|tapescope\.|torch\.", r"\3", repr(module))


def failures(info: Any, most: int | None, dtype: Any = torch.float32, second: bool = False) -> list[str]:
    found = []
    for training in (True, False) if info.train_and_eval_differ else (True,):
        torch.manual_seed(0)
        samples = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
        for sample in some(samples, most):
            try:
                compare(info, sample, training, dtype, second)
            except Exception as error:
                c = sample.constructor_input
                found.append(f"{sample.desc or (c.args, c.kwargs)}, training={training}: {type(error).__name__}: {str(error).strip()[:600]}")
    return found


@pytest.mark.parametrize("entry", ENTRIES)
def test_layers_are_pytorchs(entry: str) -> None:
    ratchet(entry, PASSING, OUT_OF_SCOPE, failures(ENTRIES[entry], QUICK), "module_db.txt")


@pytest.mark.slow
@pytest.mark.parametrize("entry", PASSING)
def test_every_sample_in_both_precisions(entry: str) -> None:
    assert failures(ENTRIES[entry], None) == []
    assert failures(ENTRIES[entry], 200, torch.float64) == []


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ts.nn.Linear, "forward", lambda self, x: ts.nn.functional.linear(x, self.weight * 1.001, self.bias))
    assert failures(ENTRIES["nn.Linear"], QUICK)
    with pytest.raises(AssertionError, match="passed before"):
        ratchet("nn.Linear", ["nn.Linear"], {}, ["wrong"], "")
    with pytest.raises(AssertionError, match="add it to"):
        ratchet("nn.Linear", [], {}, [], "module_db.txt")
