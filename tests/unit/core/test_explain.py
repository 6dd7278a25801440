"""Every op is written down: as LaTeX, as text, and node by node with what it saved, where it comes from and where it leads."""

from __future__ import annotations

import re
from typing import Any

import pytest
from op_samples import SAMPLES, make
from test_ops import INTERNAL

import tapescope as ts
from tapescope.core.explain import formula, forward_formula, op_formula
from tapescope.core.op import _names, table
from tapescope.core.plain import plain
from tapescope.core.symbol import Symbol

OWN = {name: op for name, op in table.items() if not name.startswith("function/")}


def test_every_op_has_samples_a_formula_and_three_readings() -> None:
    """Arrays and Tensors are compared, sample by sample, in test_ops; here it is seen that no op escapes, and that every rule can be read on symbols."""
    for name, op in OWN.items():
        assert re.search("[A-Za-z]", forward_formula(op)), name
        if not op.differentiable or name in INTERNAL:
            continue
        assert SAMPLES.get(name), f"{name} has no sample"
        assert op.grad_tex or op.joint is None, f"{name} computes all gradients at once, and says nowhere which"
        if op.grad_tex is None:
            for rule in filter(None, op.vjps):
                read = rule(Symbol(r"\bar{y}"), *[Symbol(n) for n in _names(rule)])
                assert isinstance(read, Symbol), name
                assert r"\bar{y}" in read.tex, name


@pytest.mark.parametrize("name", sorted(OWN))
def test_its_text_is_free_of_latex(name: str) -> None:
    op = OWN[name]
    text = plain(forward_formula(op)) + "\n" + (plain(op_formula(op)) if op.differentiable else "")
    assert "\\" not in text
    assert not re.search(r"[\x00\x01]|textstyle|operatorname|frac|left|right\b", text.replace("upper right", "").replace("left_shift", "").replace("right_shift", ""))
    for opened, closed in ("()", "[]", "⌊⌋", "⌈⌉", "{}"):
        assert text.count(opened) == text.count(closed), text


def nodes(root: Any) -> list[Any]:
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.append(node)
            todo += node.next
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_node_explains_itself(name: str) -> None:
    for fn, inputs in SAMPLES[name]:
        out = fn(*make(inputs))
        out = out if isinstance(out, ts.Tensor) else out[0]
        for node in nodes(out.grad_fn):
            said = node.explain()
            text, marked = repr(said), said._repr_markdown_()
            assert text.startswith(node.op.node_name)
            assert "\\" not in text.split("\n  from: ")[0]
            assert formula(node) in marked
            assert node.op.node_name in marked


@pytest.mark.parametrize(("tex", "text"), [
    (r"\bar{x} = \frac{\bar{y}}{x}", "x̄ = ȳ/x"),
    (r"\bar{a} = \frac{{\bar{y}} \odot {b}}{a + b}", "ā = (ȳ ⊙ b)/(a + b)"),
    (r"x^{2} + x^{\top} - x^{-1} + x^{p - 1} + a_{12} + e^{\beta x}", "x² + xᵀ - x⁻¹ + x^(p - 1) + a₁₂ + e^(βx)"),
    (r"\bar{y} \odot \begin{cases} 1 & x > 0 \\ \alpha e^{x} & x \le 0 \end{cases}", "ȳ ⊙ {1 if x > 0; αeˣ if x ≤ 0}"),
    (r"\left\lfloor \frac{a}{b} \right\rfloor,\quad \lVert {x} \rVert_2", "⌊a/b⌋,   ‖x‖₂"),
    (r"-\log \textstyle\sum_i \sigma(x)\ \text{over all } i \\ \bar{\text{weight}} = \ln 2", "-log Σᵢ σ(x) over all i\ngrad(weight) = ln 2"),
])
def test_formulas_as_text(tex: str, text: str) -> None:
    assert plain(tex) == text


def test_a_node_in_words() -> None:
    w = ts.nn.Parameter(ts.tensor([1.0, 2.0, 3.0]))
    y = (w**3).sin()
    first, second, leaf = (n.explain() for n in nodes(y.grad_fn))
    assert repr(first).split("\n  from: ")[0] == "SinBackward0:  y = sin(x)\n    x̄ = ȳ ⊙ cos(x)\n  saved: x float32[3]"
    assert "y = (w**3).sin()" in repr(first)
    assert repr(first).endswith("gradients go to: PowBackward0")
    assert repr(second).startswith("PowBackward0:  y = xᵖ\n    x̄ = ȳ ⊙ p x^(p - 1)\n  saved: x float32[3], p = 3\n")
    assert repr(leaf) == "AccumulateGrad\n    w_grad ← w_grad + w̄\n  leaf: torch.float32 [3]"
    assert first._repr_markdown_().startswith(r"$$\begin{gathered}y = \sin({x})\\ \bar{x} = {\bar{y}} \odot {\cos({x})}\end{gathered}$$")


def test_what_is_gone_or_changed_is_said() -> None:
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = y.sin()
    y.mul_(2)
    assert "changed in place since" in repr(z.grad_fn.explain())
    u = x.exp().sum()
    u.backward()
    assert "nothing any more: a backward pass has used it" in repr(u.grad_fn.next[0].explain())


def test_a_function_of_ones_own_explains_itself() -> None:
    class Twice(ts.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    y = Twice.apply(ts.ones(2, requires_grad=True))
    assert repr(y.grad_fn.explain()).startswith("TwiceBackward:  y = Twice(x)\n    Twice.backward(ȳ)\n")
