"""The worked examples of ARCHITECTURE.md and the lines of the README run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str, after: str) -> list[str]:
    return BLOCK.findall((ROOT / name).read_text(encoding="utf-8").partition(after)[2])


EXAMPLES = [*blocks("ARCHITECTURE.md", "## Where a new thing goes"), *blocks("README.md", "# Tapescope")]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("source", EXAMPLES)
def test_example(source: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
