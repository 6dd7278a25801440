"""The sink that writes a tape. Everything on the path of an op is written for speed; the rest is in `walk` and `values`."""

from __future__ import annotations

import fnmatch
import itertools
import re
import threading
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import line_of, resolve
from ..core.state import mode
from .graph import Graph
from .log import ItemLog
from .names import Names
from .values import Values
from .walk import ROOT_MARK, Step, add_op

if TYPE_CHECKING:
    from .tape import Tape

_blocks = itertools.count(1).__next__
BLOCK = 32                       # ids of a pass begin at a multiple of 2**BLOCK: no two passes share one
OP_LIMIT = 200_000               # rows of one pass; what comes after is not recorded
ROW_LIMIT = 1_000_000            # rows of all structures together
EXIT = ("exit",)
NOWHERE = (None, -1)


class Recorder:
    """Hears what happens on one thread and enters it into a tape."""

    def __init__(self, tape: Tape, level: int, every: int, module: str | None, op: str | None) -> None:
        self.tape = tape
        self.thread = threading.get_ident()
        self.level = level
        self.every = every
        self._module, self._op = _glob(module), _glob(op)
        self.strings = tape.intern
        self.names = Names(self.strings)
        self.graphs: dict[int, Graph] = {}
        self.made = 0                                          # structures so far
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
        # whose step() ends a step: None until known, then an optimizer's id, or "manual" / "implicit"
        self.pacer: Any = None
        self.in_backward = False
        self.armed = False
        self.seq0 = 0
        self.root = Step(None, None, None, -1, -1, ROOT_MARK)
        self.over = Step(("over",), None, None, -1, -1, ROOT_MARK)
        self.known = self.names.known
        self.open: list[Step] = []                             # module calls, outermost first
        self.prev_rows: dict[int, int] = {}
        self.prev_graph = -1
        self.watching = False                                  # an output is probed
        self.values = Values(self)
        self._begin()

    # -- a pass: from one boundary to the next --------------------------------------------------------------------------

    def _begin(self) -> None:
        self.base = self.next = _blocks() << BLOCK
        self.here = self.root
        self.ticks: list[int] = []
        self.node_ticks: list[int] = []
        self.norms: list[float] = []
        self.rows: dict[int, int] = {}                         # node.seq -> node row
        self.carried: dict[int, int] = {}                      # id of a tensor of an earlier pass -> its number in this one
        self.growing: Graph | None = None
        self.roots_called: dict[int, bool] = {}
        self.backwards = 0
        self.armed = False
        self.values.begin(self.step_no)

    def _end(self, partial: bool = False) -> None:
        """Closes the pass: finds or makes its structure, and keeps its clocks and gradient norms."""
        here = self.here
        if here is self.root or here is self.over:
            if self.node_ticks or self.dropped_ops:
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
        self.current = g.number
        if not partial or g is self.growing or here.end is g:
            g.first = self.step_no if g.first < 0 else g.first
            g.last = self.step_no
            g.count += 1
        meta = (g.number, self.step_no)
        node_ticks = self.node_ticks
        nodes = np.full(len(g.node_name), np.nan, np.float32)
        if node_ticks:
            pairs = np.array(node_ticks, np.int64)
            at = self._rows_of(pairs[::2], g)
            inside = (at >= 0) & (at < len(nodes))
            nodes[at[inside]] = pairs[1::2][inside] * 1e-3
        ops = np.array(self.ticks, np.float32)
        ops *= np.float32(1e-3)
        self.clocks.add(g.number, self.step_no, 4 * (len(ops) + len(nodes)) + 64, (meta, ops, nodes, len(g.op_name)))
        norms = self.norms
        if norms:
            norms.extend(self.values.leaf_norms(g))
            table = np.array(norms, np.float64).reshape(-1, 2)
            table[:, 0] = self._rows_of(table[:, 0], g)
            self.gradients.add(g.number, self.step_no, 6 * len(norms) + 64, (meta, table))
        self.prev_rows, self.prev_graph = self.rows, g.number
        if self.rows_total > ROW_LIMIT:
            self._trim(g)
        again = [s for s in self.open]
        self._begin()
        if again:                                              # a boundary inside a module's forward: it goes on in the next pass
            self.open = []
            for s in again:
                self._event(s.sig, None)
                self.open.append(self.here)

    def _rows_of(self, at: Any, g: Graph) -> Any:
        """Node rows in `g`: those of the pass before count only where it had the same structure, else -1."""
        if (at < 0).any():
            at = np.where(at < 0, -2 - at if self.prev_graph == g.number else -1, at)
        return at

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
        self._end()
        self.step_no += 1
        self.values.step_params = {}
        self.values.begin(self.step_no)
        self.step_began = clock()
        self.spent += self.step_began - now
        self.tape.stepped()

    def mode_grad(self) -> bool:
        return mode.grad

    # -- ops ------------------------------------------------------------------------------------------------------------

    def op(self, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any, site: Any, t0: int, t1: int) -> None:
        try:
            base = self.base
            n = len(inputs)
            if n == 2:
                a, b = inputs
                i = a._id - base
                if i <= 0:
                    i = self._foreign(a)
                j = b._id - base
                if j <= 0:
                    j = self._foreign(b)
                ins: Any = (i, j)
            elif n == 1:
                i = inputs[0]._id - base
                ins = (i if i > 0 else self._foreign(inputs[0]),)
            else:
                ins = tuple([i if (i := t._id - base) > 0 else self._foreign(t) for t in inputs])
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
            if here.watch or self.watching:
                self.values.op(here, op, inputs, outputs, node)
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
            if len(self.ticks) >= OP_LIMIT:
                self.over.next = None
                self.tape.note("ops", f"a pass has more than {OP_LIMIT:,} ops: the rest of it is not recorded; end steps with tape.step()")
                return self.over
            g = self.growing or self._branch(here)
            found = add_op(self, g, sig, op, inputs, outputs, node, site)
            self._attach(here, sig, found)
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
        self.current = number
        self.rows_total += len(g.op_name)
        self.graphs = {**self.graphs, number: g}               # replaced, not changed: readers iterate over it
        return g

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
                    row = g.module(self.open[-1].row if self.open else -1, *sig)
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
            self.open.append(self._event(call.sig, module))
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
            self.values.backward_begin(roots, site, self.tag_of(site))
            self.spent += clock() - t
        except Exception as e:
            self.fail(e)

    def node(self, node: Any, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...], t0: int, t1: int) -> None:
        try:
            row = self.rows.get(node.seq)
            if row is None:                                    # made in the pass before: < -1 until it is known whether that was the same
                row = -2 - self.prev_rows.get(node.seq, -1)
            if row != -1:
                self.node_ticks.append(row)
                self.node_ticks.append(t1 - t0)
                if self.level:
                    self.values.node(row, node, grads_in)
            self.events += 1
            if not self.events % 13:
                self.spent += (clock() - t1) * 13
        except Exception as e:
            self.fail(e)

    def accumulate(self, tensor: Any, grad: Any) -> None:
        self.values.touched.append(tensor)

    def backward_end(self, error: BaseException | None) -> None:
        try:
            t = clock()
            self.in_backward = False
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

    def tag_of(self, site: Any) -> str:
        return self.values.loss_tag(site, lambda: _loss_name(site))

    # -- optimizers ---------------------------------------------------------------------------------------------------------

    def update_begin(self, optimizer: Any) -> None:
        try:
            t = clock()
            self.values.update_begin(optimizer)
            self.spent += clock() - t
        except Exception as e:
            self.fail(e)

    def update_end(self, optimizer: Any) -> None:
        try:
            t = clock()
            self.values.update_end(optimizer)
            self.spent += clock() - t
            if self.pacer is None or self.pacer == "implicit":
                self.pacer = id(optimizer)
                self.armed = False
            if self.pacer == id(optimizer):
                self.end_step()
        except Exception as e:
            self.fail(e)

    def manual_step(self) -> None:
        """`tape.step()`: ends the step here, from now on only here."""
        if self.pacer != "manual":
            first = self.pacer is None
            self.pacer = "manual"
            self.armed = False
            if not first and self.here is self.root:
                return                                         # the optimizer has just ended this very step
        self.end_step()

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


def _loss_name(site: Any) -> str:
    """What the user calls the tensor: `errD` of `errD.backward()`; else the line."""
    info = resolve(site)
    if info is None:
        return "other"
    found = re.search(r"([A-Za-z_]\w*)(?:\s*/[^)]*\))?\.backward\(", info.text)
    return found.group(1) if found else f"line {line_of(site)}"
