"""Formulas as text: the LaTeX that ops are declared with, in letters that a terminal shows."""

from __future__ import annotations

import re
import unicodedata

GAP, CELL = "\x00", "\x01"            # a wide space, and the border of a cell, until all others are counted
SYMBOLS = {
    "odot": "⊙", "cdot": "·", "times": "×", "otimes": "⊗", "oplus": "⊕", "ast": "∗", "star": "⋆", "sum": "Σ", "prod": "Π", "int": "∫", "le": "≤", "ge": "≥",
    "ne": "≠", "pm": "±", "infty": "∞", "in": "∈", "sim": "~", "neg": "¬", "wedge": "∧", "vee": "∨", "partial": "∂", "top": "ᵀ", "leftarrow": "←",
    "uparrow": "↑", "triangle": "△", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩", "mid": " | ", "ldots": "…", "cdots": "…",
    "bmod": "mod", "quad": GAP, "qquad": GAP, "lVert": "‖", "rVert": "‖", "forall": "∀", "exists": "∃", "ll": "<<", "gg": ">>", "textstyle": "", "displaystyle": "", "big": "", "Big": "", "nolimits": "", "approx": "≈", "circ": "∘", "to": "→",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "varphi": "φ", "psi": "ψ", "theta": "θ", "omega": "ω", "eta": "η", "Phi": "Φ", "Sigma": "Σ", "Gamma": "Γ", "Lambda": "Λ", "Psi": "Ψ",
    "Re": "Re", "Im": "Im", "arg": "arg",
}
APART = set("⊙·×⊗⊕∗⋆≤≥≠±∈∧∨←→≈∘") | {"mod", "<<", ">>"}
SPACES = {",": " ", ";": " ", ":": " ", "!": "", " ": " "}
WORDS = {"operatorname", "text", "mathrm", "mathbf", "mathsf", "mathcal", "mathit", "mathbin", "mathrel", "mathop", "boldsymbol"}
MARKS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307"}
RAISED = str.maketrans("0123456789+-()nikjpxyTH", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵏʲᵖˣʸᵀᴴ")
LOWERED = str.maketrans("0123456789+-()ijklmnt", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₖₗₘₙₜ")


class _Reader:
    """Reads tokens from left to right; a group is read by the call that meets its brace."""

    def __init__(self, tex: str) -> None:
        self.tokens = re.findall(r"\\[a-zA-Z]+ ?|\\.|.", tex, re.DOTALL)
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.tokens)

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def until(self, end: str) -> str:
        parts: list[str] = []
        while self.more():
            token = self.next()
            if token == end:
                break
            parts.append(self.one(token))
        return "".join(parts)

    def argument(self) -> str:
        """What a command or a script applies to: a group, a command or one letter."""
        while self.more() and self.tokens[self.at] == " ":
            self.at += 1
        return self.one(self.next()) if self.more() else ""

    def one(self, token: str) -> str:
        if token == "{":
            return self.until("}")
        if token in "^_":
            return _script(token, self.argument())
        if token == "&":
            return CELL
        if len(token) == 1:
            return token
        name = token[1:] if len(token) == 2 else token[1:].rstrip()
        if name == "\\":
            return "\n"
        if name in SPACES:
            return SPACES[name]
        if name in ("left", "right"):
            if self.more() and self.tokens[self.at] == ".":
                self.at += 1
            return ""
        if name in ("begin", "end"):
            return self._environment(self.argument())
        if name in ("frac", "tfrac", "dfrac"):
            over, under = self.argument(), self.argument()
            return f"{_tight(over)}/{_tight(under)} "
        if name == "sqrt":
            return "√" + _tight(self.argument())
        if name == "overline":
            return f"conj({self.argument()})"
        if name in MARKS:
            inside = self.argument()
            return inside + MARKS[name] if len(inside) == 1 else f"grad({inside})" if name == "bar" else inside
        if name in WORDS:
            return self._before_letter(self.argument())
        symbol = SYMBOLS.get(name)
        if symbol is None or symbol in "ΣΠ∀∃":
            return self._before_letter(symbol or name) if symbol != "" else ""
        if symbol in APART:
            return f" {symbol} "
        return symbol + " " if token[-1] == " " and self.more() and self.tokens[self.at] in "+-=" else symbol

    def _before_letter(self, word: str) -> str:
        """A word and a space, where a letter follows that would melt into it."""
        after = self.tokens[self.at].strip() if self.more() else ""
        return word + " " if re.match(r"[^\W_]|\{|\\(?!left|big|right|[,;! ]|quad)[a-zA-Z]", after) else word

    def _environment(self, kind: str) -> str:
        rows = self.until("\\end ") if "\\end " in self.tokens[self.at:] else self.until("\\end")
        self.argument()
        cells = [[c.strip() for c in row.split(CELL)] for row in rows.split("\n")]
        if kind == "cases":
            return "{" + "; ".join(" if ".join(c for c in row if c) for row in cells) + "}"
        return "[" + "; ".join(" ".join(row) for row in cells) + "]"


def _tight(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"[^\s+\-/⊙·×]+", text) or re.fullmatch(r"\w*\([^()]*\)", text) else f"({text})"


def _script(kind: str, text: str) -> str:
    text = text.strip()
    table = RAISED if kind == "^" else LOWERED
    if text and (all(ord(c) in table for c in text) or text in "ᵀᴴ"):
        return text.translate(table)
    return kind + (f"({text})" if kind == "^" and len(text) > 1 and text.isalnum() else _tight(text))


def plain(tex: str) -> str:
    r"""LaTeX of the kind that ops are written in, as text: `\frac{\bar{y}}{x}` becomes `ȳ/x`; `\\` begins a line."""
    text = _Reader(tex).until("")
    lines = (re.sub(r" *\x00 *", "   ", re.sub(r" (?=[)\],;⌋⌉⟩])|(?<=[(\[⌊⌈⟨]) ", "", re.sub(r" +", " ", line))) for line in text.split("\n"))
    return unicodedata.normalize("NFC", "\n".join(re.sub("‖ ?([^‖]*?) ?‖", r"‖\1‖", line).strip() for line in lines))
