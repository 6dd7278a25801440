"""The recorder as PyTorch's events reach it: forward calls, module calls, backward passes, updates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch

from ...core.state import mode
from ...tape.names import Call, Names
from ...tape.recorder import Recorder
from ...tape.reduce import host
from ...tape.walk import CHECK, NOTE, Step
from .arrays import array_of, on_host, quietly
from .mirror import Held, Mirrors, version_of
from .nodes import LEAF, OpNode
from .ops import TorchOp
from .optimizers import Optimizers
from .sites import user_site
from .times import DeviceClocks, Times
from .values import TorchValues

if TYPE_CHECKING:
    from ...tape.tape import Tape

_maybe_level = torch._C._functorch.maybe_current_level
_sequence = torch.autograd._get_sequence_nr
_grad_enabled = torch.is_grad_enabled


class TorchNames(Names):
    """Names in PyTorch's modules; what wraps a model (torch.compile, DistributedDataParallel, DataParallel) adds nothing to them."""

    def __init__(self, recorder: TorchRecorder) -> None:
        super().__init__(recorder.strings)
        self._of = recorder.mirrors.of

    def add_root(self, module: Any) -> Call:
        inner = module
        while True:
            inside = inner._modules.get("_orig_mod") or (inner._modules.get("module") if len(inner._modules) == 1 and "arallel" in type(inner).__name__ else None)
            if inside is None:
                break
            inner = inside
        known = self._calls.get(id(inner))
        if inner is module or known is None or known.ref() is not inner:
            known = super().add_root(inner)
        if inner is not module:
            known = self._calls[id(module)] = Call(module, known.path)
        return known

    def mirrored(self, t: Any) -> Any:
        return self._of(t)


class TorchRecorder(Recorder):
    """A Recorder that is told of PyTorch's calls and makes the tape's events of them."""

    foreign = True
    values: TorchValues
    clocks: DeviceClocks
    hearing: Callable[[], AbstractContextManager[None]]        # what hears again where PyTorch has put the mode aside

    def __init__(self, tape: Tape, level: int, every: int, module: str | None, op: str | None) -> None:
        self.mirrors = Mirrors()
        self.optimizers = Optimizers(self.mirrors)
        self.kernels: Any = None               # who hears what is under the ops
        self.opaque = False                    # whether compiled modules stay compiled
        self.quiet = 0                         # > 0: what runs is inside of an op
        self.skipped: dict[str, int] = {}      # what was not recorded, by reason
        self.starts: list[int] = []            # number of the first node that each op of this pass may have made
        self.steps: list[Step] = []
        self.listener: Any = None
        self.listens = True                    # False in steps that are not looked at
        self.updating = False                  # inside of an optimizer's step(): its arithmetic is not the model's
        self.stepping = False                  # the same, its closure included
        self.node_began = 0                    # when the node that runs began
        self.again = False                     # the pass has gone back: its nodes have been heard
        self.newest: Any = None                # (op, inputs, outputs, site) of the newest op, where a forward breakpoint may wait for it
        self.before: tuple[list[int], list[Step]] = ([], [])
        self.times = Times(self)
        super().__init__(tape, level, every, module, op)
        self.clocks = DeviceClocks(self.clocks.cap, self)

    def _names(self) -> Names:
        return TorchNames(self)

    def _values(self) -> TorchValues:
        return TorchValues(self)

    def _begin(self) -> None:
        if self.kernels is not None:
            self.kernels.turn(self.prev_graph)
        if self.starts:
            self.before = self.starts, self.steps
        self.starts, self.steps = [], []
        super()._begin()
        self.times.begin()

    def mode_grad(self) -> bool:
        return bool(_grad_enabled())

    # -- forward ------------------------------------------------------------------------------------------------------------

    def heard(self, op: TorchOp, args: tuple[Any, ...], kwargs: Any, out: Any, first: int, version: int, depth: int, t0: int, t1: int) -> None:
        """A call has returned. `first` is the number that its first node would have, `version` that of its operand before."""
        if self.quiet:
            return
        if isinstance(out, torch.Tensor):
            outs = [out]
        elif op.mutates and out is None:
            outs = [args[0]] if isinstance(args[0], torch.Tensor) else _tensors((args[0],))      # torch._foreach_mul_ changes all of a list
        elif isinstance(out, (tuple, list)):
            outs = _tensors(out)
        else:
            return
        if self.in_backward and not _grad_enabled():
            return                             # a hook's or a custom backward's own arithmetic
        ins = _tensors(args)
        if kwargs:
            ins += _tensors(tuple(kwargs.values()))
        if not ins or not outs:
            return
        o = outs[0]
        if not op.mutates and any(o is t for t in ins) and (version < 0 or version_of(o) == version):
            return                             # handed through unchanged, as contiguous() and a dropout in evaluation do
        if op.mutates and o.dim() == 0 and not (o.is_floating_point() or o.requires_grad):
            return                             # a counter, as batch norm's
        if _maybe_level() is not None:
            self._skip("vmap", "ops inside of torch.vmap and torch.func transforms are not recorded: they have no values of their own")
            return
        of = self.mirrors.of
        inputs = tuple([of(t) for t in ins])
        req = o.requires_grad or (len(outs) > 1 and any(t.requires_grad for t in outs))
        if not self.open and not req and not self.in_backward:
            known, base = self.known, self.base
            if not any(m._id > base or m._id in known for m in inputs):
                return                         # before the model: preparing a batch is not part of the graph
        site = user_site(depth)
        if site is False:
            return
        if self.armed and req:
            self._implicit_step()
        if not self.listens:
            return
        outputs = (of(o),) if len(outs) == 1 else tuple([of(t) for t in outs])
        if not self.values.away and not on_host(o) and o.device.type != "meta":
            self.values.notice()
        op.view = o._is_view() and _same_memory(o, ins)
        node = OpNode(self, first, inputs, outs) if req else None
        self.op(op, inputs, outputs, node, site, t0, t1)
        here, starts = self.here, self.starts
        if self.times.on:
            self.times.keep_op(o)
        if self.values.away and here.watch & (CHECK | NOTE):
            self.values.check(here, op, inputs, outputs)
        while starts and starts[-1] > first:   # ops inside of this one, without nodes
            starts.pop()
            self.steps.pop()
        starts.append(first)
        self.steps.append(here)
        if here.made is None and node is not None and here is not self.over:
            made = node.offsets(self.rows)
            made[node._last.seq - first] = here.node_row
            here.made = made
        self.newest = op, inputs, outputs, site

    def _skip(self, key: str, text: str) -> None:
        self.skipped[key] = self.skipped.get(key, 0) + 1
        self.tape.note(key, text)

    def row_of(self, seq: int) -> int | None:
        """The row of a node by its number: in this pass, or < -1 when the pass before made it; None when no recorded op did."""
        for far, (starts, steps) in enumerate(((self.starts, self.steps), self.before)):
            i = bisect_right(starts, seq) - 1
            if i >= 0:
                made = steps[i].made
                row = None if made is None else made.get(seq - starts[i])
                return None if row is None else row if not far else -2 - row
        return None

    def places(self, nodes: list[Any]) -> tuple[int, dict[Any, int]] | None:
        """The graph that knows all these nodes, by number, and their rows; None when they were not all made in one pass of this recording."""
        found: dict[Any, int] = {}
        leaves = []
        for n in nodes:
            seq = n._sequence_nr()
            if seq >= LEAF:
                leaves.append(n)
                continue
            row = self.row_of(seq)
            if row is not None:
                found[n] = row
        if not found or len(found) < 0.9 * (len(nodes) - len(leaves)) or len({row < 0 for row in found.values()}) != 1:
            return None
        if next(iter(found.values())) < 0:     # of the pass before
            found = {n: -2 - row for n, row in found.items()}
            number = self.prev_graph
        else:
            g = self.growing or self.here.end or self.here.graph
            number = -1 if g is None else g.number
        g = self.graphs.get(number)
        if g is None or any(g.strings[g.node_name[row]] != n.name().rpartition("::")[2] for n, row in found.items() if row < len(g.node_name)):
            return None                        # the number belongs to another thread's node, or to one of a pass long gone
        for n in leaves:
            m = self.mirrors.table.get(id(n.variable))
            p = None if m is None else self.names.by_id.get(m._id)
            row = None if p is None else g.acc_node.get(g.param_src.get(p.index, -1))
            if row is not None:
                found[n] = row
        return number, found

    def mark(self) -> None:
        """Nodes made from here on, by a backward pass, belong to none of the ops so far."""
        self.starts.append(_sequence())
        self.steps.append(self.over)

    # -- modules ------------------------------------------------------------------------------------------------------------

    def module_enter(self, module: Any, args: tuple[Any, ...], site: Any, t0: int) -> None:
        try:
            if self.quiet or not (self.listens or self.armed):
                return
            top = not self.open and not self.in_backward
            if top:
                self._root_call(module)
            if not self.listens:
                return
            tokens = self.tape.words
            if tokens is not None and self.values.probes.keys and isinstance(module, torch.nn.Embedding) and args:
                tokens.embedded(self.step_no, module.num_embeddings, host(array_of(args[0])))
            call = self.names.call(module, top)
            self.open.append(self._event(call.sig if _grad_enabled() else call.quiet, module))
            if self.values.asked and args and isinstance(args[0], torch.Tensor):
                self.values.entered(self.open[-1].path, (array_of(args[0]),), top)
        except Exception as e:
            self.fail(e)

    def module_left(self, module: Any, output: Any) -> None:
        """A module call has ended; `output` is None after an exception."""
        if self.stopped or self.quiet or _maybe_level() is not None:
            return
        held = None
        try:
            if self.values.activations and output is not None:
                t = _first_tensor(output)
                held = None if t is None else Held(t)
                if self.open and isinstance(output, tuple) and len(output) > 1:
                    self.values.attention(self.open[-1].path, output)
        except Exception as e:
            self.fail(e)
        self.module_exit(module, held, 0)

    def _root_call(self, module: Any) -> None:
        grad = mode.grad
        mode.grad = self.mode_grad()           # PyTorch's, for the moment: the two libraries each have their own
        try:
            super()._root_call(module)
        finally:
            mode.grad = grad

    # -- updates ------------------------------------------------------------------------------------------------------------

    def step_begins(self, optimizer: Any) -> None:
        with quietly():
            self.update_begin(self.optimizers.of(optimizer))
        self.updating = self.stepping = True
        if self.listener is not None:
            self.listener.rest()

    def step_ended(self, optimizer: Any) -> None:
        with quietly():
            self.update_end(self.optimizers.of(optimizer))
        self.stepping = False
        if self.updating:
            self.updated()

    def _implicit_step(self) -> bool:
        if self.stepping:                      # a closure's backwards are of one step
            self.armed = False
            return False
        return super()._implicit_step()

    def updated(self) -> None:
        """The optimizer is done: calls are heard again, if this step is one that is looked at."""
        self.updating = False
        if self.listens and self.listener is not None and not self.stopped:
            self.listener.wake()

    def end_step(self) -> None:
        super().end_step()
        self.attend()

    def attend(self) -> None:
        """Listens to the steps that are looked at, and to all while something is waited for."""
        self.listens = self.values.looks()
        if self.listener is not None and not self.updating:
            (self.listener.wake if self.listens or self.pacer == "implicit" else self.listener.rest)()

    def finish(self) -> None:
        self.listener = None
        with quietly():
            super().finish()
            self.clocks.settle(wait=True)
        if self.kernels is not None:
            self.kernels.turn(self.current)


def _tensors(values: Any) -> list[Any]:
    """The tensors among arguments, in order, as deep as two lists."""
    found = []
    for v in values:
        if isinstance(v, torch.Tensor):
            found.append(v)
        elif isinstance(v, (tuple, list)):
            for w in v:
                if isinstance(w, torch.Tensor):
                    found.append(w)
                elif isinstance(w, (tuple, list)):
                    found += [x for x in w if isinstance(x, torch.Tensor)]
    return found


def _same_memory(view: Any, ins: list[Any]) -> bool:
    """Whether it is a view of an operand; that of a product, as `linear` gives one of a vector, is new memory."""
    base = view._base
    return any(t is base or t._base is base for t in ins)


def _first_tensor(output: Any) -> Any:
    """What stands for the output of a module: the first tensor in it."""
    if isinstance(output, torch.Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    for v in values:
        t = _first_tensor(v)
        if t is not None:
            return t
    return None


