"""A recording, a held pass and a breakpoint that have ended are gone: nothing of theirs is registered with PyTorch, and none of their Python runs in a training step."""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the adapter has nothing to listen to")

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.debugger import settings  # noqa: E402

from .torch_models import MODELS, traces  # noqa: E402

OURS = os.path.dirname(ts.__file__) + os.sep
Made = tuple[Any, Callable[[], Any], Callable[[], None]]


def made() -> Made:
    torch.manual_seed(0)
    model, loss = MODELS["residual"]()
    opt = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        opt.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()

    return model, loss, step


def registered(model: Any) -> tuple[Any, ...]:
    """Whatever could still call somebody, of PyTorch, the process and the model: equal before and after."""
    modules = [(sorted(vars(m)), {k: tuple(v) for k, v in vars(m).items() if "hooks" in k}, type(m), type(m).__call__, type(m).forward) for m in model.modules()]
    tensors = [(sorted(vars(p)) if hasattr(p, "__dict__") else [], p._backward_hooks, p._post_accumulate_grad_hooks, type(p)) for p in (*model.parameters(), *model.buffers())]
    classes = {c: {n: f for n, f in vars(c).items() if callable(f) or isinstance(f, (classmethod, staticmethod))}
               for c in (torch.Tensor, torch.nn.Module, torch.nn.Parameter, torch.optim.Optimizer, torch.optim.AdamW, torch.autograd.Function)}
    entrances = {m.__name__: {n: f for n, f in vars(m).items() if callable(f)} for m in (torch, torch.autograd, torch.autograd.graph, torch.nn.functional, torch.overrides, torch.nn.utils)}
    return (traces(), modules, tensors, classes, entrances, torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack(),
            torch._C._autograd._saved_tensors_hooks_is_enabled(), torch._C._autograd._top_saved_tensors_default_hooks(True),
            sys.getprofile(), sys.gettrace(), threading.getprofile(), threading.gettrace(), list(warnings.filters), len(gc.callbacks),
            "torch._dynamo" in sys.modules and torch._dynamo.eval_frame._stance.stance)


def heard(step: Callable[[], None]) -> set[str]:
    """Functions of the package that run in a step, on any thread that Python hears of."""
    found: set[str] = set()

    def see(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            found.add(frame.f_code.co_qualname)

    threading.setprofile(see)
    sys.setprofile(see)
    try:
        step()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)                 # type: ignore[arg-type]
    return found


def recorded(**options: Any) -> Callable[[Made], None]:
    def use(it: Made) -> None:
        with tst.record(it[0], **options) as tape:
            assert heard(it[2])                    # what the other end of the test would see
            it[2]()
        assert tape.error is None, tape.error_text
    return use


def raised(it: Made) -> None:
    with pytest.raises(RuntimeError), tst.record(it[0], values="histogram"):
        it[2]()
        it[0](torch.zeros(1, 1, 1, 1, 1, 1))


def held(it: Made) -> None:
    dbg = tst.debug(it[1]())
    dbg.step(3)
    dbg.step_back()
    dbg.continue_()


def given_up(it: Made) -> None:
    dbg = tst.debug(it[1]())
    dbg.step(3)
    dbg.abort()


def paused(it: Made) -> None:
    settings.on_pause = lambda dbg: dbg.step(2)
    found = ts.break_on(norm_above=0.0)
    try:
        it[2]()
        assert found.hits
    finally:
        ts.breakpoints.clear()
        settings.on_pause = None


WAYS: dict[str, Callable[[Made], None]] = {
    **{level: recorded(values=level) for level in ("none", "health", "stats", "histogram", "full")},
    "every 10th": recorded(values="histogram", every=10), "kernels": recorded(kernels=True),
    "raised": raised, "held": held, "given up": given_up, "paused": paused}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_that_runs(way: str) -> None:
    it = made()
    it[2]()                                        # the optimizer has its state
    before = registered(it[0])
    WAYS[way](it)
    it[2]()                                        # gradients of the last recorded step go, and with them the weak references to them
    gc.collect()
    after = registered(it[0])
    for a, b in zip(before, after, strict=True):
        assert a == b
    assert heard(it[2]) == set()
