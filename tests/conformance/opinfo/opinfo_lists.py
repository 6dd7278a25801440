"""What is recorded of PyTorch's op database: what passes (it may only grow), and what is out of scope, with the reason."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
PASSING = HERE / "passing.txt"
OUT_OF_SCOPE = HERE / "out_of_scope.txt"
ERRORS = HERE / "differing_errors.txt"

#: What can be recorded of an entry. The first three decide whether it counts as passed.
CORE = ("values", "gradients", "second")
EXTRA = ("name", "errors", "method", "inplace", "out")
DTYPES = ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128")
ASPECTS = (*CORE, *EXTRA, *DTYPES)


def passing() -> dict[str, list[str]]:
    """entry -> the aspects in which it is known to agree with PyTorch."""
    lines = PASSING.read_text().splitlines() if PASSING.exists() else []
    return {name.strip(): aspects.split() for name, _, aspects in (line.partition(":") for line in lines if line and line[0] != "#")}


def out_of_scope() -> dict[str, str]:
    """entry -> why nothing is claimed about it."""
    lines = OUT_OF_SCOPE.read_text().splitlines()
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(":") for line in lines if line and line[0] != "#")}


def write(found: dict[str, list[str]]) -> None:
    """Writes `passing.txt`, sorted, one entry a line."""
    head = ("# PyTorch's op database: entry and the aspects in which it agrees. Written by `python tests/conformance/opinfo/run.py --update`,\n"
            "# which only ever adds. An aspect that stands here and fails is a failing test.\n")
    order = {a: i for i, a in enumerate(ASPECTS)}
    lines = [f"{name}: {' '.join(sorted(set(found[name]), key=order.__getitem__))}" for name in sorted(found) if found[name]]
    PASSING.write_text(head + "\n".join(lines) + "\n")


def differing_errors() -> set[tuple[str, int, str]]:
    """(entry, number of the erroneous sample, "type" or "text"): where an error is known to differ from PyTorch's."""
    lines = ERRORS.read_text().splitlines()
    found = (line.split(" | ", 3)[:3] for line in lines if line and line[0] != "#")
    return {(name, int(nr), how) for name, nr, how in found}


def reasons() -> dict[tuple[str, int, str], str]:
    """Of each line of `differing_errors.txt`, why it differs."""
    found = (line.split(" | ") for line in ERRORS.read_text().splitlines() if line and line[0] != "#")
    return {(name, int(nr), how): rest[1] if len(rest) > 1 else "" for name, nr, how, *rest in found}


def write_errors(found: dict[tuple[str, int, str], str]) -> None:
    """Writes `differing_errors.txt`; the reasons stay."""
    why = reasons()
    head = ("# Erroneous samples of PyTorch's op database whose error differs here, in type (or there is none: the call is understood) or in words only.\n"
            "# entry | number | how | what is said here, and what PyTorch says | why. Written by `python tests/conformance/opinfo/run.py --errors`, the reason by hand;\n"
            "# a line that is missing here and differs, or that has no reason, is a failing test.\n")
    ERRORS.write_text(head + "".join(f"{name} | {nr} | {how} | {told} | {why.get((name, nr, how), '')}\n" for (name, nr, how), told in sorted(found.items())))
