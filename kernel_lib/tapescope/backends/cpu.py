"""`torch.backends.cpu`."""

from __future__ import annotations

from typing import Any

import numpy as np


def get_cpu_capability() -> str:
    """The widest vector instructions that NumPy uses: "AVX512", "AVX2" or "DEFAULT"."""
    config: Any = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {})
    found = [*simd.get("baseline", ()), *simd.get("found", ())]
    if any(name.startswith(("AVX512_SKX", "X86_V4")) for name in found):
        return "AVX512"
    return "AVX2" if any(name.startswith(("AVX2", "X86_V3")) for name in found) else "DEFAULT"
