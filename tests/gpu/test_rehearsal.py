"""The GPU tests where there is no GPU: nothing is asked of CuPy that it has not, on any device's behalf. These run everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif("TAPESCOPE_GPU_DEVICE" in os.environ, reason="the tests run on a device, or are being rehearsed")
def test_they_pass_on_what_cupy_declares() -> None:
    """In a process of its own: `import cupy` gives the stand-in there."""
    env = os.environ | {"TAPESCOPE_GPU_DEVICE": "stand-in", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-m", "gpu", str(HERE)]
    done = subprocess.run(command, cwd=HERE.parents[1], env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) > 600


def test_the_stand_in_refuses_what_cupy_refuses() -> None:
    code = """
import numpy as np, stand_in
stand_in.install()
import cupy
a = cupy.zeros((2, 3))
for wrong in (lambda: np.maximum.reduce(a), lambda: a + np.ones(3), lambda: np.asarray(a), lambda: cupy.ones(3, device=None), lambda: a.max(0, initial=0),
              lambda: np.add(a, 1, where=False), lambda: np.multiply.at(a, 0, 1), lambda: cupy.no_such_name, lambda: a.ctypes, lambda: a[a > 0, a[0] > 0]):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__)
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert told == ["NotImplementedError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "NotImplementedError", "AttributeError",
                    "AttributeError", "ValueError"]
