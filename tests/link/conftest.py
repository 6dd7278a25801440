"""Kernels of several ipykernel versions; one that cannot be installed here is skipped, visibly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from .kernels import Page

CACHE = Path(os.environ.get("TAPESCOPE_TEST_CACHE", Path.home() / ".cache" / "tapescope-tests"))
VERSIONS = ["installed", "7.3.0", "6.31.0"]
PACKAGE = Path(__file__).parents[2] / "kernel_lib"


def version_folder(version: str) -> Path | None:
    """Where this ipykernel lies, installed on first use without its dependencies; None when that cannot be done."""
    folder = CACHE / f"ipykernel-{version}"
    if not (folder / "ipykernel").exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--retries", "1", "--timeout", "10",
                   "--target", str(folder), f"ipykernel=={version}"]
        if subprocess.run(command, capture_output=True, check=False, timeout=120).returncode:
            return None
    return folder


StartKernel = Callable[..., KernelManager]


@pytest.fixture(scope="session")
def start_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartKernel]:
    """Starts kernels; all are shut down at the end."""
    started: list[KernelManager] = []

    def start(version: str = "installed") -> KernelManager:
        folder = None if version == "installed" else version_folder(version)
        if version != "installed" and folder is None:
            pytest.skip(f"ipykernel {version} cannot be installed here: tested with the installed one only")
        path = [str(p) for p in (folder, PACKAGE, os.environ.get("PYTHONPATH")) if p]
        env = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")), "PYTHONPATH": os.pathsep.join(path)}
        root = tmp_path_factory.mktemp("specs")
        (root / "tested").mkdir()
        (root / "tested" / "kernel.json").write_text(json.dumps({
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "tested", "language": "python", "env": env}))
        manager = KernelManager(kernel_name="tested", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(root)]))
        manager.start_kernel()
        started.append(manager)
        return manager

    yield start
    for manager in started:
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="session", params=VERSIONS)
def kernel(request: pytest.FixtureRequest, start_kernel: StartKernel) -> KernelManager:
    """A started kernel with the library imported."""
    manager = start_kernel(request.param)
    page = Page(manager)
    page.done(page.run("import tapescope as ts, time, ipykernel"))
    page.close()
    return manager


@pytest.fixture(scope="session")
def newest(start_kernel: StartKernel) -> KernelManager:
    """A kernel of the installed ipykernel, for what does not depend on its version."""
    manager = start_kernel()
    page = Page(manager)
    page.done(page.run("import tapescope as ts, time"))
    page.close()
    return manager


@pytest.fixture
def page(kernel: KernelManager) -> Iterator[Page]:
    made = Page(kernel)
    yield made
    made.close()
