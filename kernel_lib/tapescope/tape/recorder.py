"""The sink that writes a tape. Everything on the path of an op is written for speed; the rest is in `walk` and `values`."""

from __future__ import annotations

import math
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import resolve
from ..core.state import mode
from .course import Course
from .reduce import EXACT
from .sites import canonical, settled
from .values import Values
from .walk import CHECK, DANGER, Step, add_op

if TYPE_CHECKING:
    from .tape import Tape

_ndarray, _vdot, _finite = np.ndarray, np.vdot, math.isfinite
SMALL = 4096                     # arrays up to here are checked in place, without looking at their layout
OP_LIMIT = 200_000               # rows of one pass; what comes after is not recorded
EXIT = ("exit",)
NOWHERE = (None, -1)


class Recorder(Course):
    """Hears what happens on one thread and enters it into a tape."""

    foreign = False                                            # what it hears is another library's

    def __init__(self, tape: Tape, level: int, every: int, module: str | None, op: str | None) -> None:
        super().__init__(tape, level, every, module, op)
        if self.values.keeping:
            setattr(self, "node", self._node_kept)             # the others do not even ask

    def _values(self) -> Values:
        return Values(self)

    # -- a pass: from one boundary to the next --------------------------------------------------------------------------

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

    def treated(self, what: str, *about: Any) -> None:
        try:
            if what == "asked":
                self.values.asks(*about)
            else:
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

    # -- small things -------------------------------------------------------------------------------------------------------

    def label(self, outputs: tuple[Any, ...]) -> str:
        name = outputs[0]._extra.name if outputs and getattr(outputs[0], "_extra", None) is not None else None
        return name or ""
