"""What the kernel says to a page can be said in the page's language: every pattern stands in its catalogue, with the same places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapescope.core.say import Said, say, told, told_of

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "widgets/src/words"


def patterns(tree: ast.AST) -> Iterator[str]:
    """The texts that are given to `say`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def all_patterns() -> dict[str, str]:
    found = {p: path.name for path in sorted((ROOT / "kernel_lib").rglob("*.py")) for p in patterns(ast.parse(path.read_text()))}
    from tapescope.debugger.check import FREE
    from tapescope.debugger.why import BACKWARD, FORWARD

    for cases in (*BACKWARD.values(), *FORWARD.values()):
        for _, words, fix in cases:
            found |= {words: "why.py", fix: "why.py"}
    return found | dict.fromkeys(FREE.values(), "check.py") | dict.fromkeys(("op", "module", "parameter", "node"), "run_to") | dict.fromkeys(("aborted", "interrupted"), "give_up")


def catalogue() -> dict[str, str]:
    text = "\n".join(path.read_text() for path in sorted(CATALOGUE.glob("es*.ts")))
    entries = re.findall(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"): ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"),""", text, re.M)
    return {ast.literal_eval(k): ast.literal_eval(v) for k, v in entries}


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the sources of the views are not here")
def test_every_sentence_of_the_kernel_is_in_the_catalogue() -> None:
    known, said = catalogue(), all_patterns()
    assert len(known) > 600 and len(said) > 120
    assert {p: where for p, where in said.items() if p not in known} == {}
    places = lambda text: sorted(set(re.findall(r"\{\d\}", text)))  # noqa: E731
    assert [p for p in said if places(p) != places(known[p])] == []


def test_a_text_that_is_missing_would_be_found() -> None:
    assert list(patterns(ast.parse('x = say("nobody " "knows {0}", 1) or say(words)'))) == ["nobody knows {0}"]
    assert "nobody knows {0}" not in catalogue()


def test_a_sentence_is_its_text_and_remembers_how_it_was_made() -> None:
    words = say("{0} ({1} is {2} there)", say("log(0) is −∞"), "x", 0)
    assert isinstance(words, Said) and words == "log(0) is −∞ (x is 0 there)"
    assert told(words) == ["{0} ({1} is {2} there)", ["log(0) is −∞"], "x", 0]
    assert told("as it is") == "as it is"
    assert str(ValueError(words)) == words and told_of(ValueError(words)) == told(words)
    assert told_of(ValueError("text")) is None and told_of(ValueError()) is None
    assert say("braces {stay} where nothing is given") == "braces {stay} where nothing is given"
