"""Why an op makes values that are not finite, and what helps: told by the op and the operand there, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.say import Said, say

Told = tuple[Said, Said]           # why, and what to do

_EPS = "add a small number before it (x + 1e-8), or clamp(min=1e-8)"
_LOSS = "use the loss that takes logits (cross_entropy, binary_cross_entropy_with_logits)"

# op: (what is wrong with an operand, its words, what to do); the first that holds for the operand at the place is told.
_Case = tuple[Callable[[float], bool], str, str]
_ZERO, _NEGATIVE, _ONE = (lambda x: x == 0), (lambda x: x < 0), (lambda x: abs(x) == 1)

BACKWARD: dict[str, list[_Case]] = {
    "sqrt": [(_ZERO, "the derivative 1 / (2 √x) is infinite at x = 0", _EPS)],
    "rsqrt": [(_ZERO, "the derivative −1 / (2 x√x) is infinite at x = 0", _EPS)],
    "log": [(_ZERO, "the derivative 1 / x is infinite at x = 0", _EPS)],
    "log2": [(_ZERO, "the derivative 1 / (x ln 2) is infinite at x = 0", _EPS)],
    "log10": [(_ZERO, "the derivative 1 / (x ln 10) is infinite at x = 0", _EPS)],
    "log1p": [(lambda x: x == -1, "the derivative 1 / (1 + x) is infinite at x = −1", "keep x above −1")],
    "reciprocal": [(_ZERO, "the derivative −1 / x² is infinite at x = 0", _EPS)],
    "div": [(_ZERO, "the divisor is 0, and the derivatives 1 / b and −a / b² with it", "add a small number to the divisor")],
    "pow": [(_ZERO, "the derivative p x^(p−1) is infinite at x = 0 for p < 1", _EPS), (_NEGATIVE, "a power of a negative number with a fraction for exponent is NaN", "take the absolute value first")],
    "norm": [(_ZERO, "the derivative x / ‖x‖ is 0 / 0 where all of x is 0", "add a small number under the root: (x * x).sum().add(1e-12).sqrt()")],
    "std": [(_ZERO, "the derivative (x − μ) / (n σ) is 0 / 0 where all values are alike", "add a small number to the variance and take its root")],
    "asin": [(_ONE, "the derivative 1 / √(1 − x²) is infinite at x = ±1", "clamp(-1 + 1e-6, 1 - 1e-6)")],
    "acos": [(_ONE, "the derivative −1 / √(1 − x²) is infinite at x = ±1", "clamp(-1 + 1e-6, 1 - 1e-6)")],
    "atan2": [(_ZERO, "at (0, 0) the angle has no derivative", "add a small number to one of both")],
    "exp": [(lambda x: x > 80, "the derivative is exp(x) itself, which is beyond the largest number", "subtract the largest x first, as softmax and logsumexp do")],
    "binary_cross_entropy": [(lambda x: x in (0.0, 1.0), "the derivative is infinite at p = 0 and p = 1", _LOSS)],
}

FORWARD: dict[str, list[_Case]] = {
    "log": [(_ZERO, "log(0) is −∞", _EPS), (_NEGATIVE, "the logarithm of a negative number is NaN", "clamp(min=1e-8)")],
    "log2": [(_ZERO, "log2(0) is −∞", _EPS), (_NEGATIVE, "the logarithm of a negative number is NaN", "clamp(min=1e-8)")],
    "log10": [(_ZERO, "log10(0) is −∞", _EPS), (_NEGATIVE, "the logarithm of a negative number is NaN", "clamp(min=1e-8)")],
    "log1p": [(lambda x: x <= -1, "log(1 + x) is not finite at x ≤ −1", "keep x above −1")],
    "sqrt": [(_NEGATIVE, "the root of a negative number is NaN", "clamp(min=0)")],
    "rsqrt": [(_ZERO, "1 / √0 is ∞", _EPS), (_NEGATIVE, "the root of a negative number is NaN", "clamp(min=1e-8)")],
    "div": [(_ZERO, "it divides by 0", "add a small number to the divisor")],
    "reciprocal": [(_ZERO, "1 / 0 is ∞", _EPS)],
    "pow": [(_ZERO, "a negative power of 0 is ∞", _EPS), (_NEGATIVE, "a power of a negative number with a fraction for exponent is NaN", "take the absolute value first")],
    "exp": [(lambda x: x > 80, "exp(x) is beyond the largest number above x ≈ 88.7 (float32)", "subtract the largest x first, as softmax and logsumexp do")],
    "exp2": [(lambda x: x > 120, "2^x is beyond the largest number above x = 128 (float32)", "subtract the largest x first")],
    "expm1": [(lambda x: x > 80, "exp(x) is beyond the largest number above x ≈ 88.7 (float32)", "subtract the largest x first")],
    "asin": [(lambda x: abs(x) > 1, "asin is not defined beyond ±1", "clamp(-1, 1)")],
    "acos": [(lambda x: abs(x) > 1, "acos is not defined beyond ±1", "clamp(-1, 1)")],
    "sinh": [(lambda x: abs(x) > 80, "sinh(x) is beyond the largest number", "scale x down")],
    "cosh": [(lambda x: abs(x) > 80, "cosh(x) is beyond the largest number", "scale x down")],
}


def why(op: str, direction: str, operands: list[tuple[str, Any]], largest: float, kind: str) -> Told:
    """Why op made what is not finite, from its operands (name, values at the place where it did)."""
    label = op.removesuffix("_scalar").removesuffix("_all")
    for holds, words, fix in (BACKWARD if direction == "backward" else FORWARD).get(label, ()):
        for name, values in operands:
            hit = [v for v in _numbers(values) if v == v and holds(v)]
            if hit and not (label == "div" and name == operands[0][0] and len(operands) > 1):
                return say("{0} ({1} is {2} there)", say(words), name, f"{hit[0]:.4g}"), say(fix)
    if largest > 1e15:
        return say("a product or sum of numbers as large as {0} is beyond the largest number", f"{largest:.2g}"), say("look at where the range first jumped; scale down, normalise, or clip")
    made = say("NaN") if kind == "nan" else say("an infinity") if kind == "inf" else say("far larger numbers")
    return (say("its derivative gives {0} from these operands", made) if direction == "backward" else say("it gives {0} from these operands", made),
            say("look at its operands; a smaller learning rate or gradient clipping often helps"))


def _numbers(values: Any) -> list[float]:
    return [float(v) for v in np.asarray(values, np.float64).reshape(-1)[:64]] if values is not None else []
