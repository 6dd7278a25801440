"""Sizes of what is sent to a browser, gzip -9, beside their budgets: `python -m tests.benchmarks bundles`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "kernel_lib" / "tapescope"
BUDGETS = json.loads((PACKAGE.parents[1] / "widgets" / "budgets.json").read_text())["static"]      # KB


def size(path: Path) -> float:
    return len(gzip.compress(path.read_bytes(), 9)) / 1000


def main(quick: bool = False) -> None:
    static = sorted((PACKAGE / "static").glob("*.js"))
    if not static:
        print("  nothing has been built: make build")
    for path in static:
        later = sorted((PACKAGE / "static" / path.stem).glob("*.js"))
        kb = size(path)
        budget = BUDGETS.get(path.stem)
        word = "" if budget is None else f"of {budget}{'  OVER' if kb > budget else ''}"
        more = f"; {sum(map(size, later)):.1f} KB in {len(later)} parts come when they are wanted" if later else ""
        print(f"  {path.name:16}{kb:8.1f} KB  {word}{more}")
    chunks = sorted((PACKAGE / "labextension" / "static").glob("*.js"))
    if chunks:
        print(f"  labextension    {sum(map(size, chunks)):8.1f} KB  in {len(chunks)} chunks, loaded as tabs are opened")
    if any(p.suffix == ".map" for p in (PACKAGE / "labextension").rglob("*")):
        print("  this is a development build: `make clean build` for the real sizes")


if __name__ == "__main__":
    main()
