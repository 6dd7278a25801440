"""A node's derivative as LaTeX: its vjps run on symbols, or the text its op was declared with."""

from __future__ import annotations

from .node import AccumulateGrad, Node
from .op import Op, _names
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
