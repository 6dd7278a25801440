"""The forward behind a node of PyTorch's graph: which function of ATen it was, with what, found from the node's name and what it has saved.

Nodes are named after the functions whose derivative they are, and save arguments by their names. Of an operand that is not saved its shape is known from
where its gradient goes; a derivative does not depend on what its node did not save, so there anything of that shape will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch

from ...core.say import say
from .arrays import quietly
from .functions import MISSING, given_to
from .nodes import LEAF

_STAND_INS: dict[str, Any] = {"eps": 1e-5, "momentum": 0.1, "value": 0.5, "half_to_float": False, "cudnn_enabled": False, "dropout_p": 0.0}


class Unknown(Exception):
    """What a node's forward was cannot be told, and why."""


class Operand(NamedTuple):
    """A place of a differentiable operand: which argument, which of a list (-1: the argument itself)."""

    argument: int
    item: int


class Forward:
    """A function that can be called again: `given` are all its arguments, `operands` says which are the node's operands, in the order of its edges."""

    def __init__(self, call: Callable[..., Any], names: list[str], given: list[Any], operands: list[Operand], kwargs: dict[str, Any]) -> None:
        self.call, self.names, self.given, self.operands, self.kwargs = call, names, given, operands, kwargs

    def operand(self, i: int) -> Any:
        """Operand i as the node itself holds it; MISSING where it does not."""
        argument, item = self.operands[i]
        value = self.given[argument]
        return value if item < 0 or value is MISSING else value[item]

    def name(self, i: int) -> str:
        argument, item = self.operands[i]
        return self.names[argument] + (f"[{item}]" if item >= 0 else "")

    def run(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs that are tensors, with these operands."""
        given = [list(g) if isinstance(g, (list, tuple)) else g for g in self.given]
        for (argument, item), value in zip(self.operands, operands, strict=True):
            if item < 0:
                given[argument] = value
            else:
                given[argument][item] = value
        k = len(given) - len(self.kwargs)
        made = self.call(*given[:k], **dict(zip(self.kwargs, given[k:], strict=True)))
        return tuple([o for o in (made if isinstance(made, (tuple, list)) else (made,)) if isinstance(o, torch.Tensor)])


@cache
def _functions() -> dict[str, list[Any]]:
    """Every function of ATen that gives something new, by its name without case and underscores."""
    found: dict[str, list[Any]] = {}
    for full in torch._C._dispatch_get_all_op_names():
        name, _, overload = full.partition(".")
        if not name.startswith("aten::") or overload.endswith("out") or "out" in overload.split("_"):
            continue
        bare = name.removeprefix("aten::")
        if bare.endswith(("_", "_backward")):
            continue
        packet = getattr(torch.ops.aten, bare, None)
        op = None if packet is None else getattr(packet, overload or "default", None)
        if op is not None:
            found.setdefault(bare.removesuffix("_forward").replace("_", "").lower(), []).append(op)
    return found


def bare(node: Any) -> str:
    return str(node.name()).rpartition("::")[2]


def saved(node: Any) -> dict[str, Any]:
    """What a node holds, by name; what is freed, or packed away by somebody's hooks, is left out."""
    found = {}
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                found[name.removeprefix("_saved_")] = getattr(node, name)
            except Exception:
                continue
    return found


def output(node: Any, nr: int = 0, known: dict[str, Any] | None = None) -> Any:
    """An output that the node itself holds, else None."""
    known = saved(node) if known is None else known
    for name in (("result", "result0", "output") if nr == 0 else (f"result{nr}",)):
        value = known.get(name)
        if isinstance(value, torch.Tensor):
            return value
    return None


def shape_of(node: Any, i: int) -> tuple[int, ...] | None:
    """The shape of operand i, known of everything that needs a gradient."""
    m, nr = node.next_functions[i]
    if m is None:
        return None
    return tuple(m.variable.shape) if hasattr(m, "variable") else tuple(m._input_metadata[nr].shape)


def forwards(node: Any) -> list[Forward]:
    """What the forward of a node may have been, the likeliest first; Unknown says why there is none."""
    name = bare(node)
    if node._sequence_nr() >= LEAF:
        raise Unknown(say("it adds what arrives to .grad: it has no derivative to check; step on to a node of an op"))
    with quietly():
        if isinstance(node, torch._C._FunctionBase):
            return [_of_function(node)]
        known = saved(node)
        if any(n.startswith("_saved_") and n.removeprefix("_saved_") not in known for n in dir(node)):
            raise Unknown(say("what it had saved is freed, or packed away by hooks"))
        kind = name.rstrip("0123456789").removesuffix("Backward").lower()
        ops = _functions().get(kind, [])
        if not ops:
            raise Unknown(say("it has no forward of its own that could be run again"))
        if known.get("dropout_p", 1.0) and all(torch.Tag.nondeterministic_seeded in op.tags for op in ops):
            raise Unknown(say("its forward draws random numbers"))
        found: list[Forward] = []
        why: Any = ""
        for op in ops:
            try:
                found.append(_bound(op, node, known))
            except Unknown as error:
                why = why or error.args[0]
        if not found:
            raise Unknown(why)
        return found


def _of_function(node: Any) -> Forward:
    """A user's Function, called as it was where somebody has heard that, else with tensors alone."""
    if bare(node) == "CheckpointFunctionBackward" or not hasattr(node, "_forward_cls"):
        raise Unknown(say("it has no forward of its own that could be run again"))
    needs, given = node.needs_input_grad, given_to(node)
    if given is None:
        given = [MISSING] * len(needs)
    where = [k for k, g in enumerate(given) if g is MISSING or isinstance(g, torch.Tensor)]
    if len(where) != len(node.next_functions):
        raise Unknown(say("nobody has heard what it was called with: record the forward pass, with tst.record(model)"))
    return Forward(node._forward_cls.apply, [f"x{k}" for k in range(len(needs))], given, [Operand(k, -1) for k in where], {})


def _bound(op: Any, node: Any, known: dict[str, Any]) -> Forward:
    """A function with what the node has saved of its arguments."""
    edges = len(node.next_functions)
    shape = tuple(node._input_metadata[0].shape)
    arguments = op._schema.arguments
    given: list[Any] = []
    tensors: list[int] = []
    for k, a in enumerate(arguments):
        kind = str(a.type)
        value = known.get(a.name, MISSING)
        if "Tensor" in kind:
            many = "List" in kind
            if not (many and value is not MISSING):
                tensors.append(k)
            given.append(value)
            continue
        if value is MISSING or (value is None and "Optional" not in kind):
            value = (list(shape) if a.name in ("size", "shape") else list(torch.empty(shape, device="meta").stride()) if a.name == "stride" else a.default_value if a.has_default_value() else _STAND_INS.get(a.name, MISSING))
            if value is MISSING:
                raise Unknown(say("it does not hold {0}, which its forward needs", a.name))
        given.append(_signed(value))
    for k in [k for k in tensors if isinstance(given[k], torch.Tensor) and not (given[k].is_floating_point() or given[k].is_complex())]:
        if len(tensors) > edges:                                # an index or a mask: nothing comes there
            tensors.remove(k)
    lists = [k for k in tensors if "List" in str(arguments[k].type)]
    if lists:
        k = lists[0]
        count = edges - sum(1 for t in tensors if t not in lists)
        given[k] = [MISSING] * count
        operands = [Operand(t, -1) for t in tensors if t < k] + [Operand(k, i) for i in range(count)] + [Operand(t, -1) for t in tensors if t > k]
    else:
        operands = [Operand(t, -1) for t in tensors]
    if len(operands) < edges:
        raise Unknown(say("its operands are not those of its forward"))
    for argument, item in operands[edges:]:                     # no gradient goes there
        if item < 0 and given[argument] is MISSING:
            if "Optional" not in str(arguments[argument].type):
                raise Unknown(say("it does not hold {0}, which its forward needs", arguments[argument].name))
            given[argument] = None
    for (argument, item), (m, _) in zip(operands, node.next_functions, strict=False):
        if m is None and item < 0 and given[argument] is MISSING and "Optional" in str(arguments[argument].type):
            given[argument] = None                              # a bias that was never there
    kwargs = {a.name: None for a in arguments if a.kwarg_only}
    return Forward(op, [a.name for a in arguments], given, operands[:edges], kwargs)


def _signed(value: Any) -> Any:
    """Negative numbers are saved as unsigned ones."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 63:
        return value - (1 << 64)
    return [_signed(v) for v in value] if isinstance(value, (tuple, list)) else value
