"""`torch.backends.mkl`."""

from __future__ import annotations

import numpy as np


def is_available() -> bool:
    """Whether NumPy multiplies with MKL."""
    config = getattr(np, "__config__", None)
    found = getattr(config, "CONFIG", {}).get("Build Dependencies", {}).get("blas", {}).get("name", "")
    return "mkl" in str(found).lower()
