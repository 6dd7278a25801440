"""`python -m tapescope`: recordings on disk, from a shell."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any


def _list(args: Any) -> int:
    """Recordings below a folder, one line each."""
    from .tape.runs import runs

    for r in runs(args.path):
        if r.error:
            print(f"{r.path}  {r.error}", file=sys.stderr)
        else:
            params = " ".join(f"{k}={v}" for k, v in r.params.items())
            print(f"{r.path}  {r.state}  {r.step} steps  {params}".rstrip())
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
    from .facade import load_tape
    from .tape.store import StoredTape
    from .tape.store.ranks import rank_folders
    from .tape.store.schema import DATABASE

    path = Path(args.path)
    folders = [path] if (path / DATABASE).exists() else rank_folders(path)
    if folders:
        damage = [line for folder in folders for line in _damage(StoredTape, folder)]
    else:
        damage = list(load_tape(path).status()["notes"])       # of event files, what was left out when they were read
    print("\n".join(damage) or f"{args.path}: whole")
    return 1 if damage else 0


def _damage(opened: Any, folder: Path) -> list[str]:
    from .tape.store import TapeError

    try:
        return list(opened(folder)._shelf.verify())
    except TapeError as e:                                     # one rank: the others are looked at, too
        return [str(e)]


def _record(args: Any) -> int:
    """Runs a script that knows nothing of it, with this library or with PyTorch, and records it; every rank of a job that torchrun, mpirun or srun has started."""
    from . import facade  # noqa: F401  (the rules, whose findings stand in the recording)
    from .adapters.script import Outside, run

    if not args.script:
        raise SystemExit("python -m tapescope record --to runs/exp1 script.py [arguments]: the script is missing")
    if not args.module and not Path(args.script[0]).is_file():
        raise SystemExit(f"{args.script[0]}: there is no such script; nothing was recorded")
    outside = Outside(args.to, values=args.values, every=args.every, fingerprints=args.fingerprints)
    try:
        with outside:
            run(args.script, args.module)
    finally:                                                   # a script may end by sys.exit()
        tape = outside.tape
        print(f"recorded {tape.step_number} steps to {tape.path}", *tape.notes.values(), sep="\n", file=sys.stderr)
    return 0


def _export(args: Any) -> int:
    """Writes a recording as a page (.html), as event files (a folder), or as its metrics (.csv)."""
    from .facade import load_tape

    tape: Any = load_tape(args.path)
    target = Path(args.to)
    if target.suffix == ".html":
        path = tape.export_html(target, args.max_bytes)
    elif target.suffix in (".parquet", ".arrow", ".feather"):
        path = tape.to_parquet(target, args.kind) if target.suffix == ".parquet" else tape.to_arrow(args.kind, target)
    elif target.suffix == ".csv":
        path = tape.to_csv(target, args.kind)
    elif not target.suffix:
        path = tape.export_tensorboard(target)
    else:
        raise SystemExit(f"{target}: there are .html, .csv, .parquet, .arrow, and a folder for TensorBoard")
    print(path)
    return 0


def _merge(args: Any) -> int:
    """Puts recordings of several processes side by side, so that they are read as one; the first is rank 0."""
    from .tape.store import StoredTape, TapeError
    from .tape.store.structures import FOLDER

    target = Path(args.to)
    if target.exists() and any(target.iterdir()):
        raise TapeError(f"{target} is not empty")
    found = [StoredTape(path) for path in args.paths]          # all of them, before anything is written
    for i, tape in enumerate(found):
        tape.save(target / f"rank{i}", target / FOLDER)
    print(target)
    return 0


def _stream(args: Any) -> int:
    """Speaks the wire over stdin and stdout, about a recording or all below a folder."""
    from .facade import load_tape
    from .tape.runs import runs
    from .tape.store.schema import DATABASE

    inward, outward = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr                                    # what somebody prints must not lie between messages
    path = Path(args.path)
    kept = [load_tape(path)] if (path / DATABASE).exists() else [r.tape for r in list(runs(path))[-args.most:] if not r.error]
    if not kept:
        raise SystemExit(f"{path} holds no recording")
    from .facade import serve_pipe

    serve_pipe(inward, outward)
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
    sub = commands.add_parser("export", help="writes a recording in another form")
    sub.add_argument("path")
    sub.add_argument("to", help="run.html, run.csv, run.parquet, run.arrow, or a folder for TensorBoard")
    sub.add_argument("--max-bytes", type=int, default=5_000_000, help="the size of a page")
    sub.add_argument("--kind", default="scalars", help="of tables: scalars, stats or histograms")
    sub.set_defaults(run=_export)
    sub = commands.add_parser("merge", help="puts recordings of several processes side by side, so that they are read as one")
    sub.add_argument("--to", required=True, help="the new folder")
    sub.add_argument("paths", nargs="+", help="the recordings; the first is rank 0")
    sub.set_defaults(run=_merge)
    sub = commands.add_parser("stream", help="speaks the wire over stdin and stdout")
    sub.add_argument("path")
    sub.add_argument("--most", type=int, default=50, help="recordings of a folder that are opened, the newest")
    sub.set_defaults(run=_stream)
    sub = commands.add_parser("record", help="runs a script and records it")
    sub.add_argument("--to", required=True, help="the folder of the recording")
    sub.add_argument("--values", default="stats", help="none, health, stats, histogram or full")
    sub.add_argument("--every", type=int, default=1, help="read values at every k-th step only")
    sub.add_argument("--fingerprints", action="store_true", help="leave three numbers of every value, by which compare() finds where two runs part")
    sub.add_argument("-m", dest="module", action="store_true", help="the script is the name of a module")
    sub.add_argument("script", nargs=argparse.REMAINDER, help="the script and its arguments")
    sub.set_defaults(run=_record)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except BrokenPipeError:                                    # who read our output has seen enough
        sys.stdout = open(os.devnull, "w")                     # noqa: SIM115
        return 0
    except (TapeError, OSError, ValueError) as e:
        if args.run is _record:
            raise
        print(e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
