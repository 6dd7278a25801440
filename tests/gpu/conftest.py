"""The tests of a device: they run where CuPy finds one, and say once why they do not where it finds none.

`TAPESCOPE_GPU_DEVICE=stand-in` rehearses them on CuPy's names and rules with NumPy's arithmetic (stand_in.py): it proves that nothing is asked of CuPy
that CuPy refuses, not that the device computes it.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DEVICE = os.environ.get("TAPESCOPE_GPU_DEVICE", "cuda")
STAND_IN = DEVICE == "stand-in"

sys.path.insert(0, str(HERE.parent / "unit" / "core"))      # op_samples: the same samples on both devices
if STAND_IN:
    sys.path.insert(0, str(HERE))
    import stand_in

    stand_in.install()
    DEVICE = "cuda"


def why_not() -> str | None:
    """The reason why there is nothing to test on; None where there is."""
    if STAND_IN:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                     # CuPy's about its own environment
        try:
            import cupy
        except ImportError:
            return "CuPy is not installed: the GPU tests need it (extra cuda12 or cuda13) and a CUDA device"
        try:
            return None if cupy.cuda.runtime.getDeviceCount() else "CuPy finds no CUDA device"
        except cupy.cuda.runtime.CUDARuntimeError as error:
            return f"CuPy finds no CUDA device: {error}"


REASON = why_not()


def pytest_configure(config: pytest.Config) -> None:
    if REASON is not None and "TAPESCOPE_GPU_DEVICE" in os.environ:
        raise pytest.UsageError(REASON)                     # who asks for a device by name wants no green run without one
    config.addinivalue_line("filterwarnings", r"ignore:::cupyx?(\..*)?")       # others' warnings about themselves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.path.name not in ("test_without.py", "test_rehearsal.py"):
            item.add_marker("gpu")


@pytest.fixture(autouse=True)
def _device_is_there(request: pytest.FixtureRequest) -> None:
    if REASON is not None and request.node.get_closest_marker("gpu") is not None:
        pytest.skip(REASON)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """All of them skip for one reason: said from one place, it is one line of the summary."""
    report = yield
    if report.skipped and REASON is not None and REASON in str(report.longrepr):
        report.longrepr = (str(Path(__file__)), why_not.__code__.co_firstlineno, REASON)
    return report


@pytest.fixture
def device() -> str:
    """Where the tests run."""
    return DEVICE


@pytest.fixture
def two_devices() -> str:
    """For what needs a host and a device that differ."""
    return DEVICE


@pytest.fixture
def array_type() -> Any:
    """The type of the arrays that lie on the device."""
    import cupy

    return cupy.ndarray
