"""A captured graph as data that `save` writes, and back; what comes from a file is looked at before anything runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.kinds import refused
from ..compiler.program import Program, Ref, Step
from ..compiler.tree import SLOT
from ..core.op import table
from ..core.tensor import Tensor, wrap
from .family import Affine, Fill, Graph

_PLAIN: dict[str, Any] = {k.__name__: k for k in (bool, int, float, complex, str, bytes)}
_BIG = 1 << 40


class Damaged(Exception):
    """A stored graph that cannot be one."""


def _need(condition: Any, what: str) -> None:
    if not condition:
        raise Damaged(what)


# -- values ---------------------------------------------------------------------------------------------------------------------


def put(x: Any) -> Any:
    """A parameter or operand as lists, numbers and text."""
    if x is None or type(x) in (bool, int, float, str):
        return x
    if isinstance(x, Ref):
        return ["v", x.n]
    if isinstance(x, Affine):
        return ["b", x.a, x.b]
    if isinstance(x, tuple):
        return ["t", [put(v) for v in x]]
    if isinstance(x, np.dtype):
        return ["d", x.str]
    if isinstance(x, np.generic):
        return ["g", x.dtype.str, x.item()]
    if isinstance(x, complex):
        return ["c", x.real, x.imag]
    raise TypeError(f"a parameter of type {type(x).__name__} cannot be stored")


def get(x: Any, known: int, depth: int = 0) -> Any:
    """The reverse; refers to values below `known` only."""
    _need(depth < 8, "values are nested too deeply")
    if x is None or type(x) in (bool, int, float, str):
        return x
    _need(type(x) is list and x and type(x[0]) is str, f"{str(x)[:40]!r} is no value")
    kind, *rest = x
    if kind == "v":
        _need(len(rest) == 1 and type(rest[0]) is int and 0 <= rest[0] < known, "a step reads what was not computed before")
        return Ref(rest[0])
    if kind == "b":
        _need(len(rest) == 2 and all(type(v) is int and abs(v) < _BIG for v in rest), "a size is no number")
        return Affine(*rest)
    if kind == "t":
        _need(len(rest) == 1 and type(rest[0]) is list, "a tuple is no list")
        return tuple(get(v, known, depth + 1) for v in rest[0])
    if kind == "d":
        return dtype_of(rest[0] if rest else None)
    if kind == "g":
        _need(len(rest) == 2 and type(rest[1]) in (bool, int, float), "a scalar is no number")
        return dtype_of(rest[0]).type(rest[1])
    if kind == "c":
        _need(len(rest) == 2 and all(type(v) in (int, float) for v in rest), "a complex number has two parts")
        return complex(*rest)
    raise Damaged(f"{kind[:20]!r} is no kind of value")


def dtype_of(text: Any) -> Any:
    """A dtype by its text: numbers and bools only."""
    try:
        d = np.dtype(text) if type(text) is str and len(text) < 6 else None
    except TypeError:
        d = None
    if d is None or d.kind not in "biufc":
        raise Damaged(f"{text!r} is no dtype")
    return d


def put_tree(s: Any) -> Any:
    """The shape of arguments or results."""
    if s is SLOT:
        return "*"
    kind, inside = s
    if kind is dict:
        return ["dict", [[k, put_tree(v)] for k, v in inside]]
    if kind in (tuple, list) or hasattr(kind, "_fields"):
        return ["list" if kind is list else "tuple", [put_tree(v) for v in inside]]
    if kind is type(None):
        return ["None", None]
    if kind in (bool, int, float, str):
        return [kind.__name__, inside]
    raise TypeError(f"a result with a {kind.__name__} in it cannot be stored")


def get_tree(x: Any, depth: int = 0) -> Any:
    """The reverse."""
    _need(depth < 16, "containers are nested too deeply")
    if x == "*":
        return SLOT
    _need(type(x) is list and len(x) == 2 and type(x[0]) is str, "arguments or results have no shape")
    kind, inside = x
    if kind == "None":
        return (type(None), None)
    if kind in ("list", "tuple"):
        _need(type(inside) is list, "a container is no list")
        return (list if kind == "list" else tuple, tuple(get_tree(v, depth + 1) for v in inside))
    if kind == "dict":
        _need(type(inside) is list and all(type(e) is list and len(e) == 2 and type(e[0]) in (str, int) for e in inside), "a dict is no list of pairs")
        return (dict, tuple((k, get_tree(v, depth + 1)) for k, v in inside))
    _need(kind in ("bool", "int", "float", "str"), f"{kind[:20]!r} is no kind of argument")
    _need(type(inside) is _PLAIN[kind] or (kind == "float" and inside == "nan"), "an argument is not of its kind")
    return (_PLAIN[kind], inside)


def _slots(s: Any) -> int:
    if s is SLOT:
        return 1
    kind, inside = s
    if kind is dict:
        return sum(_slots(v) for _, v in inside)
    return sum(map(_slots, inside)) if kind in (tuple, list) else 0


# -- graphs ---------------------------------------------------------------------------------------------------------------------


def to_data(graph: Graph, names: list[str]) -> dict[str, Any]:
    """A graph as data; `names` says where its held tensors stand in the state."""
    p = graph.program
    return {
        "inputs": p.inputs, "held": names, "constants": [["fill", put(c.shape), c.dtype.str, c.value] if isinstance(c, Fill) else wrap(c) for c in p.constants], "outputs": list(p.outputs), "batch": graph.batch,
        "in": put_tree(graph.shape_in), "out": put_tree(graph.shape_out), "kinds": [[list(s), d] for s, d in graph.kinds],
        "steps": [[s.op.name, [put(x) for x in s.operands], [put(x) for x in s.params], list(s.outs), put(s.shapes), [d.str for d in s.dtypes], s.plain, s.alike]
                  for s in p.steps],
    }


def _constant(c: Any) -> Any:
    if isinstance(c, Tensor):
        return c._array
    _need(type(c) is list and len(c) == 4 and c[0] == "fill" and type(c[3]) in (bool, int, float), "a constant is no tensor")
    shape = get(c[1], 0)
    _need(type(shape) is tuple and all(isinstance(n, Affine) or (type(n) is int and 0 <= n < _BIG) for n in shape), "a constant has no shape")
    return Fill(shape, dtype_of(c[2]), c[3])


def from_data(data: Any, state: dict[str, Tensor]) -> tuple[Graph, list[str]]:
    """The graph that data describes; raises Damaged for anything that no graph of ours looks like."""
    _need(type(data) is dict and set(data) == {"inputs", "held", "constants", "outputs", "batch", "in", "out", "kinds", "steps"}, "a graph has other parts")
    names, constants = data["held"], data["constants"]
    _need(type(names) is list and all(type(n) is str and n in state for n in names), "a graph reads tensors that the file does not hold")
    _need(type(constants) is list, "constants are no list")
    constants = [_constant(c) for c in constants]
    _need(type(data["inputs"]) is int and type(data["kinds"]) is list and data["inputs"] == len(data["kinds"]), "arguments are miscounted")
    kinds = []
    for kind in data["kinds"]:
        _need(type(kind) is list and len(kind) == 2 and type(kind[0]) is list and all(type(n) is int and 0 <= n < _BIG for n in kind[0]), "an argument has no shape")
        kinds.append((tuple(kind[0]), dtype_of(kind[1]).str))
    _need(data["batch"] is None or (type(data["batch"]) is int and data["batch"] > 0), "the batch is no number")
    known = data["inputs"] + len(names) + len(constants)
    steps = []
    _need(type(data["steps"]) is list, "steps are no list")
    for entry in data["steps"]:
        _need(type(entry) is list and len(entry) == 8, "a step has eight parts")
        name, operands, params, outs, shapes, dtypes, plain, alike = entry
        _need(type(name) is str and name in table, f"there is no op {str(name)[:40]!r} here: the file is damaged, or of a newer version")
        op = table[name]
        _need(all(type(part) is list for part in (operands, params, outs, dtypes)), "a step is no list")
        given = tuple(get(x, known) for x in operands), tuple(get(x, known) for x in params)
        _need(not refused(name, given[1] or (False,)), f"{name} may not be part of a stored graph")
        _need(len(given[1]) == len(op.params) and (op.variadic or len(given[0]) == len(op.operands)), f"{name} takes other arguments")
        _need(outs == list(range(known, known + len(outs))) and outs and (op.multi or len(outs) == 1), f"results of {name} are misnumbered")
        form = get(shapes, 0)
        _need(type(form) is tuple and len(form) == len(outs) == len(dtypes) and all(
            type(s) is tuple and all(isinstance(n, Affine) or (type(n) is int and 0 <= n < _BIG) for n in s) for s in form), f"results of {name} have no shape")
        _need(type(plain) is bool and type(alike) is bool, "a flag is no flag")
        steps.append(Step(op, *given, tuple(outs), form, tuple(map(dtype_of, dtypes)), plain, alike))
        known += len(outs)
    shape_in, shape_out = get_tree(data["in"]), get_tree(data["out"])
    outputs = data["outputs"]
    _need(type(outputs) is list and all(type(n) is int and 0 <= n < known for n in outputs), "a result was not computed")
    _need(_slots(shape_in) == data["inputs"] and _slots(shape_out) == len(outputs), "arguments or results are miscounted")
    program = Program(data["inputs"], [state[n] for n in names], constants, steps, outputs)
    return Graph(program, shape_in, shape_out, kinds, data["batch"]), names
