"""einsum: sums of products by index letters."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from . import linalg as la
from . import pointwise as pw
from . import shape
from .api_reduce import sum


def _sublists(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation of einsum(x, [0, 1], y, [1, 2], [0, 2]): numbers become letters."""
    ops, terms = list(args[:-1:2]) if len(args) % 2 else list(args[::2]), list(args[1::2])
    result = args[-1] if len(args) % 2 else None

    def letters(numbers: Any) -> str:
        out = ""
        for k in numbers:
            if k is Ellipsis:
                out += "..."
            elif not 0 <= k < 52:
                raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
            else:
                out += chr(65 + k) if k < 26 else chr(71 + k)
        return out
    return ",".join(map(letters, terms)) + ("" if result is None else "->" + letters(result)), ops


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products by index letters, e.g. "bij,bjk->bik"; or by numbers, einsum(x, [0, 1], y, [1, 2], [0, 2]).

    Composed of permute, reshape and bmm, two operands at a time from the left, so that each step has its node.
    """
    if isinstance(equation, Tensor):
        equation, operands = _sublists((equation, *operands))  # type: ignore[assignment]
    ops = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    for i, c in enumerate(equation.replace("->", ",,").replace("...", ",,,")):
        if c == ".":
            where = "output that is not part of any ellipsis (...)" if 0 <= equation.find("->") < i else f"operand {equation[:i].count(',')} that is not part of any ellipsis"
            raise RuntimeError("einsum(): found '.' for " + where)
        if not (c.isascii() and c.isalpha()) and c not in ", ":
            raise RuntimeError(f"einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]")
    equation = equation.replace(" ", "")
    left, _, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ops):
        raise RuntimeError("einsum(): " + ("fewer" if len(terms) > len(ops) else "more") + " operands were provided than specified in the equation")
    free = max((o._array.ndim - len(t.replace("...", "")) for t, o in zip(terms, ops, strict=True) if "..." in t), default=0)
    letters = [chr(c) for c in range(0x391, 0x391 + free)]
    fixed: list[str] = []
    for i, (term, o) in enumerate(zip(terms, ops, strict=True)):
        own = o._array.ndim - len(term.replace("...", ""))
        whole = term.replace("...", "".join(letters[free - own:]) if own > 0 else "")
        if len(whole) != o._array.ndim:
            raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(whole)}) does not match the number of dimensions "
                               f"({o._array.ndim}) for operand {i} and no ellipsis was given")
        fixed.append(whole)
    if "->" in equation:
        out = right.replace("...", "".join(letters))
    else:
        every = "".join(fixed)
        out = "".join(letters) + "".join(sorted(c for c in set(every) - set(letters) if every.count(c) == 1))
    sizes: dict[str, int] = {}
    for i, (term, o) in enumerate(zip(fixed, ops, strict=True)):
        for d, c in enumerate(term):
            s = o._array.shape[d]
            if sizes.get(c, 1) not in (1, s) and s != 1:
                raise RuntimeError(f"einsum(): subscript {c} has size {s} for operand {i} which does not broadcast with previously seen size {sizes[c]}")
            sizes[c] = sizes.get(c, 1) if s == 1 else s
    for c in out:
        if out.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
        if c not in sizes:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    rest = [c for c in letters if c not in out] + sorted({c for t in fixed for c in t} - set(out) - set(letters))
    order = out + "".join(rest)
    lifted = [_lifted(t, o, order) for t, o in zip(fixed, ops, strict=True)]
    if len(lifted) == 1:
        return sum(lifted[0], list(range(len(out), len(order)))) if rest else lifted[0]
    left_over = [builtins.sum(t._array.shape[d] != 1 for t in lifted) for d in range(len(order))]
    result = lifted[0]
    for other in lifted[1:]:
        result = _contract(result, other, len(out), left_over)
    return shape.view(result, result._array.shape[:len(out)]) if rest else result


def _lifted(term: str, t: Tensor, order: str) -> Tensor:
    """An operand with one dimension for every letter, in this order; of repeated letters the diagonal."""
    while len(set(term)) < len(term):
        j = next(k for k, c in enumerate(term) if c in term[:k])
        i = term.index(term[j])
        t = shape.diagonal(t, 0, i, j)
        term = term[:j] + term[j + 1:]
        last = len(term) - 1
        t = shape.permute(t, (*range(i), last, *range(i, last)))
    for c in order:
        if c not in term:
            t = shape.unsqueeze(t, t._array.ndim)
            term += c
    return shape.permute(t, tuple(term.index(c) for c in order))


def _contract(a: Tensor, b: Tensor, kept: int, left_over: list[int]) -> Tensor:
    """Two operands into one. A dimension that is not kept is summed by bmm where both still have it and no later operand has, and at once where only one has."""
    both: list[int] = []
    alone: tuple[list[int], list[int]] = [], []
    for d in range(kept, a._array.ndim):
        p, q = a._array.shape[d] != 1, b._array.shape[d] != 1
        if p and q:
            left_over[d] -= 1
            if left_over[d] == 1:
                both.append(d)
        elif (p or q) and left_over[d] == 1:
            alone[q].append(d)
    a, b = [sum(t, dims, keepdim=True) if dims else t for t, dims in zip((a, b), alone, strict=True)]
    if not both:
        return pw.mul(a, b)
    own = [d for d in range(a._array.ndim) if d not in both]
    batch, of_a = [[d for d in own if a._array.shape[d] != 1 and (b._array.shape[d] != 1) is there] for there in (True, False)]
    of_b = [d for d in own if a._array.shape[d] == 1]
    size = {d: (b if a._array.shape[d] == 1 else a)._array.shape[d] for d in own} | dict.fromkeys(both, 1)

    def n(t: Tensor, dims: list[int]) -> int:
        return int(np.prod([t._array.shape[d] for d in dims])) if dims else 1
    x = shape.reshape(shape.permute(a, (*batch, *of_a, *both, *of_b)), (n(a, batch), n(a, of_a), n(a, both)))
    y = shape.reshape(shape.permute(b, (*batch, *both, *of_b, *of_a)), (n(b, batch), n(b, both), n(b, of_b)))
    order = [*batch, *of_a, *both, *of_b]
    product = shape.view(la.bmm(x, y), tuple(size[d] for d in order))
    return shape.permute(product, tuple(order.index(d) for d in range(len(order))))


__all__ = ["einsum"]
