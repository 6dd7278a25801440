"""How a pass is recognised while it runs: structures share a trie, one step per event.

A pass that has been seen before walks along known steps, which is all that its events cost. The first event that differs opens a new structure,
which begins as a copy of the rows so far and grows from there, so that it can be read before the pass ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.node import title
from .frame import FULL
from .graph import BUFFER, CONSTANT, IN_PLACE, INPUT, NO_GRAD, PARAMETER, VIEW, Counts, Graph, dtype_text, shape_text

if TYPE_CHECKING:
    from .recorder import Recorder

# What an op's step asks of the recorder besides its clock.
CHECK, RELU, TARGET, KEEP, NOTE = 1, 2, 4, 8, 16

# Ops that give finite values from finite ones whatever the values are: not checked.
FAITHFUL = frozenset(
    "relu leaky_relu hardtanh clamp tanh sigmoid logsigmoid softplus gelu silu elu abs neg sign sin cos atan erf floor ceil round trunc "
    "softmax log_softmax max max_all max_dim min min_all min_dim amax amin maximum minimum sort topk gather embedding index index_select "
    "select slice take cat stack clone to_copy repeat flip roll tril triu pad where masked_fill unbind split reshape view transpose t permute "
    "squeeze unsqueeze expand max_pool2d max_pool1d".split())

# Ops whose output is not finite when one of these operands holds a value that is not: a finite output vouches for the operand. () for all of them.
VOUCHES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("add sub mul addmm mm bmm mv dot outer linear neg abs sum sum_all sum_rows sum_dim mean mean_all mean_dim layer_norm batch_norm "
                    "conv2d conv1d cat stack clone reshape view transpose t permute squeeze unsqueeze expand gelu silu log_softmax sin cos "
                    "mse_loss cumsum baddbmm".split(), ()),
    "div": (0,),
}

# Ops whose derivative is infinite somewhere.
DANGER = frozenset("div sqrt rsqrt log log2 log10 log1p pow pow_scalar reciprocal norm std var acos asin atan2 tan exp exp2 expm1 "
                   "binary_cross_entropy cumprod prod logsumexp".split())

FILLS = frozenset(["masked_fill", "where", "full", "fill", "masked_scatter", "pad", "index_put", "copy"])

NOTED = 16_384                                 # outputs above are left to their readers, where those vouch for them


class Step:
    """One event of a structure, and what may follow it."""

    __slots__ = ("end", "graph", "made", "mark", "next", "node_row", "others", "parent", "path", "row", "sig", "watch")

    next: Step | None

    def __init__(self, sig: Any, parent: Step | None, graph: Graph | None, row: int, node_row: int, mark: Counts) -> None:
        self.sig = sig
        self.parent = parent
        self.graph = graph                     # newest structure through here
        self.row = row                         # op or module-call row
        self.node_row = node_row
        self.mark = mark                       # lengths of the tables after this event
        self.next = None                       # the follower taken last
        self.others: dict[Any, Step] = {}      # all followers
        self.end: Graph | None = None          # the structure that ends here
        self.watch = 0
        self.path = ""
        self.made: Any = None                  # an adapter's: rows of the nodes that the op made, by how far each is from the first


ROOT_MARK = Counts()


def add_op(r: Recorder, g: Graph, sig: Any, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...], node: Any, site: Any) -> Step:
    """The rows of an op that the structure has not yet: sources first, then the op, then its grad_fn."""
    entries: list[int] = []
    module = r.open[-1].row if r.open else -1
    tensors: dict[int, int] = {}               # id of an input object -> entry
    for t, rel in zip(inputs, sig[4], strict=True):
        if rel > 0:
            entry = g.owner[rel - 1]
        elif rel < 0:
            entry = _known_source(r, g, rel, t, module)
        else:
            entry = -(_fresh_source(r, g, t, module) + 1)
            g.owner.append(entry)
        entries.append(entry)
        tensors[id(t)] = entry
    out = outputs[0] if outputs else None
    array = out._array if out is not None else None
    flags = 0
    if out is not None and any(out is t for t in inputs):
        flags |= IN_PLACE
    if getattr(op, "view", False):
        flags |= VIEW
    if node is None and r.mode_grad() is False:
        flags |= NO_GRAD
    if r.in_backward:
        flags |= 8
    row = g.op(op.label, module, g.site(site), flags, shape_text(array.shape) if array is not None else "",
               dtype_text(array.dtype) if array is not None else "", r.label(outputs), entries)
    g.op_size.append(int(array.size) if array is not None and len(outputs) == 1 else 0)
    for o in outputs:
        if o._id not in r.names.known:
            g.owner.append(row)
    node_row = -1
    if node is not None:
        node_row = _node(r, g, node, row, tensors, inputs, module)
    step = Step(sig, r.here, g, row, node_row, g.mark())
    step.watch = _watch(r, op, g, step, inputs, outputs, flags)
    return step


def _fresh_source(r: Recorder, g: Graph, t: Any, module: int) -> int:
    kind, name, param, array = INPUT, "", -1, t._array
    if t._req and t._node is None:
        p = r.names.leaf(t)
        kind = PARAMETER
        if p is not None:
            name, param = p.name, p.index
    elif array.ndim == 0:
        kind = CONSTANT
    if not name:
        name = f"{'const' if kind == CONSTANT else 'input'}{sum(1 for k in g.src_kind if k == kind)}"
    return g.source(kind, name, shape_text(array.shape), dtype_text(array.dtype), module, param)


def _known_source(r: Recorder, g: Graph, rel: int, t: Any, module: int) -> int:
    number = -rel - 1
    row = g.param_src.get(number)
    if row is None:
        kind, name = r.names.labels[number]
        array = t._array
        row = g.source(PARAMETER if kind == 0 else BUFFER, name, shape_text(array.shape), dtype_text(array.dtype), module, number)
    return -(row + 1)


def _node(r: Recorder, g: Graph, node: Any, op_row: int, tensors: dict[int, int], inputs: tuple[Any, ...], module: int) -> int:
    for m in getattr(node, "inner", ()):       # an adapter's op may make several: operands first
        r.rows[m.seq] = _node_row(r, g, m, op_row, tensors, module)
    row = _node_row(r, g, node, op_row, tensors, module)
    g.op_node[op_row] = row
    return row


def _node_row(r: Recorder, g: Graph, node: Any, op_row: int, tensors: dict[int, int], module: int) -> int:
    nexts: list[int] = []
    for m in node.next:
        if m is None:
            nexts.append(-1)
            continue
        variable = getattr(m, "variable", None)
        if variable is not None:
            entry = tensors.get(id(variable))
            if entry is None or entry >= 0:
                k = r.names.known.get(variable._id)
                src = -_known_source(r, g, k, variable, module) - 1 if k is not None else _fresh_source(r, g, variable, module)
            else:
                src = -entry - 1
            row = g.acc_node.get(src)
            if row is None:
                row = g.node(title(m), -1, src, [])
        else:
            found = r.rows.get(m.seq)
            if found is None:                  # made in an earlier pass, or inside an op
                found = r.rows[m.seq] = g.node(title(m), op_row if m.seq > r.seq0 else -1, -1, [])
            row = found
        nexts.append(row)
    return g.node(title(node), op_row, -1, nexts)


def _watch(r: Recorder, op: Any, g: Graph, step: Step, inputs: tuple[Any, ...], outputs: tuple[Any, ...], flags: int) -> int:
    if not r.level or not outputs:
        return 0
    watch = 0
    if op.name in ("cross_entropy", "nll_loss"):
        watch |= TARGET
    path = g.strings[g.mod_path[r.open[-1].row]] if r.open else ""
    if not r.wanted(op.name, path):
        return watch
    if outputs[0]._array.dtype.kind in "fc":
        if not flags & VIEW and op.name not in FAITHFUL:
            watch |= CHECK
        if op.name == "relu":
            watch |= RELU
    if r.level >= FULL:
        watch |= KEEP
    return watch


def settle_checks(g: Graph, last: Step) -> None:
    """After the first pass of a structure: large outputs that a checked reader vouches for are noted, no longer checked."""
    steps: dict[int, Step] = {}
    step: Step | None = last
    while step is not None:
        if step.sig is not None and len(step.sig) == 5:
            steps[step.row] = step
        step = step.parent
    safe: set[int] = set()                     # rows whose output is checked, or vouched for
    strings, readers = g.strings.list, g.consumers()
    for row in range(len(g.op_name) - 1, -1, -1):
        s = steps.get(row)
        if s is None:
            continue
        vouched = any(reader in safe and _vouches(strings[g.op_name[reader]], g, reader, row) for reader in readers.get(row, ()))
        if s.watch & CHECK and vouched and g.op_size[row] > NOTED:
            s.watch = s.watch & ~CHECK | NOTE
        elif s.watch & NOTE and not vouched:   # noted for another structure that begins alike
            s.watch = s.watch & ~NOTE | CHECK
        if vouched or s.watch & (CHECK | NOTE):
            safe.add(row)


def _vouches(name: str, g: Graph, reader: int, row: int) -> bool:
    where = VOUCHES.get(name)
    if where is None or g.op_flags[reader] & IN_PLACE:
        return False
    return not where or g.inputs_of(reader)[where[0]] == row
