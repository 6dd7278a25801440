"""Expressions over the parameters and metrics of runs: text that is read into a function of a run, and never run."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runs import Run

_COMPARE: dict[type, Callable[[Any, Any], Any]] = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
                                                   ast.NotEq: operator.ne, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Mod: operator.mod}
_OWN = ("name", "step", "state", "path", "began")
Reader = Callable[["Run"], Any]


def compiled(expression: str, known: set[str]) -> Reader:
    """An expression as a function of a run that gives True, False, or None where the run lacks something."""
    if len(expression) > 2000:
        raise ValueError("an expression of more than 2,000 characters is not read")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as e:
        raise ValueError(f"{expression!r} is no expression: {getattr(e, 'msg', None) or e}") from None
    return _read(tree, expression, known | set(_OWN))


def unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    return f"no run has {name!r}" + (f"; did you mean {', '.join(map(repr, near))}?" if near else f"; there are {', '.join(sorted(known)[:20]) or 'none'}")


def _tag(node: ast.AST) -> str | None:
    """A name as it is written: lr, optimizer.lr, val/loss; also as a text in quotes behind params[...] or metrics[...]."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _tag(node.value)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = _tag(node.left), _tag(node.right)
        return None if left is None or right is None else f"{left}/{right}"
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ("params", "metrics") and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return None


def _read(node: ast.AST, text: str, known: set[str]) -> Reader:
    tag = _tag(node)
    if tag is not None and (tag in known or not isinstance(node, ast.BinOp)):
        if tag not in known:
            raise KeyError(unknown(tag, known))
        return lambda r: r.get(tag)
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, (bool, int, float, str))):
        value = node.value
        return lambda r: value
    if isinstance(node, (ast.Tuple, ast.List)):
        items = [_read(n, text, known) for n in node.elts]
        return lambda r: [f(r) for f in items]
    if isinstance(node, ast.BoolOp):
        parts = [_read(n, text, known) for n in node.values]
        if isinstance(node.op, ast.And):
            return lambda r: all(f(r) is not None and bool(f(r)) for f in parts)
        return lambda r: any(bool(f(r)) for f in parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        inner = _read(node.operand, text, known)
        if isinstance(node.op, ast.Not):
            return lambda r: None if (v := inner(r)) is None else not v
        return lambda r: None if (v := inner(r)) is None else _tried(operator.neg, v)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        act, left, right = _ARITHMETIC[type(node.op)], _read(node.left, text, known), _read(node.right, text, known)
        return lambda r: None if (a := left(r)) is None or (b := right(r)) is None or isinstance(a, str) or isinstance(b, str) else _tried(act, a, b)
    if isinstance(node, ast.Compare):
        return _comparison(node, text, known)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node.args, text, known)
    raise ValueError(f"{text!r}: {ast.unparse(node)!r} cannot be said here; there are names, numbers, texts, comparisons, and, or, not, + - * / %, min, max, count, abs, like, has")


def _comparison(node: ast.Compare, text: str, known: set[str]) -> Reader:
    sides = [_read(n, text, known) for n in (node.left, *node.comparators)]
    acts = []
    for op in node.ops:
        if type(op) not in _COMPARE:
            raise ValueError(f"{text!r}: write == for {ast.unparse(node)!r}")
        acts.append(_COMPARE[type(op)])

    def test(r: Run) -> Any:
        values = [f(r) for f in sides]
        if any(v is None for v in values):
            return None
        return all(_tried(act, a, b) is True for act, a, b in zip(acts, values, values[1:], strict=False))

    return test


def _call(name: str, args: list[ast.expr], text: str, known: set[str]) -> Reader:
    if name in ("min", "max", "count") and len(args) == 1:
        tag = _tag(args[0])
        if tag is None or tag not in known:
            raise KeyError(unknown(tag or ast.unparse(args[0]), known))
        field = "n" if name == "count" else name
        return lambda r: getattr(r.metrics[tag], field) if tag in r.metrics else r.params.get(tag) if field != "n" else 0
    if name == "has" and len(args) == 1:
        wanted = _tag(args[0]) or ast.unparse(args[0])
        return lambda r: wanted in r.params or wanted in r.metrics
    if name == "like" and len(args) == 2:
        value, pattern = _read(args[0], text, known), _read(args[1], text, known)
        return lambda r: None if (v := value(r)) is None else fnmatch.fnmatchcase(str(v), str(pattern(r)))
    if name == "abs" and len(args) == 1:
        inner = _read(args[0], text, known)
        return lambda r: None if (v := inner(r)) is None else _tried(abs, v)
    raise ValueError(f"{text!r}: there is no {name}() of {len(args)} here; there are min, max, count, abs, like, has")


def _tried(act: Callable[..., Any], *values: Any) -> Any:
    """None for what cannot be computed or compared: a text with a number, a division by zero."""
    try:
        return act(*values)
    except (TypeError, ZeroDivisionError, OverflowError, ValueError):
        return None
