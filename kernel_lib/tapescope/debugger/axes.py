"""Names of axes: given to some tensors, found for the others by what ops do to shapes. Only looked for when somebody looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.node import AccumulateGrad, Node, meta_of
from ..core.tensor import Tensor

Names = tuple[str | None, ...]
_any = False                       # whether any tensor has been given names


def name_axes(tensor: Tensor, *names: str | None) -> Tensor:
    """Gives a tensor's axes names ("batch", "token", "head"), None for one without. Returns the tensor.

    The debugger shows them wherever it shows tensors that come of this one, and so do errors of shapes. Raises ValueError when their number does not fit.
    """
    global _any
    if len(names) != tensor._array.ndim:
        raise ValueError(f"a tensor of shape {list(tensor._array.shape)} has {tensor._array.ndim} axes, got {len(names)} names")
    for n in names:
        if n is not None and (not isinstance(n, str) or not n):
            raise TypeError(f"an axis is named by a string or None, not {n!r}")
    _any = True
    tensor.__dict__["axes"] = tuple(names)
    if tensor._node is not None:
        tensor._node.metadata.setdefault("axes", {})[tensor._nr] = tuple(names)
    return tensor


def axes_of(tensor: Any) -> Names | None:
    """The names that were given to a tensor, or to the one that it is a view of."""
    if not _any or not isinstance(tensor, Tensor):
        return None
    found = tensor.__dict__.get("axes")
    if found is not None:
        return found if len(found) == tensor._array.ndim else None
    extra = tensor._extra
    if extra is None or extra.base is None or (names := axes_of(extra.base)) is None:
        return None
    op, params = extra.chain[-1] if len(extra.chain) == 1 else (None, ())
    given = {} if op is None else dict(zip(op.params, params, strict=False))
    found = carried("view" if op is None else op.name, given, extra.base._array.shape, names, tensor._array.shape)
    return found if any(found) else None


class Axes:
    """Names of the outputs of all nodes of a pass, oldest first."""

    def __init__(self, order: Sequence[Node]) -> None:
        self.known: dict[tuple[Node, int], Names] = {}
        if _any:
            for n in reversed(order):
                self._enter(n)

    def of(self, node: Node, nr: int = 0) -> Names | None:
        """Names of an output of a node, which are those of the gradient that comes there."""
        return axes_of(node.variable) if isinstance(node, AccumulateGrad) else self.known.get((node, nr))

    def operand(self, node: Node, i: int) -> Names | None:
        """Names of operand i, which are those of its gradient."""
        found = axes_of(_operand(node, i))
        m = node.next[i] if i < len(node.next) else None
        return found or (self.of(m, node.nrs[i]) if m is not None else None)

    def _enter(self, node: Node) -> None:
        given = node.extra.metadata.get("axes") if node.extra is not None else None
        outs = node.extra.outs if node.extra is not None and node.extra.outs is not None else ((node.shape, node.dtype),)
        for nr, (shape, _) in enumerate(outs):
            names = given.get(nr) if given else None
            if names is None:
                names = self._infer(node, tuple(shape))
            if names is not None and len(names) == len(shape) and any(names):
                self.known[node, nr] = names

    def _infer(self, node: Node, shape: tuple[int, ...]) -> Names | None:
        found: list[str | None] = [None] * len(shape)
        for i, m in enumerate(node.next):
            names = self.operand(node, i)
            if names is None:
                continue
            t = _operand(node, i)
            have = tuple(t._array.shape) if t is not None else tuple(meta_of(m, node.nrs[i])[0]) if m is not None else ()
            if len(have) != len(names):
                continue
            for j, name in enumerate(carried(node.op.name, _params(node), have, names, shape)):
                if name is not None and found[j] is None and name not in found:
                    found[j] = name
        return tuple(found) if any(found) else None


def carried(op: str, params: dict[str, Any], have: tuple[int, ...], names: Names, shape: tuple[int, ...]) -> Names:
    """The names that an operand of shape `have` lends to a result of shape `shape`."""
    n = len(have)
    if op == "permute":
        dims = next((v for v in params.values() if isinstance(v, (tuple, list)) and len(v) == n), None)
        if dims is not None:
            return tuple(names[d] for d in dims)
    if op in ("transpose", "t", "mT", "swapaxes"):
        pair = [v for v in params.values() if isinstance(v, int)][:2] or [n - 2, n - 1]
        if len(pair) == 2 and n >= 2:
            order = list(range(n))
            a, b = pair[0] % n, pair[1] % n
            order[a], order[b] = order[b], order[a]
            return tuple(names[d] for d in order)
    dims = params.get("dims", params.get("dim"))
    if dims is not None and len(shape) < n:
        gone = {d % n for d in ((dims,) if isinstance(dims, int) else dims)}
        left = tuple(name for d, name in enumerate(names) if d not in gone)
        if len(left) == len(shape):
            return left
    if len(shape) == n:
        return tuple(name if a == b else None for name, a, b in zip(names, have, shape, strict=True))
    if math.prod(have) == math.prod(shape):
        return regrouped(have, names, shape)
    if len(shape) > n:                                          # spread to the left, as broadcasting does
        tail = shape[len(shape) - n:]
        return (*[None] * (len(shape) - n), *[name if a == b else None for name, a, b in zip(names, have, tail, strict=True)])
    ways = _embeddings(have, shape)
    return tuple(names[d] for d in ways[0]) if len(ways) == 1 else (None,) * len(shape)


def regrouped(have: tuple[int, ...], names: Names, shape: tuple[int, ...]) -> Names:
    """Names after a view: an axis that stays keeps its own, axes that are joined give 'batch·token', and come back when that is split as it was."""
    found: list[str | None] = []
    i = j = 0
    while i < len(have) and j < len(shape):
        if shape[j] == 1 != have[i]:
            found.append(None)
            j += 1
            continue
        if have[i] == 1 != shape[j]:
            i += 1
            continue
        i0, j0, a, b = i, j, have[i], shape[j]
        i, j = i + 1, j + 1
        while a != b and (i < len(have) or j < len(shape)):
            if a < b and i < len(have):
                a, i = a * have[i], i + 1
            elif a > b and j < len(shape):
                b, j = b * shape[j], j + 1
            else:
                break
        if a != b:
            break
        olds, news = names[i0:i], shape[j0:j]
        if len(olds) == len(news) == 1:
            found.append(olds[0])
        elif len(news) == 1:
            found.append("·".join(o for o in olds if o) if all(olds) else None)
        else:
            parts = "·".join(o or "" for o in olds).split("·")
            found += parts if len(parts) == len(news) and all(parts) and len(olds) == 1 and "·" in (olds[0] or "") else [None] * len(news)
    return (*found, *[None] * (len(shape) - len(found)))


def _embeddings(have: tuple[int, ...], shape: tuple[int, ...], start: int = 0) -> list[tuple[int, ...]]:
    """Ways to leave axes out of `have` that give `shape`; two are enough to know that it is not clear."""
    if not shape:
        return [()]
    found: list[tuple[int, ...]] = []
    for d in range(start, len(have) - len(shape) + 1):
        if have[d] == shape[0]:
            found += [(d, *rest) for rest in _embeddings(have, shape[1:], d + 1)]
            if len(found) > 1:
                break
    return found


def _operand(node: Node, i: int) -> Tensor | None:
    plan = node.plan
    if plan is None or node.saved.__class__ is not tuple or i not in plan.tensors:
        return None
    t = node.saved[plan.tensors.index(i)][0]
    return t if isinstance(t, Tensor) else None


def _params(node: Node) -> dict[str, Any]:
    plan = node.plan
    if plan is None or node.saved.__class__ is not tuple or not plan.others:
        return {}
    return {n: v for n, v in zip(plan.others, node.saved[-len(plan.others):], strict=True) if n in node.op.params}


def shape_words(shape: Sequence[int], names: Names | None) -> str:
    """'[batch 32, token 16, 64]'."""
    if not names or len(names) != len(shape):
        return f"[{', '.join(map(str, shape))}]"
    return "[" + ", ".join(f"{n} {s}" if n else str(s) for s, n in zip(shape, names, strict=True)) + "]"


def place_words(index: Sequence[int], names: Names | None) -> str:
    """'batch 3, token 0', or '[3, 0]' without names."""
    if not names or len(names) != len(index) or not any(names):
        return f"[{', '.join(map(str, index))}]"
    return ", ".join(f"{n or 'axis ' + str(d)} {i}" for d, (i, n) in enumerate(zip(index, names, strict=True)))
