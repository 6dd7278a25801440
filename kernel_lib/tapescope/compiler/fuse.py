"""Chains of elementwise ops, computed piece by piece: what lies between them stays in the processor's cache and is never written to memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .kinds import POINTWISE

if TYPE_CHECKING:
    from .program import Step

WORTH = 1 << 22                         # bytes of a result below which the pieces cost more than they save
PIECE = 1 << 19                         # bytes of one operand's piece


def chains(steps: list[Step], outputs: list[int]) -> list[list[Step]]:
    """The steps in their order, runs of elementwise ones of one large shape that feed each other put together."""
    from .program import refs

    parts: list[list[Step]] = []
    for step in steps:
        if parts and _fits(step) and _fits(parts[-1][-1]) and step.shapes == parts[-1][-1].shapes:
            made = {n for s in parts[-1] for n in s.outs}
            if any(r.n in made for r in refs(step)):
                parts[-1].append(step)
                continue
        parts.append([step])
    return parts


def _fits(step: Step) -> bool:
    return (step.op.name in POINTWISE and not step.op.multi and not step.op.aux and step.plain and len(step.shapes[0]) > 0
            and math.prod(step.shapes[0]) * step.dtypes[0].itemsize >= WORTH and not any(hasattr(p, "n") for p in step.params))


class Blocked:
    """A chain that runs over pieces of its operands; `reads` are the values it needs, `results` those that others need of it."""

    def __init__(self, steps: list[Step], outputs: list[int], last: dict[int, int], at: int) -> None:
        from .program import Ref

        self.shape = steps[0].shapes[0]
        inside = {s.outs[0] for s in steps}
        self.reads = list(dict.fromkeys(x.n for s in steps for x in s.operands if isinstance(x, Ref) and x.n not in inside))
        self.results = [s.outs[0] for s in steps if s.outs[0] in outputs or last.get(s.outs[0], -1) > at]
        place = {n: i for i, n in enumerate([*self.reads, *(s.outs[0] for s in steps)])}
        self.dtypes = [s.dtypes[0] for s in steps]
        self._steps, self._place = steps, place
        self._last = {place[x.n]: k for k, s in enumerate(steps) for x in s.operands if isinstance(x, Ref)}
        self._made: dict[tuple[bool, ...], Any] = {}

    def __call__(self, *arrays: Any) -> list[Any]:
        shape = self.shape
        results = [np.empty(shape, s.dtypes[0]) for s in self._steps if s.outs[0] in self.results]
        full = [a.shape == shape for a in arrays]
        width = max(d.itemsize for d in self.dtypes)
        if all(a.flags.c_contiguous if f else a.size == 1 for a, f in zip(arrays, full, strict=True)):
            given = [a.reshape(-1) if f else a.reshape(()) for a, f in zip(arrays, full, strict=True)]
            into, size = [r.reshape(-1) for r in results], PIECE // width
            cut = tuple(full)
        else:                                              # a column is cut with the rows that it belongs to
            given, into, size = list(arrays), results, PIECE // max(math.prod(shape[1:]) * width, 1)
            cut = tuple([f or (a.ndim == len(shape) and a.shape[0] != 1) for a, f in zip(arrays, full, strict=True)])
        n = len(into[0])
        size = min(max(size, 1), n)
        made = self._made.get(cut)
        if made is None:
            made = self._made[cut] = self._write(cut)
        made(n, size, into[0].shape[1:], *given, *into)
        return results

    def _write(self, cut: tuple[bool, ...]) -> Any:
        """The loop over pieces as a Python function; its text is made of numbers only."""
        from .program import Ref, ufunc_of

        space: dict[str, Any] = {"empty": np.empty}
        inputs = len(cut)
        head, free, scratch, body = [], [], 0, []
        names = [f"x{i}" for i in range(inputs)]
        held: dict[int, str] = {}                          # scratch memory that a value lies in
        for i, c in enumerate(cut):
            if c:
                body.append(f"x{i} = a{i}[i:j]")
            else:
                head.append(f"x{i} = a{i}")
        for k, step in enumerate(self._steps):
            operands = []
            for m, x in enumerate(step.operands):
                if isinstance(x, Ref):
                    operands.append(names[self._place[x.n]])
                else:
                    space[f"n{k}_{m}"] = x
                    operands.append(f"n{k}_{m}")
            mine, dtype = inputs + k, step.dtypes[0]
            for gone in [p for p, end in self._last.items() if end == k and p in held]:
                free.append(held.pop(gone))
            out = step.outs[0]
            target = f"r{self.results.index(out)}" if out in self.results else ""
            ufunc = ufunc_of(step)
            direct = ufunc is not None
            if target:
                body.append(f"y{k} = {target}[i:j]")
            if direct:
                space[f"u{k}"] = ufunc
                if not target:
                    usable = [f for f in free if f.endswith(dtype.char)]
                    where = usable[-1] if usable else f"s{scratch}{dtype.char}"
                    if usable:
                        free.remove(where)
                    else:
                        scratch += 1
                        space[f"d{dtype.char}"] = dtype
                        head.append(f"{where}_ = empty((size, *rest), d{dtype.char})")
                        body.insert(0, f"{where} = {where}_[:j - i]")
                    held[mine] = where
                    names.append(where)
                else:
                    names.append(f"y{k}")
                body.append(f"u{k}({', '.join(operands)}, {names[-1]})")
            else:
                space[f"f{k}"] = step.op.forward
                for m, p in enumerate(step.params):
                    space[f"p{k}_{m}"] = p
                call = f"f{k}({', '.join([*operands, *(f'p{k}_{m}' for m in range(len(step.params)))])})"
                body.append(f"y{k}[...] = {call}" if target else f"y{k} = {call}")
                names.append(f"y{k}")
        text = "\n    ".join([*head, "for i in range(0, n, size):", "    j = min(i + size, n)", *("    " + line for line in body)])
        given = ", ".join([*(f"a{i}" for i in range(inputs)), *(f"r{i}" for i in range(len(self.results)))])
        exec(f"def pieces(n, size, rest, {given}):\n    {text}\n", space)
        return space["pieces"]
