"""`python -m tests.benchmarks [names] [quick]`: all benchmarks, or the named ones, one table each."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

NAMES = {"imports": "the import", "bundles": "what a browser loads", "ops": "an op on tiny tensors", "models": "a training step", "large": "every op on a million numbers", "memory": "the most that a training step holds",
         "compiled": "what compiling saves", "recording": "what recording costs", "disk": "a recording on disk", "page": "an exported page", "logdir": "a folder of TensorBoard's", "debugger": "what breakpoints cost, and how fast a pass goes back", "torch_adapter": "what listening to PyTorch costs", "graph": "a graph in a browser", "views": "charts, distributions and points in a browser", "latency": "from opt.step() to pixels", "stepping": "from a key to the repainted view", "vscode": "the extension in VS Code"}
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"graph": [str(ROOT / "widgets/bench/graph.py")], "views": [str(ROOT / "widgets/bench/run.py")], "latency": ["-m", "tests.browser.latency"], "stepping": ["-m", "tests.browser.stepping"]}      # they drive a browser


def main() -> int:
    quick = "quick" in sys.argv
    wanted = [a for a in sys.argv[1:] if a != "quick"] or list(NAMES)
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"{name}: {NAMES[name]}", flush=True)
        if name in ELSEWHERE:
            subprocess.run([sys.executable, *ELSEWHERE[name]], cwd=ROOT, check=False)
        else:
            importlib.import_module(f".{name}", __package__).main(quick)
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
