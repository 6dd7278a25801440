"""The GPU tests and the GPU benchmark on a machine that has nothing but Python, NumPy, CuPy, PyTorch and pytest: `python tests/gpu/run.py`.

Nothing needs to be installed or built: the library is taken from this checkout. `--rehearse` runs all of it where there is no GPU: on CuPy's names,
signatures and refusals with NumPy's arithmetic behind them (stand_in.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def main() -> int:
    """Runs what is asked for; the exit status is that of the first part that failed."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="What is not known here is passed on to pytest.")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--tests", action="store_true", help="only the tests")
    only.add_argument("--bench", action="store_true", help="only the benchmark")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, with small sizes")
    parser.add_argument("--json", help="write the benchmark's figures to this file, too")
    args, rest = parser.parse_known_args()
    device = "stand-in" if args.rehearse else "cuda"
    paths = [str(ROOT / "kernel_lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "TAPESCOPE_GPU_DEVICE": device, "PYTHONPATH": os.pathsep.join(paths)}
    parts = []
    if not args.bench:
        # Plug-ins that happen to be there are not needed, and the options of pyproject.toml ask for none.
        parts.append([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE), *rest])
    if not args.tests:
        parts.append([sys.executable, str(HERE / "bench.py"), "--device", "cpu" if args.rehearse else "cuda", *(["--quick"] if args.rehearse else []), *(["--json", args.json] if args.json else [])])
        # what listening to PyTorch's models costs there: the table that `make bench` has of the host
        parts.append([sys.executable, "-m", "tests.benchmarks.torch_adapter", "cpu" if args.rehearse else "cuda", *(["quick"] if args.rehearse else [])])
    results = [subprocess.run(part, cwd=ROOT, env=env, check=False).returncode for part in parts]
    return next(filter(None, results), 0)


if __name__ == "__main__":
    sys.exit(main())
