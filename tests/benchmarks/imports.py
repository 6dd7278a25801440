"""What `import tapescope` costs beside `import numpy`, each in a fresh interpreter: `python -m tests.benchmarks imports`.

Wall time of whole processes, the two alternating, bytecode cached as after the first import; medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from time import perf_counter

ENV = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")}
GOAL = 40


def once(what: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", what], check=True, env=ENV)
    return (perf_counter() - start) * 1e3


def main(quick: bool = False) -> None:
    lines = {"nothing": "pass", "numpy": "import numpy", "tapescope": "import tapescope"}
    times: dict[str, list[float]] = {k: [] for k in lines}
    for round_ in range(8 if quick else 25):
        for name, line in lines.items():
            t = once(line)
            if round_:
                times[name].append(t)
    found = {k: statistics.median(v) for k, v in times.items()}
    for name, t in found.items():
        print(f"  {name:10}{t:8.1f} ms")
    print(f"  tapescope after numpy: {found['tapescope'] - found['numpy']:.1f} ms (goal: at most {GOAL})")


if __name__ == "__main__":
    main("quick" in sys.argv)
