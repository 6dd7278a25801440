"""A captured sequence of ops as data, and the function that runs it on arrays: no Tensor, node, event or module call in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.op import Op
from .fuse import Blocked, chains
from .kinds import POINTWISE


@dataclass(frozen=True)
class Ref:
    """A value of the program, by number."""

    n: int


@dataclass(frozen=True)
class Step:
    """One op: operands and parameters are Refs or plain data; `outs` are the numbers of its results, `shapes` and `dtypes` what they were."""

    op: Op
    operands: tuple[Any, ...]
    params: tuple[Any, ...]
    outs: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]
    plain: bool                         # whether all arrays, operands included, lay in memory in the order of their indices
    alike: bool                         # whether all arrays are floats of one dtype, so that nothing is promoted


@dataclass
class Program:
    """`inputs` arguments, then `held` tensors (parameters, buffers, what a function closes over), then constants, then results, numbered through."""

    inputs: int
    held: list[Any]
    constants: list[Any]
    steps: list[Step]
    outputs: list[int]

    @property
    def values(self) -> int:
        return self.inputs + len(self.held) + len(self.constants) + sum(len(s.outs) for s in self.steps)

    def pruned(self) -> Program:
        """Without the steps that nothing depends on, results numbered through again."""
        needed, kept = set(self.outputs), []
        for step in reversed(self.steps):
            if needed.intersection(step.outs):
                kept.append(step)
                needed.update(r.n for r in refs(step))
        first = self.inputs + len(self.held) + len(self.constants)
        new = {n: first + i for i, n in enumerate(n for s in reversed(kept) for n in s.outs)}

        def ref(x: Any) -> Any:
            return Ref(new.get(x.n, x.n)) if isinstance(x, Ref) else tuple(map(ref, x)) if isinstance(x, tuple) else x

        steps = [replace(s, operands=tuple(map(ref, s.operands)), params=tuple(map(ref, s.params)), outs=tuple(new[n] for n in s.outs)) for s in reversed(kept)]
        return Program(self.inputs, self.held, self.constants, steps, [new[n] for n in self.outputs])


def refs(step: Step) -> list[Ref]:
    """The values that a step reads."""
    return [*_within(step.operands), *_within(step.params)]


def _within(x: Any) -> list[Ref]:
    return [x] if isinstance(x, Ref) else [r for v in x for r in _within(v)] if isinstance(x, tuple) else []


def ufunc_of(step: Step) -> Any:
    """The ufunc that is all that a step does; None when there is more to it."""
    ufunc = step.op.inplace_ufunc
    if not isinstance(ufunc, np.ufunc) or step.params or not step.alike or step.op.name not in POINTWISE:
        return None
    return ufunc if all(isinstance(x, Ref) or type(x) in (int, float) for x in step.operands) else None


def checked_embedding(forward: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy reads negative indices from the end; an embedding refuses them."""

    def call(weight: Any, index: Any, *rest: Any) -> Any:
        if index.size and (index.min() < 0 or index.max() >= len(weight)):
            raise IndexError("index out of range in self")
        return forward(weight, index, *rest)

    return call


SPECIAL = {"embedding": checked_embedding}


def runner(program: Program) -> Callable[..., Any]:
    """Writes the program as one Python function of arrays (arguments, held ones, constants) and returns it.

    Its text is made of numbers only; ops and parameters are looked up. A value is let go after its last use.
    """
    space: dict[str, Any] = {"_a": np.asarray}
    lines: list[str] = []
    last: dict[int, int] = {}
    parts = chains(program.steps, program.outputs)
    for i, part in enumerate(parts):
        for step in part:
            last.update((r.n, i) for r in refs(step))
    first_result = program.inputs + len(program.held) + len(program.constants)

    def name(x: Any, k: str) -> str:
        if isinstance(x, Ref):
            return f"v{x.n}"
        if isinstance(x, tuple) and _within(x):
            return "(" + "".join(name(v, f"{k}_{i}") + ", " for i, v in enumerate(x)) + ")"
        space[k] = x
        return k

    for i, part in enumerate(parts):
        if len(part) > 1:
            blocked = Blocked(part, program.outputs, last, i)
            space[f"b{i}"] = blocked
            lines.append(f"{', '.join(f'v{n}' for n in blocked.results)}{',' if len(blocked.results) == 1 else ''} = "
                         f"b{i}({', '.join(f'v{n}' for n in blocked.reads)})")
        else:
            step = part[0]
            forward = ufunc_of(step) or step.op.forward
            space[f"f{i}"] = SPECIAL[step.op.name](forward) if step.op.name in SPECIAL else forward
            operands = [name(x, f"p{i}_{k}") for k, x in enumerate(step.operands)]
            params = [name(x, f"q{i}_{k}") for k, x in enumerate(step.params)]
            call = f"f{i}({', '.join(['[' + ', '.join(operands) + ']'] + params if step.op.variadic else operands + params)})"
            if step.op.aux:
                call += "[0]"
            if step.op.multi:
                lines.append(f"{', '.join(f'v{n}' for n in step.outs)}, = {call}" if len(step.outs) == 1 else f"{', '.join(f'v{n}' for n in step.outs)} = {call}")
            else:
                lines.append(f"v{step.outs[0]} = {f'_a({call})' if step.shapes[0] == () else call}")
        done = [n for n in {r.n for s in part for r in refs(s)} | {n for s in part for n in s.outs}
                if n >= first_result and last.get(n, i) == i and n not in program.outputs]
        written = {n for line in lines[-1:] for n in done if f"v{n}" in line.replace(",", " ").split() or f"v{n}" in _names(line)}
        if written:
            lines.append(" = ".join(f"v{n}" for n in sorted(written)) + " = None")
    heads = ", ".join(f"v{n}" for n in range(first_result))
    body = "\n    ".join([*lines, f"return [{', '.join(f'v{n}' for n in program.outputs)}]"])
    exec(f"def program({heads}):\n    {body}\n", space)
    made: Callable[..., Any] = space["program"]
    return made


def _names(line: str) -> set[str]:
    import re

    return set(re.findall(r"\bv\d+\b", line))
