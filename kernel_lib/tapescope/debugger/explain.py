"""A node written out: its formulas with the real numbers in them, what is broadcast and summed, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.explain import forward_formula
from ..core.node import AccumulateGrad
from ..core.plain import plain
from ..core.say import say
from ..core.tensor import Tensor, wrap
from .axes import shape_words

if TYPE_CHECKING:
    from .look import At

ROWS = COLUMNS = 6                 # a tensor up to this size is written as a matrix


class Explanation:
    """`text` is what a terminal shows; a notebook sets the formulas and small tensors as mathematics."""

    def __init__(self, at: At) -> None:
        self.at = at
        self.forward, self.backward = forward_formula(at.node.op), at.formula
        self.rule = at.rule
        self.values = _values(at)
        self.numbers = repr(at)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"forward": self.forward, "derivative": self.backward, "text": repr(self), "words": self.rule or self.at.name}

    def __repr__(self) -> str:
        back = plain(self.backward).replace("\n", "\n            ")
        lines = [f"forward:    {plain(self.forward)}", f"derivative: {back}"]
        lines += [f"shapes:     {self.rule}"] if self.rule else []
        for name, value in self.values:
            lines += _text(name, value, self.at)
        return "\n".join([*lines, self.numbers])

    def _repr_markdown_(self) -> str:
        parts = [f"$$\\begin{{gathered}}{self.forward}\\\\ {self.backward}\\end{{gathered}}$$"]
        small = [(n, v) for n, v in self.values if _small(v)]
        if small:
            parts.append("$$\\begin{gathered}" + "\\\\ ".join(f"{_tex(n)} = {matrix_tex(v)}" for n, v in small) + "\\end{gathered}$$")
        if self.rule:
            parts.append(self.rule)
        return "\n\n".join([*parts, f"```text\n{self.numbers}\n```"])


def _values(at: At) -> list[tuple[str, Any]]:
    """What comes in, what is saved, what goes out, by the letters of the formula."""
    found: list[tuple[str, Any]] = []
    many = len(at.grad_in) > 1
    found += [(f"ȳ{i if many else ''}", _array(g)) for i, g in enumerate(at.grad_in) if g is not None]
    found += [(n, _array(v)) for n, v in at.saved.items() if isinstance(v, Tensor)]
    if not isinstance(at.node, AccumulateGrad) and not at.own_code:
        names = at.node.op.operands if at.node.plan is not None and not at.node.op.variadic else [f"x{i}" for i in range(len(at.node.next))]
        found += [(f"{n}̄", _array(g)) for n, g in zip(names, at.grad_out, strict=False) if g is not None]
    return found


def _array(t: Any) -> Any:
    a = t._array
    return a if isinstance(a, np.ndarray) else a.get()


def _small(a: Any) -> bool:
    return a.ndim <= 2 and a.size > 0 and (a.shape[-1] if a.ndim else 1) <= COLUMNS and (a.shape[0] if a.ndim == 2 else 1) <= ROWS


def _text(name: str, a: Any, at: At) -> list[str]:
    from .summary import one_line

    head = f"  {name:>8} = "
    if not _small(a):
        return [head + one_line(wrap(a))]
    return [head + line if i == 0 else " " * 13 + line for i, line in enumerate(matrix(a))]


def matrix(a: Any) -> list[str]:
    """A small array as aligned lines: '[ 0.5  -1 ]'."""
    a = np.asarray(a)
    if a.ndim == 0:
        return [_number(a[()])]
    rows = [[_number(v) for v in row] for row in np.atleast_2d(a)]
    wide = [max(len(r[c]) for r in rows) for c in range(len(rows[0]))] if rows else []
    return ["[ " + "  ".join(v.rjust(w) for v, w in zip(r, wide, strict=True)) + " ]" for r in rows]


def matrix_tex(a: Any) -> str:
    """The same as LaTeX."""
    a = np.asarray(a)
    if a.ndim == 0:
        return _number_tex(a[()])
    return r"\begin{bmatrix}" + r"\\ ".join(" & ".join(_number_tex(v) for v in row) for row in np.atleast_2d(a)) + r"\end{bmatrix}"


def _number(v: Any) -> str:
    return f"{v:.4g}" if np.asarray(v).dtype.kind in "fc" else str(v)


def _number_tex(v: Any) -> str:
    text = _number(v)
    if text in ("nan", "inf", "-inf"):
        return {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}[text]
    if "e" in text and np.asarray(v).dtype.kind == "f":
        base, _, power = text.partition("e")
        return rf"{base} \cdot 10^{{{int(power)}}}"
    return text


def _tex(name: str) -> str:
    if name.endswith("̄"):                                       # a bar over what is before it
        return rf"\bar{{{name[:-1]}}}"
    return rf"\bar{{y}}{'_{' + name[2:] + '}' if name[2:] else ''}" if name.startswith("ȳ") else name if len(name) == 1 else rf"\text{{{name.replace('_', ' ')}}}"


def rule(at: At) -> str:
    """What happens to shapes: which operand was broadcast, and over which dimensions its gradient is summed."""
    node = at.node
    if isinstance(node, AccumulateGrad) or node.plan is None:
        return ""
    g = at._stop.grads
    if len(g) != 1 or g[0] is None:
        return ""
    axes = at._dbg.axes
    shape = tuple(g[0].shape)
    told = []
    for i, m in enumerate(node.next):
        if m is None or node.op.variadic:
            continue
        have = tuple(m.shape) if not node.nrs[i] or m.extra is None or m.extra.outs is None else tuple(m.extra.outs[node.nrs[i]][0])
        name = node.op.operands[i] if i < len(node.op.operands) else f"x{i}"
        names = axes.operand(node, i)
        if have == shape or not _elementwise(node, have, shape):
            if node.op.name.startswith(("sum", "mean")) and have != shape:
                told.append(say("every element of {0} {1} gets the gradient {2} that it was summed into", name, shape_words(have, names), shape_words(shape, axes.of(node))))
            continue
        lead = len(shape) - len(have)
        dims = [*range(lead), *[j + lead for j, s in enumerate(have) if s == 1 and shape[j + lead] != 1]]
        where = axes.of(node)
        said = ", ".join((where[d] if where is not None and where[d] else None) or str(d) for d in dims)
        told.append(say("{0} {1} was broadcast to {2}: its gradient is summed over {3}", name, shape_words(have, names), shape_words(shape, where),
                        say("axes {0}", said) if len(dims) > 1 else say("axis {0}", said)))
    found = ""
    for one in told:
        found = say("{0}; {1}", found, one) if found else one
    return found


def _elementwise(node: Any, have: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an operand of this shape was broadcast to the result's."""
    if node.op.view and not node.op.name.startswith(("expand", "broadcast")):
        return False
    lead = len(shape) - len(have)
    return lead >= 0 and all(s in (1, shape[j + lead]) for j, s in enumerate(have)) and node.op.name not in ("mm", "matmul", "bmm", "linear", "dot", "mv", "outer", "embedding", "index", "index_select")
