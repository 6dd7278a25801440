"""What a node keeps for its vjps, with the check that nobody changed it in between.

Entries are `(tensor, version)` for operands, `(array, version, storage)` for the node's own output (tuples of them where it has several), and plain
values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import changed_in_place, freed
from .node import Freed
from .tensor import Tensor, wrap

if TYPE_CHECKING:
    from .node import Node

# our operand names -> the names of PyTorch's `_saved_*`
ALIASES = {"x": "self", "a": "self", "b": "other", "y": "result", "w": "weight"}


def arrays(node: Node) -> list[Any]:
    """The saved values of a node as raw arrays."""
    saved = node.saved
    if saved.__class__ is Freed:
        raise freed(node)
    if saved.__class__ is not tuple:                       # a user's hooks have it
        packed: list[Any] = saved.arrays()
        return packed
    k = node.plan.tensors_saved
    values: list[Any] = []
    for entry in saved[:k]:
        t, version = entry[0], entry[1]
        if version is None:
            values.append(t)
            continue
        storage = t._storage
        if storage is not None and storage.version != version:
            raise changed_in_place(node, t._array, storage, version)
        values.append(t._array)
    if node.plan.saves_output:
        array, version, storage = saved[k]
        many = array.__class__ is tuple
        for a, v, s in zip(array, version, storage, strict=True) if many else ((array, version, storage),):
            if s.version != v:
                raise changed_in_place(node, a, s, v)
        values.append(array)
        k += 1
    values.extend(saved[k:])
    return values


def tensors(node: Node) -> list[Any]:
    """The saved values of a node as Tensors connected to the graph, for `create_graph`."""
    saved: Any = node.saved
    if saved.__class__ is not tuple and not isinstance(saved, Freed):
        packed: list[Any] = saved.tensors(node)
        return packed
    values = arrays(node)
    k = node.plan.tensors_saved
    entries: Any = node.saved
    for i, entry in enumerate(entries[:k]):
        if entry[1] is not None:
            values[i] = entry[0]
    if node.plan.saves_output:
        values[k] = _output(node, values[k])
    return values


def _output(node: Node, array: Any) -> Any:
    storage = node.saved[node.plan.tensors_saved][2]
    if array.__class__ is tuple:
        return tuple([_again(a, node, i, s) for i, (a, s) in enumerate(zip(array, storage, strict=True))])
    return _again(array, node, 0, storage)


def _again(array: Any, node: Node, nr: int, storage: Any) -> Tensor:
    t = wrap(array, node if array.dtype.kind in "fcV" else None, nr)
    t._storage = storage
    return t


def names(node: Node) -> list[str]:
    """Names of the saved values, spelled as PyTorch's."""
    if isinstance(node.saved, Freed):
        return []
    return [ALIASES.get(n, n) for n in node.plan.names]


def named(node: Node, name: str) -> Any:
    """One saved value by name, as PyTorch's `grad_fn._saved_<name>`."""
    for i, own in enumerate(node.plan.names):
        if name in (own, ALIASES.get(own, own)):
            return tensors(node)[i]
    raise AttributeError(f"{node.op.node_name!r} object has no attribute '_saved_{name}'; it saves {names(node) or 'nothing'}")
