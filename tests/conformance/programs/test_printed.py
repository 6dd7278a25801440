"""Programs as a tutorial has them: with nothing changed but the import, they print what they print with PyTorch, letter for letter."""

from __future__ import annotations

import contextlib
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from program import same_chance

from tapescope.core.printing import set_printoptions

DECIMAL = re.compile(r"-?\d+\.\d+")
PRINTED = sorted((Path(__file__).parent / "printed").glob("*.py"))
IMPORTS = [(r"^import torch$", "import {0} as torch"), (r"^import torch\.([\w.]+) as", r"import {0}.\1 as"), (r"^from torch\b", "from {0}")]


def with_import_of(library: str, source: str) -> str:
    for pattern, put in IMPORTS:
        source = re.sub(pattern, put.format(library), source, flags=re.MULTILINE)
    return source


def printed(library: str, path: Path) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(with_import_of(library, path.read_text(encoding="utf-8")), str(path), "exec"), {"__name__": "__main__"})
    return out.getvalue().split("\n")


def test_only_the_import_is_changed() -> None:
    source = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom torch.utils.data import DataLoader\nx = 'import torch'\n"
    assert with_import_of("tapescope", source) == (
        "import tapescope as torch\nimport tapescope.nn.functional as F\nfrom tapescope import nn\nfrom tapescope.utils.data import DataLoader\nx = 'import torch'\n")
    for path in PRINTED:
        assert with_import_of("torch", path.read_text(encoding="utf-8")).replace("import torch as torch", "import torch") == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PRINTED, ids=[p.stem for p in PRINTED])
def test_it_prints_what_it_prints_with_pytorch(path: Path) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    if re.search("Dropout|multinomial|gumbel", path.read_text(encoding="utf-8")) and not same_chance(torch):
        pytest.skip("on this processor PyTorch draws dropout and choices with MKL's generator, which is nobody else's")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, theirs = printed("tapescope", path), printed("torch", path)
    finally:
        torch.set_num_threads(threads)
        for reset in (set_printoptions, torch.set_printoptions):
            reset(profile="default")
    if re.search(r"\.step\(\)", path.read_text(encoding="utf-8")):
        ours = [settled(mine, its) for mine, its in zip(ours, theirs, strict=True)]
    assert ours == theirs
    assert len(ours) > 30


def settled(mine: str, its: str) -> str:
    """Our line, with PyTorch's last digit where a decimal differs by no more than one of it: after hundreds of steps the order in which a processor adds may turn the rounding."""
    theirs = iter(DECIMAL.findall(its))

    def put(found: re.Match[str]) -> str:
        other, digits = next(theirs, ""), len(found[0].partition(".")[2])
        same = len(other.partition(".")[2]) == digits and abs(Decimal(other) - Decimal(found[0])) <= Decimal(1).scaleb(-digits)
        return other if same else found[0]

    return DECIMAL.sub(put, mine)


def test_only_the_last_digit_is_settled() -> None:
    assert settled("49 2642.58 a 1.500", "49 2642.57 a 1.500") == "49 2642.57 a 1.500"
    assert settled("49 2642.59", "49 2642.57") == "49 2642.59"
    assert settled("50 2642.58", "49 2642.58") == "50 2642.58"
    assert settled("2642.6", "2642.58") == "2642.6"
