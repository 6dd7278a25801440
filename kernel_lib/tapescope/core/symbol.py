"""Symbols: what a vjp is run on to write itself down as LaTeX."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op

# How tightly an expression binds; a looser one inside a tighter one gets parentheses.
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
_BINDS = {"add": SUM, "sub": SUM, "neg": SUM, "mul": PRODUCT, "matmul": PRODUCT, "mm": PRODUCT, "div": ATOM, "pow": POWER, "outer": PRODUCT}


class Symbol:
    """A piece of LaTeX with its binding strength; every op of the table accepts it."""

    __array_ufunc__ = None
    __slots__ = ("binds", "tex")

    def __init__(self, tex: str, binds: int = ATOM) -> None:
        self.tex = tex
        self.binds = binds

    @staticmethod
    def of_op(op: Op, operands: tuple[Any, ...], params: tuple[Any, ...]) -> Symbol:
        """The op written in its own notation, over operands and parameters."""
        binds = _BINDS.get(op.name, ATOM)
        prefix = re.match(r"\\[a-zA-Z]+ \{", op.tex) is not None     # "\sin {x}" binds its argument like a product
        names = dict(zip(op.operands, operands, strict=False))
        names.update(zip(op.params, params, strict=False))
        if op.variadic:
            names = {"x": Symbol(",\\,".join(as_tex(o) for o in operands), SUM)}

        def fill(match: re.Match[str]) -> str:
            value = names.get(match[1])
            if value is None:
                return match[0]
            inside = value if isinstance(value, Symbol) else Symbol(as_tex(value), SUM if str(value).startswith("-") else ATOM)
            second = match[1] == op.operands[-1] and len(op.operands) > 1
            loose = inside.binds < binds or (op.name == "sub" and second and inside.binds == SUM) or (
                op.name == "pow" and not second and inside.binds < ATOM) or (prefix and inside.binds < ATOM)
            if binds == ATOM and not prefix:
                loose = False                                        # \frac{..}{..}, functions with their own brackets
            return rf"\left({inside.tex}\right)" if loose else inside.tex

        tex = re.sub(r"\{([a-z_]+)\}", lambda m: "{" + fill(m) + "}" if m[1] in names else m[0], op.tex)
        return Symbol(tex, binds if not prefix else PRODUCT)

    if TYPE_CHECKING:          # attached by ops.methods

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        return self.tex

    # A symbol is opaque to Python: shape questions in a vjp are answered by writing them down.
    @property
    def shape(self) -> Symbol:
        return Symbol(rf"\operatorname{{shape}}({self.tex})")

    @property
    def mT(self) -> Symbol:
        return Symbol(rf"{self._tight()}^{{\top}}", POWER)

    @property
    def T(self) -> Symbol:
        return self.mT

    def _tight(self) -> str:
        return self.tex if self.binds == ATOM else rf"\left({self.tex}\right)"


# What numbers in a rule stand for.
_NAMED = {math.log(2): r"\ln 2", math.log(10): r"\ln 10", 2 / math.sqrt(math.pi): r"\tfrac{2}{\sqrt{\pi}}", math.pi / 180: r"\tfrac{\pi}{180}",
          180 / math.pi: r"\tfrac{180}{\pi}"}


def as_tex(value: Any) -> str:
    """A parameter as LaTeX: numbers without a trailing .0, tuples in parentheses."""
    if isinstance(value, Symbol):
        return value.tex
    if isinstance(value, float) and value in _NAMED:
        return _NAMED[value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(as_tex(v) for v in value) + ")"
    if isinstance(value, (int, float)):
        return repr(value)
    return rf"\text{{{value}}}"
