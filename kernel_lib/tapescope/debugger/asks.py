"""What can be asked of a held pass without moving it: what if, is this derivative right, where did that come from, who holds the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .branch import Change, Changes, change
from .look import At
from .sight import Sight

if TYPE_CHECKING:
    from .check import Check, ModuleCheck
    from .compare import Comparison
    from .memory import Memory
    from .origin import Origin


class Asks(Sight):
    """The questions; `Debugger` answers them.

    `optimizer` is the one whose step a branch is compared by (default: the recording's); `again` computes the loss anew, so that it can be measured after
    the step: `ts.debug(loss, optimizer=opt, again=lambda: F.cross_entropy(model(x), y))`.
    """

    optimizer: Any = None
    again: Callable[[], Any] | None = None
    branch: tuple[Change, ...] = ()                             # changes that are tried
    compared: Comparison | None = None
    origins: Origin | None = None                               # what `origin()` found last
    checked: dict[Any, Check] | None = None                     # what `check()` found, by node

    # -- what if ------------------------------------------------------------------------------------------------------------------

    def what_if(self, *, zero: bool = False, scale: float | None = None, clip: float | None = None, replace: Any = None, noise: float | None = None,
                saved: str | None = None, input: int | None = None, seed: int = 0) -> Comparison:
        """Changes what comes into the node at the cursor, or a value that it has `saved`, on a branch, and compares that with the pass as it is.

        One of `zero`, `scale` (a factor), `clip` (to this norm), `noise` (of this deviation, drawn from `seed`) and `replace` (a tensor of the same shape).
        More calls, here or at other stops, add to the branch. The held pass and `.grad` stay as they are until `keep()`.
        """
        given = {"zero": True if zero else None, "scale": scale, "clip": clip, "noise": noise, "replace": replace}
        chosen = [k for k, v in given.items() if v is not None]
        if len(chosen) != 1:
            raise TypeError(f"what_if takes one of zero, scale, clip, noise, replace; got {', '.join(chosen) or 'none'}")
        how = chosen[0]
        with self.lock:
            by = given[how] if how in ("scale", "clip", "noise") else None
            made = change(self, how, by, replace, saved, input, seed)      # type: ignore[arg-type]
            return self._try_branch((*self.branch, made))

    def compare(self) -> Comparison:
        """The branch beside the pass as it is; without a branch, the pass with its edits beside the pass without."""
        with self.lock:
            return self._try_branch(self.branch)

    def _try_branch(self, branch: tuple[Change, ...]) -> Comparison:
        from .compare import compare

        found = compare(self, branch)                           # type: ignore[arg-type]
        self.branch, self.compared = branch, found
        self._tell()
        return found

    def drop(self, change: int | None = None) -> Comparison | None:
        """Takes back the whole branch, or one of its changes."""
        with self.lock:
            left = () if change is None else tuple(c for i, c in enumerate(self.branch) if i != range(len(self.branch))[change])
            if left:
                return self._try_branch(left)
            self.branch, self.compared = (), None
            self._tell()
            return None

    def keep(self) -> None:
        """Completes the pass with the changes of the branch: `.grad` becomes what the branch gave. `step_back()` undoes it, `reset()` forgets the changes."""
        with self.lock:
            if not self.branch:
                raise RuntimeError("there is no branch to keep; what_if(...) makes one")
            first = min(c.index for c in self.branch)
            p = self._pass
            self._reopen()
            if p.index > first or p.stop is None:
                p.rewind(first)
            p.adopt(Changes([*(c for many in _all(p.changes) for c in many), *self.branch]), first)
            self.branch, self.compared = (), None
            self._run(lambda node, grads: False, "", watched=False)

    # -- is it right, where does it come from, who holds it ------------------------------------------------------------------------

    def check(self, module: str | None = None) -> Check | ModuleCheck:
        """Whether the derivative of the node at the cursor is right: its vjp beside central differences of its forward, in float64.

        With `module`, every node that was made inside that module.
        """
        from .check import check_module, check_node

        with self.lock:
            if module is not None:
                return check_module(self, module)               # type: ignore[arg-type]
            stop = self._pass.stop
            if stop is None:
                raise RuntimeError("the pass is over: there is no node to check; step back first")
            found = check_node(self, stop.node)                 # type: ignore[arg-type]
            self.checked = {**(self.checked or {}), stop.node: found}
            self._tell()
            return found

    def origin(self, direction: str | None = None) -> Origin:
        """Where a NaN, an infinity or a blow-up began: the first abnormal op in the forward pass, else in the backward pass; `direction` asks for one of them."""
        from .origin import origin

        with self.lock:
            self.origins = origin(self, direction)              # type: ignore[arg-type]
            self._tell()
            return self.origins

    def memory(self) -> Memory:
        """What the graph holds for the rest of the pass, node by node, how it falls, its peak, and what a checkpoint of each module would save."""
        from .memory import memory

        return memory(self)                                     # type: ignore[arg-type]

    def _reopen(self, check_only: bool = False) -> None:
        raise NotImplementedError

    def _run(self, until: Any, reason: str, watched: bool = True) -> At | None:
        raise NotImplementedError


def _all(changes: Changes | None) -> list[list[Change]]:
    return [] if changes is None else [*changes.gradients.values(), *changes.saved.values()]
