"""The sink that writes a tape. Everything on the path of an op is written for speed; the rest is in `walk` and `values`."""

from __future__ import annotations

import fnmatch
import itertools
import math
import re
import threading
import weakref
from array import array
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import resolve
from ..core.state import mode
from .graph import Graph
from .log import ItemLog
from .names import Names
from .reduce import EXACT
from .scaling import Scaling
from .sites import canonical, settled
from .values import Values
from .walk import CHECK, DANGER, ROOT_MARK, Step, add_op, settle_checks

if TYPE_CHECKING:
    from .tape import Tape

_blocks = itertools.count(1).__next__
_ndarray, _vdot, _finite = np.ndarray, np.vdot, math.isfinite
SMALL = 4096                     # arrays up to here are checked in place, without looking at their layout
BLOCK = 32                       # ids of a pass begin at a multiple of 2**BLOCK: no two passes share one
OP_LIMIT = 200_000               # rows of one pass; what comes after is not recorded
ROW_LIMIT = 1_000_000            # rows of all structures together
EXIT = ("exit",)
NOWHERE = (None, -1)


class Recorder:
    """Hears what happens on one thread and enters it into a tape."""

    foreign = False                                            # what it hears is another library's

    def __init__(self, tape: Tape, level: int, every: int, module: str | None, op: str | None) -> None:
        self.tape = tape
        self.thread = threading.get_ident()
        self.level = level
        self.every = every
        self._module, self._op = _glob(module), _glob(op)
        self.strings = tape.intern
        self.names = self._names()
        self.graphs: dict[int, Graph] = {}
        self.made = 0                                          # structures so far
        self.passes = 0                                        # passes so far that had any
        self.current = -1
        self.rows_total = 0
        self.clocks = ItemLog(24 << 20)
        self.gradients = ItemLog(24 << 20)
        self.stopped = False
        self.step_no = 0
        self.started = clock()
        self.step_began = self.started
        self.spent = 0                                         # ns inside the sink
        self.dropped_ops = 0
        self.events = 0
        self.pacer: Any = None                                 # who ends steps: None until known, then "optimizer", "manual" or "implicit"
        self.pacing: Any = None                                # that optimizer, weakly
        self.other: Any = None                                 # another one that has stepped since, weakly
        self.in_backward = False
        self.armed = False
        self.seq0 = 0
        self.root = Step(None, None, None, -1, -1, ROOT_MARK)
        self.over = Step(("over",), None, None, -1, -1, ROOT_MARK)
        self.known = self.names.known
        self.open: list[Step] = []                             # module calls, outermost first
        self.prev_rows: dict[int, int] = {}
        self.prev_graph = -1
        self.norms_due = False
        self.mask = 0
        self.watching = False                                  # an output is probed
        self.scaling = Scaling(self)
        self.norms_before = 0                                  # norms of the passes before this one
        self.values = self._values()
        if self.values.keeping:
            setattr(self, "node", self._node_kept)             # the others do not even ask
        self._begin()

    def _names(self) -> Names:
        return Names(self.strings)

    def _values(self) -> Values:
        return Values(self)

    # -- a pass: from one boundary to the next --------------------------------------------------------------------------

    def _begin(self) -> None:
        self.base = self.next = _blocks() << BLOCK
        self.here = self.root
        self.ticks: list[int] = []
        self.node_rows: list[int] = []
        self.node_ticks: list[int] = []
        self.norm_rows: list[int] = []
        self.norm_values: list[float] = []
        self.rows: dict[int, int] = {}                         # node.seq -> node row
        self.carried: dict[int, int] = {}                      # id of a tensor of an earlier pass -> its number in this one
        self.growing: Graph | None = None
        self.roots_called: dict[int, bool] = {}
        self.backwards = 0
        self.armed = False
        self.values.begin(self.step_no)

    def _end(self, partial: bool = False, steps: int = 0) -> None:
        """Closes the pass: finds or makes its structure, and keeps its clocks and gradient norms."""
        here = self.here
        if here is self.root or here is self.over:
            self.step_no += steps
            self._begin()
            return
        g = here.end
        if g is None:
            g = self.growing
            if g is None:
                g = here.graph
                assert g is not None
                if not partial and here.others:
                    g = self._branch(here)
            if not partial:
                here.end = g
        if g.node_name or not self._trains(self.current):      # an evaluation now and then does not take the place of what is trained
            self.current = g.number
        if not partial or g is self.growing or here.end is g:
            g.first = self.step_no if g.first < 0 else g.first
            g.last = self.step_no
            g.count += 1
        if self.growing is not None:
            self.values.troubles.look_back_on_growth()
            if not partial:
                settle_checks(g, here)
        same = self.prev_graph == g.number
        number, step = g.number, self.step_no
        self.passes += 1
        self.clocks.add(number, step, 4 * len(self.ticks) + 8 * len(self.node_rows) + 320,
                        (array("f", self.ticks), len(g.op_name), array("i", self.node_rows), array("f", self.node_ticks), len(g.node_name), same))
        if self.norm_rows:
            rows, energies = self.values.leaf_norms(g)
            rows += self.norm_rows
            energies += self.values.settled_norms(self.norm_values)
            self.gradients.add(number, step, 12 * len(rows) + 320, (array("i", rows), array("d", energies), same))
        self.prev_rows, self.prev_graph = self.rows, number
        if self.rows_total > ROW_LIMIT:
            self._trim(g)
        again = self.open
        self.step_no += steps
        self._begin()
        if again:                                              # a boundary inside a module's forward: it goes on in the next pass
            self.open = []
            for s in again:
                self._event(s.sig, None)
                self.open.append(self.here)

    def _trim(self, keep: Graph) -> None:
        """Forgets all structures but the newest: too many were different."""
        self.graphs = {keep.number: keep}
        self.rows_total = len(keep.op_name)
        self.root = Step(None, None, None, -1, -1, ROOT_MARK)
        self.tape.note("structures", "too many different structures: the older ones were dropped")

    def end_step(self) -> None:
        """A training step is over."""
        now = clock()
        self.values.end_step((now - self.step_began) * 1e-6)
        self._end(steps=1)
        self.values.step_params = {}
        self.step_began = clock()
        self.spent += self.step_began - now
        self.tape.stepped()

    def mode_grad(self) -> bool:
        return mode.grad

    def came_from(self, t: Any) -> str | None:
        """'from mul (train.py:3: y = x * 2)', or the name of a parameter: for an error that tells of a tensor. None where this step has not met it."""
        known, graph, i = self.names.by_id.get(t._id) if t._id else None, self.here.graph, t._id - self.base
        if known is not None:
            return f"the parameter {known.name}"
        if graph is None or not 0 < i <= len(graph.owner) or graph.owner[i - 1] < 0:
            return None
        row = graph.owner[i - 1]
        info = resolve(graph.sites[graph.op_site[row]])
        return f"from {graph.strings[graph.op_name[row]]}" + (f" ({info})" if info is not None else "")

    # -- ops ------------------------------------------------------------------------------------------------------------

    def op(self, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any, site: Any, t0: int, t1: int) -> None:
        try:
            base = self.base
            n = len(inputs)
            if n == 2:
                a, b = inputs
                i = a._id - base
                if i <= 0:
                    i = self.known.get(a._id) or self._foreign(a)
                j = b._id - base
                if j <= 0:
                    j = self.known.get(b._id) or self._foreign(b)
                ins: Any = (i, j)
            elif n == 1:
                i = inputs[0]._id - base
                ins = (i if i > 0 else self.known.get(inputs[0]._id) or self._foreign(inputs[0]),)
            else:
                known = self.known
                ins = tuple([i if (i := t._id - base) > 0 else known.get(t._id) or self._foreign(t) for t in inputs])
            code, lasti = site or NOWHERE
            sig = (op, code, lasti, node is None, ins)
            here = self.here.next
            if here is None or here.sig != sig:
                here = self._turn(sig, op, inputs, outputs, node, site)
            self.here = here
            self.ticks.append(t1 - t0)
            if node is not None:
                self.rows[node.seq] = here.node_row
            if len(outputs) == 1:
                o = outputs[0]
                if not o._id:
                    self.next = o._id = self.next + 1
                elif o._id not in self.known:
                    self.next = o._id = self.next + 1          # a new version of a known tensor
            else:
                for o in outputs:
                    if o._id not in self.known:
                        self.next = o._id = self.next + 1
            watch = here.watch & self.mask
            if watch or self.watching:
                x = outputs[0]._array
                if watch == CHECK and x.__class__ is _ndarray and (x.size <= SMALL or x.flags.c_contiguous and x.dtype.char != "e") and not self.watching:
                    if not _finite(_vdot(x, x).real):
                        self.values.troubles.op(here, op, inputs, outputs)
                else:
                    self.values.op(here, watch, op, inputs, outputs, node)
            self.events += 1
            if not self.events % 13:                           # a sample of what all this costs
                self.spent += (clock() - t1) * 13
        except Exception as e:
            self.fail(e)

    def _foreign(self, t: Any) -> int:
        """The number of a tensor that this pass has not made: < 0 a parameter, > 0 met before, 0 now first met."""
        i = t._id
        if i:
            k = self.known.get(i) or self.carried.get(i)
            if k is not None:
                return k
        self.next += 1
        if i:
            self.carried[i] = self.next - self.base
        else:
            t._id = self.next
        return 0

    def _turn(self, sig: Any, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any, site: Any) -> Step:
        """The next step where it is not the expected one."""
        if self.stopped:
            self.tape.leave()
        if self.armed and node is not None:
            fresh = self._implicit_step()
            if fresh:
                # the ids of the inputs were given in the pass that has just ended: number them anew
                sig = (*sig[:4], tuple([i if (i := t._id - self.base) > 0 else self._foreign(t) for t in inputs]))
        here = self.here
        if here is self.over:
            self.dropped_ops += 1
            return here
        found = here.others.get(sig)
        if found is None:
            same = (op, sig[1], canonical(sig[1], sig[2]), sig[3], sig[4])
            found = here.others.get(same)
            if found is not None:
                here.others[sig] = found                       # the same instruction, specialised since
        if found is None:
            if len(self.ticks) >= OP_LIMIT:
                self.over.next = None
                self.tape.note("ops", f"a pass has more than {OP_LIMIT:,} ops: the rest of it is not recorded; end steps with tape.step()")
                self.dropped_ops += 1
                return self.over
            g = self.growing or self._branch(here)
            found = add_op(self, g, sig, op, inputs, outputs, node, settled(site))
            self._attach(here, same, found)
            here.others[sig] = found
        found.sig = sig
        if self.armed:
            found.next = None                                  # the next op has to ask again
        else:
            here.next = found
        return found

    def _branch(self, here: Step) -> Graph:
        """A new structure that begins with the steps so far."""
        number = self.made
        self.made += 1
        g = Graph(number, self.strings) if here.graph is None else here.graph.prefix(here.mark, number)
        self.growing = g
        if not self._trains(self.current):
            self.current = number
        self.rows_total += len(g.op_name)
        self.graphs = {**self.graphs, number: g}               # replaced, not changed: readers iterate over it
        return g

    def _trains(self, number: int) -> bool:
        known = self.graphs.get(number)
        return known is not None and bool(known.node_name)

    def _attach(self, here: Step, sig: Any, step: Step) -> None:
        here.others[sig] = step
        self.rows_total += 1
        self.tape.grew()

    def _event(self, sig: Any, module: Any) -> Step:
        """Takes a module event's step."""
        here = self.here
        found = here.next
        if found is None or found.sig != sig:
            found = here.others.get(sig)
            if found is None:
                if here is self.over:
                    return here
                g = self.growing or self._branch(here)
                if sig is EXIT:
                    opened = self.open[-1]
                    g.close(opened.row)
                    found = Step(sig, here, g, opened.row, -1, g.mark())
                    found.path = opened.path
                else:
                    row = g.module(self.open[-1].row if self.open else -1, *sig[:2])
                    found = Step(sig, here, g, row, -1, g.mark())
                    found.path = sig[0]
                self._attach(here, sig, found)
            here.next = found
        if self.armed:
            found.next = None
        self.here = found
        return found

    # -- modules ----------------------------------------------------------------------------------------------------------

    def module_enter(self, module: Any, args: tuple[Any, ...], site: Any, t0: int) -> None:
        try:
            if not self.open:
                self._root_call(module)
            call = self.names.call(module, not self.open)
            self.open.append(self._event(call.sig if mode.grad else call.quiet, module))
            if self.values.asked:
                self.values.entered(self.open[-1].path, args, len(self.open) == 1)
        except Exception as e:
            self.fail(e)

    def module_exit(self, module: Any, output: Any, t1: int) -> None:
        try:
            if not self.open:
                return                                         # entered before the recording began
            self._event(EXIT, module)
            opened = self.open.pop()
            v = self.values
            if v.activations and output is not None:
                v.module(opened.path, output)
        except Exception as e:
            self.fail(e)

    def _root_call(self, module: Any) -> None:
        """The same root again, with one of both calls outside gradients: evaluation, a pass of its own."""
        grad = mode.grad
        if self.armed and grad:
            self._implicit_step()
        before = self.roots_called.get(id(module))
        if before is not None and not (before and grad) and (self.backwards or not self.rows):
            self._end()
        self.roots_called[id(module)] = grad

    # -- backward ---------------------------------------------------------------------------------------------------------

    def backward_begin(self, roots: tuple[Any, ...], site: Any) -> None:
        try:
            t = clock()
            self.in_backward = True
            self.backwards += 1
            if self.scaling.on:
                roots = tuple([self.scaling.loss(t) for t in roots])
            self.norms_before = len(self.norm_values)
            self.values.backward_begin(roots, site)
            self.spent += clock() - t
        except Exception as e:
            self.fail(e)

    def node(self, node: Any, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...], t0: int, t1: int) -> None:
        try:
            row = self.rows.get(node.seq)
            if row is None:                                    # made in the pass before: < -1 until it is known whether that was the same
                row = -2 - self.prev_rows.get(node.seq, -1)
            if row != -1:
                self.node_rows.append(row)
                self.node_ticks.append(t1 - t0)
                if self.norms_due:
                    g = grads_in[0]
                    if len(grads_in) == 1 and g.__class__ is _ndarray and (g.size <= SMALL or g.size <= EXACT and g.flags.c_contiguous) and g.dtype.char in "fd":
                        e = float(_vdot(g, g))
                        if not _finite(e):
                            self.values.troubles.node(row, node, g)
                        self.norm_rows.append(row)
                        self.norm_values.append(e)
                    else:
                        self.values.node(row, node, grads_in)
                if self.level and node.op.name in DANGER:
                    self.values.troubles.danger(row, node, grads_in, grads_out)
            self.events += 1
            if not self.events % 13:
                self.spent += (clock() - t1) * 13
        except Exception as e:
            self.fail(e)

    def _node_kept(self, node: Any, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...], t0: int, t1: int) -> None:
        """At level "full": copies what arrives, too."""
        type(self).node(self, node, grads_in, grads_out, t0, t1)
        try:
            if self.values.keeping and (row := self.rows.get(node.seq, -1)) >= 0:
                self.values.keep_gradients(row, grads_in)
        except Exception as e:
            self.fail(e)

    def accumulate(self, tensor: Any, grad: Any) -> None:
        self.values.touched.append(tensor)

    def backward_end(self, error: BaseException | None) -> None:
        try:
            t = clock()
            self.in_backward = False
            if self.scaling.factor != 1.0:
                down = self.scaling.factor ** -2
                self.norm_values[self.norms_before:] = [e * down for e in self.norm_values[self.norms_before:]]
            self.values.backward_end()
            if self.pacer is None or self.pacer == "implicit":
                self.armed = True
                self.here.next = None
            self.spent += clock() - t
        except Exception as e:
            self.fail(e)

    def _implicit_step(self) -> bool:
        """Without an optimizer: a forward after a backward whose leaves were cleared or are gone begins a new step."""
        self.armed = False
        if self.pacer is not None and self.pacer != "implicit":
            return False
        if self.pacer is None and not self.values.cleared():
            return False
        self.pacer = "implicit"
        self.end_step()
        return True

    # -- optimizers ---------------------------------------------------------------------------------------------------------

    def update_begin(self, optimizer: Any) -> None:
        try:
            t = clock()
            self.scaling.stepped = True
            self.values.update_begin(optimizer)
            self.spent += clock() - t
        except Exception as e:
            self.fail(e)

    def update_end(self, optimizer: Any) -> None:
        try:
            t = clock()
            self.values.update_end(optimizer)
            self.spent += clock() - t
            if self._paces(optimizer):
                self.end_step()
        except Exception as e:
            self.fail(e)

    def _paces(self, optimizer: Any) -> bool:
        """Whether this optimizer's step ends the step: the first one does, until it is gone or another steps twice without it."""
        if self.pacer == "manual":
            return False
        pacing = self.pacing() if self.pacing is not None else None
        if pacing is not optimizer:
            other = self.other() if self.other is not None else None
            if pacing is not None and other is not optimizer:
                self.other = weakref.ref(optimizer)
                return False
            self.pacer, self.pacing = "optimizer", weakref.ref(optimizer)
            self.armed = False
        self.other = None
        return True

    def manual_step(self) -> None:
        """`tape.step()`: ends the step here, from now on only here."""
        if self.pacer != "manual":
            first = self.pacer is None
            self.pacer = "manual"
            self.armed = False
            if not first and self.here is self.root:
                return                                         # the optimizer has just ended this very step
        self.end_step()

    def treated(self, what: str, *about: Any) -> None:
        try:
            self.scaling.hear(what, *about)
        except Exception as e:
            self.fail(e)

    # -- what the user logs -------------------------------------------------------------------------------------------------

    def log(self, kind: str, tag: str, value: Any, step: int | None, meta: dict[str, Any]) -> None:
        try:
            self.values.log(kind, tag, value, step, meta)
        except (TypeError, ValueError):
            raise                                              # what the user gave is wrong: that is the user's to know
        except Exception as e:
            self.fail(e)

    def log_step(self) -> int:
        """The step that a value logged now belongs to: the one just ended, until gradients are recorded again."""
        return self.step_no if self.rows or not self.step_no else self.step_no - 1

    # -- small things -------------------------------------------------------------------------------------------------------

    def wanted(self, op: str, path: str) -> bool:
        """Whether the recording's filters let values of this op in this module through."""
        return (self._op is None or self._op(op) is not None) and (self._module is None or self._module(path) is not None)

    def wanted_param(self, name: str) -> bool:
        return self._module is None or self._module(name.rpartition(".")[0]) is not None

    def label(self, outputs: tuple[Any, ...]) -> str:
        name = outputs[0]._extra.name if outputs and getattr(outputs[0], "_extra", None) is not None else None
        return name or ""

    def finish(self) -> None:
        """Nothing more will come."""
        if not self.stopped:
            self.stopped = True
            try:
                self.values.stop()
                self._end(partial=True)
                for p in self.names.params:
                    t = p.ref()
                    p.version = -1 if t is None else t._version
            except Exception as e:
                self.tape.failed(e)
            self.here = self.over

    def fail(self, error: Exception) -> None:
        """An error of ours never reaches the user's program: it ends the recording and becomes a finding."""
        self.stopped = True
        self.here = self.over
        self.tape.failed(error)


def _glob(pattern: str | None) -> Any:
    if pattern is None:
        return None
    return re.compile("|".join(fnmatch.translate(p.strip()) for p in pattern.split(","))).match
