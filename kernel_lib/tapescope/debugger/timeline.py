"""The forward pass after the fact: a cursor over the ops of a recording, with the values that `record(values="full")` has copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.op import table
from ..core.tensor import Tensor, wrap
from ..tape import Tape
from .summary import one_line
from .where import inside

SOURCES = ("input", "parameter", "buffer", "constant")


class OpAt:
    """The op at the cursor."""

    def __init__(self, line: Timeline, row: int) -> None:
        self._line, self.row = line, row
        g = line.graph
        text = g.strings
        self.name, self.label = str(text[g.op_name[row]]), str(text[g.op_label[row]])
        self.module = str(text[g.mod_path[g.op_module[row]]]) if g.op_module[row] >= 0 else ""
        self.shape, self.dtype = str(text[g.op_shape[row]]), str(text[g.op_dtype[row]])
        self.source: tuple[str, int, str, str] | None = g.where(row)

    @property
    def output(self) -> Tensor | None:
        """What the op gave (the first of several), as it was copied; None where no copy was made."""
        return self._line.value(f"output/{self.row}")

    @property
    def outputs(self) -> list[Tensor]:
        """All that the op gave, as far as it was copied."""
        found: list[Tensor] = []
        while (t := self._line.value(f"output/{self.row}.{len(found)}" if found else f"output/{self.row}")) is not None:
            found.append(t)
        return found

    @property
    def inputs(self) -> list[tuple[str, Tensor | None]]:
        """What went in: names, and values where they were copied."""
        g = self._line.graph
        found: list[tuple[str, Tensor | None]] = []
        for entry in g.inputs_of(self.row):
            if entry >= 0:
                found.append((f"{g.strings[g.op_name[entry]]} (op {entry + 1})", self._line.value(f"output/{entry}")))
            else:
                k = -entry - 1
                found.append((f"{SOURCES[g.src_kind[k]]} {g.strings[g.src_name[k]]}", self._line.value(f"source/{k}")))
        return found

    @property
    def formula(self) -> str:
        """The op in its own notation (LaTeX)."""
        known = next((op for op in table.values() if op.label == self.name), None)
        return "" if known is None else "y = " + known.tex

    def __repr__(self) -> str:
        t = self._line
        lines = [f"op {self.row + 1} of {t.total}: {self.name}" + (f" ({self.label})" if self.label else "") + (f"  in {self.module}" if self.module else "") + f"  step {t.step_number}"]
        if self.source is not None:
            file, line, cell, text = self.source
            lines.append(f"  {cell + ', line ' + str(line) if cell else file + ':' + str(line)}: {text}")
        lines += [f"  input:  {name}" + (f"  {one_line(v)}" if v is not None else "") for name, v in self.inputs]
        outs = self.outputs
        lines += [f"  output: {one_line(out)}" for out in outs] or [f"  output: {self.dtype}[{', '.join(self.shape.split('x')) if self.shape else ''}], not copied"]
        return "\n".join(lines)


class Timeline:
    """A walk over the ops of one step, in the order in which they ran. `at` is the op at the cursor; moves return it.

    Values are there of recordings with `values="full"`, as far as its budget reached, and of what probes have copied. Nothing is run again.
    """

    def __init__(self, tape: Tape, step: int | None = None) -> None:
        self.tape = tape
        graphs = [g for g in tape.graphs.values() if g.op_name and (step is None or g.first <= step <= g.last)]
        if not graphs:
            raise RuntimeError("no op has been recorded" + ("" if step is None else f" in step {step}"))
        current = tape.graphs.get(tape.recorder.current)
        self.graph: Any = current if current in graphs else graphs[-1]
        self.step_number = max(self.graph.last, 0) if step is None else step
        self.index = 0

    @property
    def total(self) -> int:
        return len(self.graph.op_name)

    @property
    def at(self) -> OpAt:
        return OpAt(self, self.index)

    def value(self, key: str) -> Tensor | None:
        """The copy of this step, if there is one: "output/<op row>", "source/<row>"."""
        items, _ = self.tape.copies(key, None, 1 << 62, (self.step_number, self.step_number))
        return wrap(items[-1].data[0]) if items else None

    def go(self, index: int) -> OpAt:
        """To op `index`, from 0."""
        if not 0 <= index < self.total:
            raise IndexError(f"index {index} is out of range: the step has {self.total} ops")
        self.index = index
        return self.at

    def step(self, n: int = 1) -> OpAt:
        """To the next op (the n-th from here); stays at the last."""
        return self.go(min(self.index + n, self.total - 1))

    def step_back(self, n: int = 1) -> OpAt:
        """To the op before; stays at the first."""
        return self.go(max(self.index - n, 0))

    back = step_back

    def out(self) -> OpAt:
        """To the first op after this module."""
        path = self.at.module
        return self._find(lambda at: not inside(at.module, path) if path else False, f"leave {path or 'the top level'}")

    def next_module(self) -> OpAt:
        """To the first op of another module."""
        path = self.at.module
        return self._find(lambda at: at.module != path, "come to another module")

    def run_to(self, *, op: str | None = None, module: str | None = None, index: int | None = None) -> OpAt:
        """To the next op of this name or in this module, from the start where none is ahead; or to an index."""
        given = {k: v for k, v in {"op": op, "module": module, "index": index}.items() if v is not None}
        if len(given) != 1:
            raise TypeError(f"run_to takes one of op, module, index; got {sorted(given) or 'none'}")
        if index is not None:
            return self.go(index)

        def there(at: OpAt) -> bool:
            return op in (at.name, at.label) if op is not None else inside(at.module, str(module))

        try:
            return self._find(there, f"reach {op or module!r}")
        except RuntimeError:
            return self._find(there, f"reach {op or module!r}", 0)

    def _find(self, there: Callable[[OpAt], bool], what: str, start: int | None = None) -> OpAt:
        for i in range(self.index + 1 if start is None else start, self.total):
            if there(OpAt(self, i)):
                return self.go(i)
        raise RuntimeError(f"no op ahead would {what}: the step has {self.total}")

    def __repr__(self) -> str:
        return f"<Timeline of step {self.step_number}, at op {self.index + 1} of {self.total}: {self.at.name}>"
