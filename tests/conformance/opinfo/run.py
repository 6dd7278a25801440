"""PyTorch's op database against ours, from the command line.

    python tests/conformance/opinfo/run.py add nn.functional.relu     # one entry or several, every aspect, with what differs
    python tests/conformance/opinfo/run.py 'linalg.*' --full          # by pattern, all samples
    python tests/conformance/opinfo/run.py --update ['fft.*']         # add to passing.txt what has come to pass
    python tests/conformance/opinfo/run.py --errors                   # list the errors that differ
    python tests/conformance/opinfo/run.py --failing                  # what neither passes nor is out of scope, and why
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "kernel_lib")]

import opinfo_harness as harness  # noqa: E402
import opinfo_lists as lists  # noqa: E402


def verdicts(entry: str, aspects: tuple[str, ...], most: int) -> dict[str, str | None]:
    """aspect -> None where it agrees, else what differs; what PyTorch does not claim is left out."""
    found: dict[str, str | None] = {}
    for aspect in aspects:
        if not harness.applies(entry, aspect):
            continue
        if aspect in ("gradients", "second", "name", "method", "inplace", "out", *lists.DTYPES) and found.get("values") is not None:
            continue                                       # nothing to learn where the plain values differ
        try:
            found[aspect] = None if harness.examine(entry, aspect, most) else "nothing was compared"
        except harness.Refused:
            continue
        except Exception as e:
            found[aspect] = f"{type(e).__name__}: {e}" if not isinstance(e, harness.Disagreement) else str(e)
    return found


def good(found: dict[str, str | None]) -> bool:
    """Whether an entry counts as passed: values, gradients and second gradients, as far as PyTorch has them."""
    return all(found[a] is None for a in lists.CORE if a in found)


def differing_errors(entries: list[str]) -> tuple[dict[tuple[str, int, str], str], int]:
    """Where errors differ, with what is said, and how many were compared."""
    found, n = {}, 0
    for e in entries:
        if harness.database()[e].error_inputs_func is None:
            continue
        with harness.quiet():
            for nr, how, told in harness.error_cases(harness.database()[e]):
                n += 1
                if how:
                    found[e, nr, how] = re.sub(r"\s+", " ", told)[:240].strip()
    return found, n


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", nargs="*", help="names as in op_db, a variant after a slash; patterns are admitted")
    parser.add_argument("--full", action="store_true", help="all samples instead of a few")
    parser.add_argument("--update", action="store_true", help="record what has come to pass")
    parser.add_argument("--failing", action="store_true", help="list what does not pass yet")
    parser.add_argument("--errors", action="store_true", help="write where errors differ into differing_errors.txt")
    parser.add_argument("--core", action="store_true", help="only values and gradients")
    parser.add_argument("-j", type=int, default=2, help="processes")
    args = parser.parse_args()
    skip = lists.out_of_scope()
    known = lists.passing()
    database = harness.database()
    wanted = [e for e in database if any(fnmatch.fnmatchcase(e, p) or e.partition("/")[0] == p for p in args.entries)] if args.entries else list(database)
    unasked = not args.entries
    wanted = [e for e in wanted if not (unasked and e in skip)]
    if not wanted:
        parser.error("no such entry; the names are those of torch.testing._internal.common_methods_invocations.op_db")
    aspects = lists.CORE if args.core else lists.ASPECTS
    if args.errors:
        differing, n = differing_errors(wanted)
        lists.write_errors(differing)
        kinds = [how for _, _, how in differing]
        print(f"{n} errors compared, {n - len(differing)} are PyTorch's; {kinds.count('type')} differ in type, {kinds.count('text')} in words")
        return 0
    most = harness.FULL if args.full else harness.QUICK
    began = time.perf_counter()
    found: dict[str, dict[str, str | None]] = {}
    if len(wanted) < 8:
        for e in wanted:
            found[e] = verdicts(e, aspects, most)
    else:
        with ProcessPoolExecutor(args.j) as pool:
            jobs = {pool.submit(verdicts, e, aspects, most): e for e in wanted}
            for job in as_completed(jobs):
                found[jobs[job]] = job.result()
    for e in sorted(found):
        if args.entries and not args.update:
            print(f"{'passes' if good(found[e]) else 'FAILS '} {e}")
            for aspect, said in found[e].items():
                print(f"    {aspect:10} {'ok' if said is None else said[:600]}")
        elif args.failing and not good(found[e]):
            aspect, said = next((a, s) for a, s in found[e].items() if s is not None)
            print(f"{e}: {aspect}: {str(said)[:260]}")
    if args.update:
        for e, said in found.items():
            now = [a for a, s in said.items() if s is None] if good(said) else []
            lost = [a for a in known.get(e, []) if a in said and said[a] is not None]
            for a in lost:
                print(f"LOST {e}: {a}: {said[a]}")
            if now or e in known:
                known[e] = [*known.get(e, []), *now]
        lists.write(known)
    passed = [e for e in database if e in known] if args.update else [e for e, s in found.items() if good(s)]
    floats = [e for e in passed if harness.plain_dtype(database[e]) == "float32"]
    named = [e for e, s in found.items() if "name" in s]
    print(f"{len(passed)} entries pass ({len(floats)} of float32), {len(skip)} out of scope, {len(database)} in all; "
          f"{sum(found[e]['name'] is None for e in named)} of {len(named)} names agree; {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
