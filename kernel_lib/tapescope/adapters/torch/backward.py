"""A backward pass of PyTorch's engine, watched: its graph, its clocks and gradients, and the leaves that it reaches."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import torch

from ...tape.walk import DANGER
from .arrays import array_of, quietly
from .nodes import roots_of, walk
from .ops import GRAD
from .sites import user_site

if TYPE_CHECKING:
    from .recorder import TorchRecorder

# Nodes whose derivative is infinite somewhere, by PyTorch's names.
_DANGER = {"".join(part.capitalize() for part in name.split("_")) for name in DANGER} | {"LinalgVectorNorm", "Norm", "Std", "Var", "Pow", "Rsqrt", "Cdist"}


class NodeWatch:
    """Called before a node runs: its clock, and the norm of what arrives."""

    __slots__ = ("label", "r", "row")
    saved = None

    def __init__(self, r: TorchRecorder, row: int, label: str) -> None:
        self.r, self.row, self.label = r, row, label

    def name(self) -> str:
        return self.label

    def __call__(self, grads: Any) -> None:
        r = self.r
        if r.again:
            return
        try:
            now = clock()
            if r.kernels is not None:
                r.kernels.aside = True
            if r.times.on:
                r.times.node_ends()
            if r.node_ticks and r.node_began:
                r.node_ticks[-1] = now - r.node_began
            r.node_rows.append(self.row)
            r.node_ticks.append(0)
            if r.norms_due:
                r.values.node(self.row, self, tuple([array_of(g) for g in grads if g is not None]))
            if r.values.keeping:
                r.values.keep_gradients(self.row, tuple([None if g is None else array_of(g) for g in grads]))
            r.events += 1
            if r.times.on:
                r.times.node_begins(next((g for g in grads if g is not None), None))
            r.node_began = clock()
            r.spent += r.node_began - now
        except Exception as e:
            r.fail(e)
        finally:
            if r.kernels is not None:
                r.kernels.aside = False

    def after(self, grads_in: Any, grads_out: Any) -> None:
        """For nodes whose derivative may be infinite. PyTorch's `grad_inputs` are what the node gives."""
        kernels = self.r.kernels
        try:
            if kernels is not None:
                kernels.aside = True
            self.r.values.danger(self.row, self, tuple([array_of(g) for g in grads_out if g is not None]),
                                 tuple([array_of(g) for g in grads_in if g is not None]))
        except Exception as e:
            self.r.fail(e)
        finally:
            if kernels is not None:
                kernels.aside = False


def watched(r: TorchRecorder, run: Any, outputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs PyTorch's engine by `run` and tells the recorder."""
    if not r.listens:
        return _passed(r, run, outputs, args, kwargs)
    first, t0 = torch.autograd._get_sequence_nr(), clock()
    if r.updating:
        r.updated()                            # a closure inside of step()
    outer = r.in_backward
    accumulate = bool(kwargs.get("accumulate_grad"))
    create = bool(args[2]) if len(args) > 2 else False
    inputs = args[3] if len(args) > 3 else ()
    handles: list[Any] = []
    leaves: list[Any] = []
    error: BaseException | None = None
    try:
        with quietly():
            nodes, found = walk(roots_of(outputs))
            if accumulate:
                leaves = [r.mirrors.of(n.variable) for n in found]
                if inputs:
                    asked = {id(t) for t in inputs}
                    leaves = [m for m in leaves if m.key in asked]
            if outer:                          # a checkpoint's own: its operands are leaves of the moment
                leaves = [m for m in leaves if m._id in r.names.by_id]
            else:
                site = user_site(2)
                r.backward_begin(tuple([r.mirrors.of(t) for t in outputs if isinstance(t, torch.Tensor)]), site or None)
                r.node_began = 0
            handles = _watch(r, nodes)
    except Exception as e:
        r.fail(e)
    try:
        with r.hearing(), torch.autograd.set_multithreading_enabled(False):      # a device's nodes on this thread, too: it is the one that is heard
            found_grads = run(outputs, *args, **kwargs)
    except BaseException as e:
        error = e
        raise
    finally:
        for h in handles:
            h.remove()
        try:
            with quietly():
                for m in leaves:
                    r.accumulate(m, None)
                if not outer:
                    if r.node_ticks and r.node_began:
                        r.node_ticks[-1] = clock() - r.node_began
                    if r.times.on:
                        r.times.node_ends()
                    r.backward_end(error)
        except Exception as e:
            r.fail(e)
    if create and not accumulate and not outer and not r.stopped:
        try:                                   # a gradient that is differentiated again: an op like any other
            given = [t for t in (*outputs, *inputs) if isinstance(t, torch.Tensor)]
            with quietly():
                r.heard(GRAD, (given,), None, found_grads, first, -1, 3, t0, clock())
        except Exception as e:
            r.fail(e)
    elif not r.stopped and torch.autograd._get_sequence_nr() != first and not outer:
        r.mark()
    return found_grads


def _passed(r: TorchRecorder, run: Any, outputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A backward of a step that is not looked at: its loss, and what tells where steps end."""
    if r.in_backward:
        return run(outputs, *args, **kwargs)
    error: BaseException | None = None
    leaves: list[Any] = []
    try:
        with quietly():
            if r.armed:
                r._implicit_step()
            if r.pacer != "optimizer" and kwargs.get("accumulate_grad"):
                leaves = [r.mirrors.of(n.variable) for n in walk(roots_of(outputs))[1]]
            r.rows.setdefault(-1, -1)          # this step has begun
            r.backward_begin(tuple([r.mirrors.of(t) for t in outputs if isinstance(t, torch.Tensor)]), user_site(3) or None)
    except Exception as e:
        r.fail(e)
    try:
        return run(outputs, *args, **kwargs)
    except BaseException as e:
        error = e
        raise
    finally:
        with quietly():
            for m in leaves:
                r.accumulate(m, None)
            r.backward_end(error)


def enter(r: TorchRecorder, roots: Any, leaves: list[Any]) -> None:
    """Enters a pass that a debugger has run to its end."""
    r.backward_begin(tuple([r.mirrors.of(t) for t in roots]), user_site(2) or None)
    for m in leaves:
        r.accumulate(m, None)
    r.backward_end(None)
    r.mark()


def _watch(r: TorchRecorder, nodes: list[tuple[Any, int]]) -> list[Any]:
    """Hooks on the nodes: on all of them when they are due, else on those that may make an infinity."""
    handles = []
    due = r.values.nodes_due
    for n, seq in nodes:
        name = n.name()
        danger = r.level and name.removesuffix("0").removesuffix("Backward") in _DANGER
        if not due and not danger:
            continue
        row = r.row_of(seq)
        if row is None:
            continue
        watch = NodeWatch(r, row, name)
        if due:
            handles.append(n.register_prehook(watch))
        if danger:
            handles.append(n.register_hook(watch.after))
    return handles
