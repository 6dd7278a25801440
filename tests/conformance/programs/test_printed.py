"""Programs as a tutorial has them: with nothing changed but the import, they print what they print with PyTorch, letter for letter."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from program import same_chance

from tapescope.core.printing import set_printoptions

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
    assert ours == theirs
    assert len(ours) > 30
