"""One program, run with both libraries."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import tapescope as ts

ERROR = re.compile(r"\w+Error: ")
ITS_OWN = re.compile("is not a leaf|jit.script` is deprecated")     # what PyTorch warns of its own parts, once in a process


def told(lib: Any, program: str) -> list[str]:
    """What a program tells through `say`, how it ends, and what it warned of; the names of the libraries are left out."""
    lines: list[str] = []
    lib.manual_seed(1)
    space: dict[str, Any] = {"torch": lib, "nn": lib.nn, "optim": lib.optim, "data": lib.utils.data, "__name__": "__main__",
                             "say": lambda *a: lines.append(" ".join(map(str, a)))}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(program, space)
        except Exception as error:
            lines.append(f"{type(error).__name__}: {error}")
    lines += sorted({f"warned: {w.message}" for w in caught if not ITS_OWN.search(str(w.message))})
    return re.sub(r"tapescope\.|torch\.|\.modules\.\w+|__main__\.", "", "\n".join(lines)).split("\n")


def same(program: str) -> None:
    """Both tell the same; after PyTorch's words, an error of ours may add in brackets what they leave out."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    ours, theirs = told(ts, program), told(torch, program)
    assert len(ours) == len(theirs), (ours, theirs)
    for a, b in zip(ours, theirs, strict=True):
        if ERROR.match(b):
            assert a == b or a.startswith(b + " ("), (ours, theirs)
        else:
            assert a == b


@pytest.fixture
def says_the_same() -> Callable[[str], None]:
    return same
