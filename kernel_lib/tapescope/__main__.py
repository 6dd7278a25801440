"""`python -m tapescope`: recordings on disk, from a shell."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from pathlib import Path
from typing import Any


def _list(args: Any) -> int:
    """Recordings below a folder, one line each."""
    from .tape.store import TapeError, load_tape

    for file in sorted(Path(args.path).rglob("tape.db")):
        try:
            t = load_tape(file.parent)
            params = " ".join(f"{k}={v}" for k, v in t.params.items())
            print(f"{file.parent}  {t.state}  {t.step_number} steps  {params}".rstrip())
        except TapeError as e:
            print(f"{file.parent}  {e}", file=sys.stderr)
    return 0


def _inspect(args: Any) -> int:
    """What a recording holds, as JSON."""
    from .facade import load_tape

    t = load_tape(args.path)
    status = t.status()
    print(json.dumps({**status, "params": t.params, "findings": t.kept_findings()}, indent=2))
    return 0


def _verify(args: Any) -> int:
    """Reads everything; says what is damaged, and fails if anything is."""
    from .tape.store import StoredTape

    damage = list(StoredTape(args.path)._shelf.verify())
    print("\n".join(damage) or f"{args.path}: whole")
    return 1 if damage else 0


def _record(args: Any) -> int:
    """Runs a script that knows nothing of it, and records it."""
    from .facade import record

    if not args.script:
        raise SystemExit("python -m tapescope record --to runs/exp1 script.py [arguments]: the script is missing")
    sys.argv = list(args.script)
    sys.path[0] = str(Path(args.script[0]).resolve().parent)
    with record(args.to, values=args.values, every=args.every) as tape:
        runpy.run_path(args.script[0], run_name="__main__")
    print(f"recorded {tape.step_number} steps to {tape.path}", file=sys.stderr)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Runs one command; 0 when all is well, 1 when a recording is damaged or cannot be read."""
    from .tape.store import TapeError

    parser = argparse.ArgumentParser(prog="python -m tapescope", description="Recordings on disk.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run in (("list", _list), ("inspect", _inspect), ("verify", _verify)):
        sub = commands.add_parser(name, help=str(run.__doc__).lower().rstrip("."))
        sub.add_argument("path", nargs="?" if name == "list" else None, default="." if name == "list" else None)
        sub.set_defaults(run=run)
    sub = commands.add_parser("record", help="runs a script and records it")
    sub.add_argument("--to", required=True, help="the folder of the recording")
    sub.add_argument("--values", default="stats", help="none, health, stats, histogram or full")
    sub.add_argument("--every", type=int, default=1, help="read values at every k-th step only")
    sub.add_argument("script", nargs=argparse.REMAINDER, help="the script and its arguments")
    sub.set_defaults(run=_record)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except TapeError as e:
        print(e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
