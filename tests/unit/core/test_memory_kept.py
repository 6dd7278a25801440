"""A training step keeps its memory: it is not handed back to the system and fetched again page by page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_a_step_does_not_fetch_its_memory_anew() -> None:
    program = """
import resource
import tapescope as ts
x = ts.zeros(64, 1, 28, 28)
model = ts.nn.Sequential(ts.nn.Conv2d(1, 6, 5, padding=2), ts.nn.ReLU(), ts.nn.MaxPool2d(2), ts.nn.Conv2d(6, 16, 5), ts.nn.ReLU())
def step():
    model.zero_grad()
    model(x).sum().backward()
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100                         # it was 1,200
