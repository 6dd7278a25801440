"""A node's derivative written down: its vjps run on symbols, or the text its op was declared with; as LaTeX, and as text."""

from __future__ import annotations

from typing import Any

from .node import AccumulateGrad, Freed, Node
from .op import Op, _names
from .plain import plain
from .site import resolve
from .symbol import Symbol

# How operands are written where PyTorch's signature says little.
LETTERS = {"input": "x", "other": "b", "weight": "W", "bias": "b", "target": "t"}


def formula(node: Node) -> str:
    """What backward computes at this node, one line per operand, with `\\bar{y}` for the gradient that comes in."""
    if isinstance(node, AccumulateGrad):
        return r"w_{\text{grad}} \leftarrow w_{\text{grad}} + \bar{w}"
    return op_formula(node.op, tuple(n is not None for n in node.next))


def op_formula(op: Op, needs: tuple[bool, ...] | None = None) -> str:
    """The vjps of an op as LaTeX."""
    if op.grad_tex is not None:
        return op.grad_tex
    needs = tuple(v is not None for v in op.vjps) if needs is None else needs
    lines = []
    for i, (rule, wanted) in enumerate(zip(op.vjps, needs, strict=False)):
        if not wanted or rule is None:
            continue
        name = op.operands[i] if i < len(op.operands) else f"x_{i}"
        values = [Symbol(LETTERS.get(n, n) if len(n) == 1 or n in LETTERS else rf"\text{{{n.replace('_', ' ')}}}") for n in _names(rule)]
        result = rule(Symbol(r"\bar{y}"), *values)
        lines.append(rf"\bar{{{LETTERS.get(name, name)}}} = {result.tex if isinstance(result, Symbol) else result}")
    return r" \\ ".join(lines)


def forward_formula(op: Op) -> str:
    """The op in its own notation."""
    return "y = " + op.tex


class Explanation:
    """A node written out: what its op computes, its derivative, what it has saved, where it comes from and where its gradients go.

    It prints as text, and as mathematics in a notebook; `forward` and `backward` are LaTeX.
    """

    def __init__(self, node: Node) -> None:
        self.name = node.op.node_name
        self.forward = "" if isinstance(node, AccumulateGrad) else forward_formula(node.op)
        self.backward = formula(node)
        self.facts = [f"{what}: {said}" for what, said in _facts(node)]

    def __repr__(self) -> str:
        lines = [f"{self.name}{':  ' + plain(self.forward) if self.forward else ''}"]
        return "\n".join([*lines, *("    " + line for line in plain(self.backward).split("\n")), *("  " + fact for fact in self.facts)])

    def _repr_markdown_(self) -> str:
        formulas = r"\\ ".join(f for f in (self.forward, self.backward) if f)
        facts = "\n".join([self.name, *("  " + fact for fact in self.facts)])
        return f"$$\\begin{{gathered}}{formulas}\\end{{gathered}}$$\n\n```text\n{facts}\n```"


def _facts(node: Node) -> list[tuple[str, str]]:
    facts = []
    site = resolve(node.site)
    if isinstance(node, AccumulateGrad):
        t = node.variable
        facts.append(("leaf", f"{t.name + ' ' if t.name else ''}{t.dtype} {list(t._array.shape)}"))
    elif node.saved.__class__ is Freed:
        facts.append(("saved", "nothing any more: a backward pass has used it"))
    elif node.plan is not None and node.plan.names:
        facts.append(("saved", _kept(node)))
    if site is not None:
        facts.append(("from", str(site)))
    goes = [(n.op.node_name + (f" of {n.variable.name}" if n.variable.name else "") if isinstance(n, AccumulateGrad) else n.op.node_name) for n in node.next if n is not None]
    if goes:
        facts.append(("gradients go to", ", ".join(goes)))
    return facts


def _kept(node: Node) -> str:
    from .saved import arrays

    try:
        values = arrays(node)
    except RuntimeError:
        return "values that have been changed in place since: a backward pass will refuse them"
    return ", ".join(f"{LETTERS.get(n, n)} {_brief(v)}" for n, v in zip(node.plan.names, values, strict=True) if not n.endswith("_shape")) or "shapes only"


def _brief(v: Any) -> str:
    if hasattr(v, "dtype") and hasattr(v, "shape"):
        return f"{v.dtype}{list(v.shape)}" if v.shape else f"= {v.item():.6g}" if v.dtype.kind in "fiu" and hasattr(v, "item") else str(v.dtype)
    if isinstance(v, (tuple, list)) and any(hasattr(x, "dtype") for x in v):
        return "(" + ", ".join(_brief(x) for x in v) + ")"
    return f"= {v!r}" if not callable(v) else getattr(v, "__name__", "a function")
