"""What every held pass is, whoever runs it: a state, a place, a reason, and that views hear when it has moved."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ..core.say import say
from ..core.site import SiteInfo
from ..tape import Tape
from .axes import Names
from .shares import Part, shares
from .summary import summary, words_of

A = TypeVar("A", bound="HeldAt")   # what stands at a stop
Array = tuple[Any, str]


class Aborted(RuntimeError):
    """The held pass was abandoned; its `.grad` were never written."""


class Held(Generic[A]):
    """A pass that somebody holds. `state` is "held", "done" or "aborted"; `version` grows whenever there is something new to see."""

    number: int
    tape: Tape
    graph: int                     # of the tape: the one that this pass walks
    where: Any                     # module paths of nodes, names of leaves
    rows: dict[Any, int]           # of nodes, in that graph
    live = False                   # inside a call that is still open
    state = "held"
    reason = ""
    note = ""
    error: BaseException | None = None
    version = 0
    lock: Any                      # held while it moves, and while somebody describes it

    def _begin(self, number: int) -> None:
        self.number, self.lock = number, threading.RLock()
        self.hits: list[Any] = []                               # breakpoints that have stopped it here
        self.noticed = []

    @property
    def at(self) -> A | None:
        """What stands at the cursor; None when the pass is over."""
        raise NotImplementedError

    @property
    def index(self) -> int:
        """How many nodes have run: the cursor stands before this one."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        raise NotImplementedError

    def waiting(self) -> bool:
        """Whether somebody has to say how it goes on."""
        return self.state == "held"

    def name_of(self, leaf: Any) -> str:
        """A leaf's name: as its module or a recording calls it, or by shape."""
        return str(self.where.leaf(leaf))

    def row(self, node: Any) -> int:
        """A node's row in the graph of the tape; -1 when it has none."""
        return self.rows.get(node, -1)

    @property
    def arrived(self) -> list[tuple[Any, Any]]:
        """What leaves have been given so far, in order."""
        raise NotImplementedError

    def norms(self) -> list[float]:
        """The norm of every gradient that has arrived."""
        raise NotImplementedError

    @property
    def edits(self) -> dict[Any, Any]:
        """What has been put in the place of gradients, by node."""
        raise NotImplementedError

    def order(self) -> list[int]:
        """Rows of the nodes as the engine takes them."""
        raise NotImplementedError

    noticed: list[str]                                          # parameters that were found changed

    @property
    def nbytes(self) -> int:
        """Bytes that are held so that the pass can go back."""
        return 0

    def kept(self) -> list[int]:
        """Indices from which it can go on again."""
        return []

    def totals(self) -> dict[str, int] | None:
        """What the graph holds at the cursor; None where that is not known without looking at all of it."""
        return None

    def reach(self, node: Any, most: int = 1_000_000) -> list[str]:
        """Names of the leaves that a gradient from this node comes to, in the order of the pass; of more than `most`, some."""
        raise NotImplementedError

    def place(self) -> str:
        """'node 12 of 80: LogBackward0 in head (In [3], line 4: y = x.log())'."""
        at = self.at
        if at is None:
            return "the end of the pass"
        what = at.name + (f" of {at.parameter}" if at.parameter else f" in {at.module}" if at.module else "")
        return f"node {self.index + 1} of {self.total}: {what}" + (f" ({at.source})" if at.source else "")

    def __repr__(self) -> str:
        at = self.at
        where = f"before node {self.index + 1} of {self.total}: {at.name}{' in ' + at.module if at.module else ''}" if at is not None else self.reason
        return f"<Debugger {self.state}, {where}>"

    def _moved(self, reason: str) -> A | None:
        self.reason = reason
        self._tell()
        return self.at

    def _tell(self) -> None:
        self.version += 1
        self.tape.changed()

    def _must_be_held(self) -> None:
        if self.state == "done":
            raise RuntimeError(say("the pass is complete; step_back() or reset() to walk it again, or debug(loss) for another"))
        self._must_not_be_aborted()

    def _must_not_be_aborted(self) -> None:
        if self.state == "aborted":
            raise Aborted(say("this pass was aborted; call debug(loss) again"))


class HeldAt(ABC):
    """What every stop shows as text: where it is, and what comes in, goes out and is saved, a line each."""

    _dbg: Held[Any]
    node: Any

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def module(self) -> str:
        """The path of the module call that made this node; '' at the top level or when unknown."""

    @property
    @abstractmethod
    def parameter(self) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""

    @property
    @abstractmethod
    def source(self) -> SiteInfo | None:
        """File, line, text and cell of the user's line that made this node."""

    @property
    @abstractmethod
    def grad_in(self) -> tuple[Any, ...]:
        """The gradient of every output of the op; what `edit` replaces."""

    @property
    @abstractmethod
    def grad_out(self) -> tuple[Any, ...]:
        """The gradient of every operand: computed here for looking, without moving the pass."""

    @property
    @abstractmethod
    def goes_to(self) -> tuple[str, ...]:
        """Where each gradient of `grad_out` goes: a leaf's name, or the name of the node; "" where none is needed."""

    @property
    @abstractmethod
    def saved(self) -> dict[str, Any]:
        """What the forward kept for this node, by name."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """The derivative in LaTeX."""

    @property
    @abstractmethod
    def hooks(self) -> list[str]:
        """The names of the hooks that run here, once per arrival."""

    @property
    @abstractmethod
    def time(self) -> dict[str, float | None]:
        """Microseconds, None where not known: `forward`, what the op took while it was recorded; `backward`, what its derivative took."""

    @abstractmethod
    def shares(self) -> list[dict[str, Any]]:
        """Where several gradients meet at this node, what each consumer sent: `{from, row, module, norm, share, cosine, along}`.

        `share` is the part of the sum of norms, `cosine` the angle to the sum, `along` the part of the sum that it makes: those add up to 1.
        """

    @abstractmethod
    def array(self, value: Any) -> Array | None:
        """A tensor as an array on the host or a device, and the name of its dtype; None for what is none."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What the user wrote that made this node; a leaf's name."""

    @property
    def rule(self) -> str:
        """What happens to shapes here: what was broadcast, and over which axes its gradient is summed."""
        return ""

    @property
    def held(self) -> int:
        """Bytes that the node holds for its derivative."""
        return 0

    @property
    def freed(self) -> bool:
        """Whether what it had saved is freed."""
        return False

    def axes(self, kind: str, i: int = 0, value: Any = None) -> Names | None:
        """Names of the axes of a tensor that is shown here: "grad_in" and "grad_out" by number, "saved" by value."""
        return None

    @property
    def row(self) -> int:
        """The node's row in the graph of the tape; -1 when it has none."""
        return self._dbg.row(self.node)

    @property
    def stack(self) -> list[str]:
        """The modules that the node was made in, outermost first."""
        parts = self.module.split(".") if self.module else []
        return [".".join(parts[:i + 1]) for i in range(len(parts))]

    @property
    def reaches(self) -> list[str]:
        """The parameters that a gradient from here comes to."""
        return self._dbg.reach(self.node)

    def _told(self, parts: Sequence[Part], dot: Callable[[Any, Any], Any]) -> list[dict[str, Any]]:
        return [{"row": self._dbg.row(n := s.pop("node")), "module": self._dbg.where.module(n), **s} for s in shares(parts, dot)]

    def _line(self, value: Any, kind: str = "saved", i: int = 0) -> str:
        array = self.array(value)
        return str(value) if array is None else words_of(summary("", *array), self.axes(kind, i, value))

    def _shown(self) -> tuple[Any, ...]:
        return self.grad_out

    def _meeting(self) -> list[dict[str, Any]]:
        return self.shares()

    def __repr__(self) -> str:
        d = self._dbg
        lines = [f"node {d.index + 1} of {d.total}: {self.name}" + (f"  ({self.parameter})" if self.parameter else "") + (f"  in {self.module}" if self.module else "")]
        if self.source is not None:
            lines.append(f"  {self.source}")
        lines += [f"  grad in: {self._line(t, 'grad_in', i)}" for i, t in enumerate(self.grad_in) if t is not None]
        lines += [f"  grad out: {self._line(t, 'grad_out', i)}" + (f"  to {to}" if to else "") for i, (t, to) in enumerate(zip(self._shown(), self.goes_to, strict=False)) if t is not None]
        lines += [f"  saved {n}: {self._line(v)}" for n, v in self.saved.items()]
        time = ", ".join(f"{name} {us:.3g} µs" for name, us in self.time.items() if us is not None)
        lines += [*([f"  hooks: {', '.join(self.hooks)}"] if self.hooks else []), *([f"  time: {time}"] if time else [])]
        lines += [f"  from {s['from']}{' in ' + s['module'] if s['module'] else ''}: norm {s['norm']:.4g}, {s['share']:.0%}, cosine {s['cosine']:.2f} to the sum" for s in self._meeting()]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        return "```text\n" + repr(self) + "\n```" + (f"\n\n$$\\begin{{gathered}}{self.formula}\\end{{gathered}}$$" if self.formula else "")
