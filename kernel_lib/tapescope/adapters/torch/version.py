"""Which PyTorch the adapter can listen to."""

from __future__ import annotations

import torch

OLDEST = (2, 6)                    # torch.compiler.set_stance, and what nodes of the graph tell of themselves


def check(version: str | None = None) -> None:
    """Raises ImportError for a PyTorch that is too old, naming the range."""
    found = version or str(torch.__version__)
    numbers = tuple(int(p) for p in found.split("+")[0].split(".")[:2])
    if numbers < OLDEST:
        raise ImportError(f"tapescope.adapters.torch listens to PyTorch {'.'.join(map(str, OLDEST))} and newer (it is tested with 2.6, 2.13 and 2.14); this is {found}: "
                          "pip install --upgrade torch")
