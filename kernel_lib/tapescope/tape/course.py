"""The course of a recording: passes from one boundary to the next, the structures that they are found to have, and when a step ends."""

from __future__ import annotations

import fnmatch
import itertools
import re
import threading
import weakref
from array import array
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

from ..core.state import mode
from .graph import Graph
from .log import ItemLog
from .names import Names
from .scaling import Scaling
from .values import Values
from .walk import ROOT_MARK, Step, settle_checks

if TYPE_CHECKING:
    from .tape import Tape

_blocks = itertools.count(1).__next__
BLOCK = 32                       # ids of a pass begin at a multiple of 2**BLOCK: no two passes share one
ROW_LIMIT = 1_000_000            # rows of all structures together


class Course:
    """What a Recorder is in and has come to; the Recorder itself hears."""

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
        self._begin()

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
            if not partial and self.level:
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

    def _names(self) -> Names:
        return Names(self.strings)

    def _values(self) -> Values:
        raise NotImplementedError

    def _event(self, sig: Any, module: Any) -> Step:
        raise NotImplementedError

    # -- when a step ends ------------------------------------------------------------------------------------------

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

    def log_step(self) -> int:
        """The step that a value logged now belongs to: the one just ended, until gradients are recorded again."""
        return self.step_no if self.rows or not self.step_no else self.step_no - 1

    # -- small things ----------------------------------------------------------------------------------------------

    def wanted(self, op: str, path: str) -> bool:
        """Whether the recording's filters let values of this op in this module through."""
        return (self._op is None or self._op(op) is not None) and (self._module is None or self._module(path) is not None)

    def wanted_param(self, name: str) -> bool:
        return self._module is None or self._module(name.rpartition(".")[0]) is not None

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
