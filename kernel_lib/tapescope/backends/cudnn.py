"""`torch.backends.cudnn`: CuPy has no cuDNN; what is set here is kept and changes nothing. Results are the same from run to run anyway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

enabled, deterministic, benchmark, allow_tf32, benchmark_limit = True, False, False, True, None


def is_available() -> bool:
    """There is no cuDNN."""
    return False


def version() -> int | None:
    """There is no cuDNN."""
    return None


@contextlib.contextmanager
def flags(enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False, allow_tf32: bool = True) -> Iterator[None]:
    """A region with other switches."""
    new = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit, "deterministic": deterministic, "allow_tf32": allow_tf32}
    before = {name: globals()[name] for name in new}
    globals().update(new)
    try:
        yield
    finally:
        globals().update(before)
