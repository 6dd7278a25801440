"""Under the ops: which of ATen's kernels each of them, and each of its nodes, has called. Asked for by `record(model, kernels=True)`; it costs several microseconds a kernel."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.utils import _python_dispatch as _dispatch

from ...tape.frame import Frame

if TYPE_CHECKING:
    from .recorder import TorchRecorder

_node = torch._C._current_autograd_node


class Kernel(NamedTuple):
    """One call: its name, as "aten::addmm", and its microseconds; on a device those until it was handed over."""

    name: str
    us: float


class Pass(NamedTuple):
    """What the newest pass of a structure has called, and how many there were."""

    passes: int
    step: int
    ops: dict[int, list[Kernel]]               # by op row
    nodes: dict[int, list[Kernel]]             # by node row


class OpKernels(NamedTuple):
    """An op of the graph: its row, what the user wrote, the module, and what it has called forward and backward."""

    row: int
    op: str
    module: str
    forward: tuple[Kernel, ...]
    backward: tuple[Kernel, ...]

    def __repr__(self) -> str:
        parts = [f"{self.op}{' in ' + self.module if self.module else ''}: " + (", ".join(k.name.removeprefix("aten::") for k in self.forward) or "nothing")]
        return "; back: ".join([*parts, ", ".join(k.name.removeprefix("aten::") for k in self.backward)] if self.backward else parts)


class Kernels(_dispatch.TorchDispatchMode):  # type: ignore[misc]
    """Hears every kernel on its recorder's thread and beneath its backward passes."""

    def __init__(self, recorder: TorchRecorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.aside = False                     # what runs is our own looking
        self.pending: list[Kernel] = []        # of the call that runs
        self.ops: dict[int, list[Kernel]] = {}                 # of this pass, by op row
        self.nodes: dict[int, list[Kernel]] = {}               # and by node row
        self.seen: dict[int, Pass] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.aside:
            return func(*args, **(kwargs or {}))
        t0 = clock()
        out = func(*args, **(kwargs or {}))
        kernel = Kernel(str(func._schema.name), (clock() - t0) * 1e-3)
        node = _node()
        if node is None:
            self.pending.append(kernel)
        elif kernel.name != "aten::detach":                     # which is how gradients are looked at
            row = self.recorder.row_of(node._sequence_nr())
            if row is not None and row >= 0:
                self.nodes.setdefault(row, []).append(kernel)
        return out

    def of_op(self, called: list[Kernel]) -> None:
        """What the newest op has called."""
        self.ops.setdefault(self.recorder.here.row, []).extend(called)

    def turn(self, graph: int) -> None:
        """A pass has ended, whose structure is now known."""
        if self.ops or self.nodes:
            before = self.seen.get(graph)
            self.seen[graph] = Pass(1 if before is None else before.passes + 1, self.recorder.step_no, self.ops, self.nodes)
            self.ops, self.nodes, self.pending = {}, {}, []

    def enter(self) -> None:
        _dispatch._push_mode(self)

    def leave(self) -> None:
        """Leaves the modes of this thread, wherever it stands."""
        if self not in _dispatch._get_current_dispatch_mode_stack():
            return
        above = []
        while (top := _dispatch._pop_mode()) is not self:
            above.append(top)
        for mode in reversed(above):
            _dispatch._push_mode(mode)

    def table(self, graph: int | None = None) -> list[OpKernels]:
        """The ops of a structure (the current one) with what they have called."""
        r = self.recorder
        number = r.current if graph is None else graph
        g = r.graphs.get(number)
        newest = Pass(0, 0, self.ops, self.nodes) if self.ops and number == r.current else self.seen.get(number, Pass(0, 0, {}, {}))
        ops, nodes = newest.ops, newest.nodes
        if g is None:
            return []
        behind: dict[int, list[Kernel]] = {}
        for row, kernels in sorted(nodes.items(), reverse=True):
            if row < len(g.node_op) and g.node_op[row] >= 0:
                behind.setdefault(g.node_op[row], []).extend(kernels)
        return [OpKernels(row, g.strings[g.op_name[row]], g.strings[g.mod_path[g.op_module[row]]] if g.op_module[row] >= 0 else "",
                          tuple(ops.get(row, ())), tuple(behind.get(row, ()))) for row in range(len(g.op_name))]

    def frames(self, cursor: Any, over: bool) -> tuple[list[Frame], Any]:
        """Every structure's newest pass, when there are twice as many as were told of, and at the end."""
        r, told, found = self.recorder, dict(cursor or {}), []
        for number, heard in list(self.seen.items()):
            g, before = r.graphs.get(number), told.get(number, 0)
            if g is None or (heard.passes == before if over else heard.passes < max(1, 2 * before)):
                continue
            rows = [(op, -1, k) for op, kernels in heard.ops.items() for k in kernels]
            rows += [(g.node_op[node], node, k) for node, kernels in heard.nodes.items() if node < len(g.node_op) for k in kernels]
            found.append(Frame("kernels", {"graph": number, "step": heard.step}, {
                "op": np.array([op for op, _, _ in rows], np.int32), "node": np.array([node for _, node, _ in rows], np.int32),
                "name": np.array([r.strings.add(k.name) for _, _, k in rows], np.uint32), "us": np.array([k.us for _, _, k in rows], np.float32)}))
            told[number] = heard.passes
        return found, told
