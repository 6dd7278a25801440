"""Kernels of several ipykernel versions; a version that cannot be installed here is skipped, visibly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from .kernels import Page

CACHE = Path(os.environ.get("TAPESCOPE_TEST_CACHE", Path.home() / ".cache" / "tapescope-tests"))
VERSIONS = ["installed", "7.3.0", "6.31.0"]


def version_folder(version: str) -> Path | None:
    """Where this ipykernel lies, installed on first use without its dependencies; None when that cannot be done."""
    folder = CACHE / f"ipykernel-{version}"
    if not (folder / "ipykernel").exists():
        done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), f"ipykernel=={version}"],
                              capture_output=True, check=False)
        if done.returncode:
            return None
    return folder


@pytest.fixture(scope="module", params=VERSIONS)
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """A started kernel with the library imported."""
    version = request.param
    env = {"OPENBLAS_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}
    if version != "installed":
        folder = version_folder(version)
        if folder is None:
            pytest.skip(f"ipykernel {version} cannot be installed here")
        env["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    root = tmp_path_factory.mktemp("specs")
    spec = root / "kernels" / "tested"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "tested",
                                                  "language": "python", "env": env}))
    manager = KernelManager(kernel_name="tested", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(spec.parent)]))
    manager.start_kernel()
    page = Page(manager)
    try:
        page.done(page.run("import tapescope as ts, time, ipykernel"))
        yield manager
    finally:
        page.close()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def page(kernel: KernelManager) -> Iterator[Page]:
    made = Page(kernel)
    yield made
    made.close()
