"""`torch.autograd.anomaly_mode`: NaN in a backward pass becomes an error that names the forward line."""

from __future__ import annotations

import warnings
from typing import Any

from ..core.packed import Anomaly, Before
from ..core.state import mode, set_sink


def _installed() -> Anomaly | None:
    sink = mode.sink
    while isinstance(sink, Before):
        if isinstance(sink, Anomaly):
            return sink
        sink = sink.inner
    return None


class detect_anomaly:
    """Within it, every op remembers the traceback of the call that made it, and backward raises where a node gives NaN.

    It costs what the tracebacks cost; the line alone is in every error without it.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._before: list[Anomaly | None] = []
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.", stacklevel=2)

    def __enter__(self) -> None:
        self._before.append(_set(Anomaly(self.check_nan)))

    def __exit__(self, *exc: object) -> None:
        _set(self._before.pop())


def _set(wanted: Anomaly | None) -> Anomaly | None:
    """Puts one anomaly sink in front, or takes it away; returns the one that was there."""
    known = _installed()
    if known is not None:
        above: Any = mode.sink
        if above is known:
            set_sink(known.inner)
        else:                                                        # hooks were entered within: it stands behind them
            while above.inner is not known:
                above = above.inner
            above.inner = known.inner
    if wanted is not None:
        wanted.enter()
    return known


class set_detect_anomaly:
    """Turns anomaly detection of this thread on or off, at once; as a context manager it restores what was before."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _set(Anomaly(check_nan) if mode else None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _set(self._before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on in this thread."""
    return _installed() is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN."""
    found = _installed()
    return found is not None and found.check_nan
