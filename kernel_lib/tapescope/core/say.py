"""Sentences that a page may say in another language: English text that remembers its pattern and what stands in its places."""

from __future__ import annotations

import re
from typing import Any


class Said(str):
    """A sentence. It is its English text, to print and to raise; `pattern` and `given` are what a page's catalogue needs."""

    __slots__ = ("given", "pattern")

    pattern: str
    given: tuple[Any, ...]


def say(pattern: str, *given: Any) -> Said:
    """`say("ran to {0} {1}", kind, name)`. What is given may be said itself; numbers come as they shall be read."""
    made = Said(re.sub(r"\{(\d)\}", lambda m: str(given[int(m[1])]), pattern) if given else pattern)
    made.pattern, made.given = pattern, given
    return made


def told(text: Any) -> Any:
    """As the wire has it: `[pattern, given ...]` of what was said, else the text itself."""
    return [text.pattern, *map(told, text.given)] if isinstance(text, Said) else text if isinstance(text, (int, float)) else str(text)


def heard(text: Any) -> Any:
    """What `told` made, as it was: read from a file, say."""
    return say(str(text[0]), *map(heard, text[1:])) if isinstance(text, list) and text else text


def telling(**texts: Any) -> dict[str, Any]:
    """Texts as JSON, and under `said` those that were said, as the wire has them."""
    return {**{name: str(text) if isinstance(text, str) else text for name, text in texts.items()}, "said": {name: told(text) for name, text in texts.items() if isinstance(text, Said)}}


def told_of(error: BaseException) -> Any:
    """The sentence of an exception, where it was said; None where it is text alone."""
    first = error.args[0] if error.args else None
    return told(first) if isinstance(first, Said) else None
