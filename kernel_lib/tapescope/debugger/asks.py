"""What can be asked of a held pass without moving it: what if, is this derivative right, where did that come from, who holds the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.say import say
from .branch import Change
from .held import A, Held

if TYPE_CHECKING:
    from .check import Check, ModuleCheck
    from .compare import Comparison
    from .memory import Memory
    from .origin import Origin

C = TypeVar("C", bound=Change)


class Asks(Held[A], Generic[A, C]):
    """The questions, whoever runs the pass; methods with an underscore are how an engine answers.

    `optimizer` is the one whose step a branch is compared by (default: the recording's); `again` computes the loss anew, so that it can be measured after
    the step: `ts.debug(loss, optimizer=opt, again=lambda: F.cross_entropy(model(x), y))`.
    """

    optimizer: Any = None
    again: Callable[[], Any] | None = None
    branch: tuple[C, ...] = ()                                  # changes that are tried
    compared: Comparison | None = None
    origins: Origin | None = None                               # what `origin()` found last
    checked: dict[Any, Check] | None = None                     # what `check()` found, by node

    # -- what if ------------------------------------------------------------------------------------------------------------------

    def what_if(self, *, zero: bool = False, scale: float | None = None, clip: float | None = None, replace: Any = None, noise: float | None = None,
                saved: str | None = None, input: int | None = None, seed: int = 0) -> Comparison:
        """Changes what comes into the node at the cursor, or a value that it has `saved`, on a branch, and compares that with the pass as it is.

        One of `zero`, `scale` (a factor), `clip` (to this norm), `noise` (of this deviation, drawn from `seed`) and `replace` (a tensor of the same shape);
        `input` is the number of one incoming gradient. More calls, here or at other stops, add to the branch. The held pass and `.grad` stay as they are until
        `keep()`. On PyTorch's engine RuntimeError says why where the pass may run once only, hooks that run among the reasons unless `rerun_hooks` allows it.
        """
        given = {"zero": True if zero else None, "scale": scale, "clip": clip, "noise": noise, "replace": replace}
        chosen = [k for k, v in given.items() if v is not None]
        if len(chosen) != 1:
            raise TypeError(say("what_if takes one of zero, scale, clip, noise, replace; got {0}", ', '.join(chosen) or 'none'))
        how = chosen[0]
        with self.lock:
            made = self._change(how, given[how] if how in ("scale", "clip", "noise") else None, replace, saved, input, seed)
            return self._try_branch((*self.branch, made))

    def compare(self) -> Comparison:
        """The branch beside the pass as it is; without a branch, the pass with its edits beside the pass without."""
        with self.lock:
            return self._try_branch(self.branch)

    def _try_branch(self, branch: tuple[C, ...]) -> Comparison:
        self._must_not_be_aborted()
        found = self._compare(branch)
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

    # -- is it right, where does it come from, who holds it ------------------------------------------------------------------------

    def check(self, module: str | None = None) -> Check | ModuleCheck:
        """Whether the derivative of the node at the cursor is right: its vjp beside central differences of its forward, in float64.

        With `module`, every node that was made inside that module.
        """
        from .check import check_nodes

        if module is None:
            return self.check_here()
        with self.lock:
            return check_nodes(self, module)

    def check_here(self) -> Check:
        """Whether the derivative of the node at the cursor is right; views are told."""
        with self.lock:
            at = self.at
            if at is None:
                raise RuntimeError(say("the pass is over: there is no node to check; step back first"))
            found = self._check(at.node)
            self.checked = {**(self.checked or {}), at.node: found}
            self._tell()
            return found

    def origin(self, direction: str | None = None) -> Origin:
        """Where a NaN, an infinity or a blow-up began: the first abnormal op in the forward pass, else in the backward pass; `direction` asks for one of them."""
        with self.lock:
            self.origins = self._origin(direction)
            self._tell()
            return self.origins

    def memory(self) -> Memory:
        """What the graph holds for the rest of the pass, node by node, how it falls, its peak, and what a checkpoint of each module would save."""
        with self.lock:
            return self._memory()

    def describe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a view is told: meta and columns of a `debug` frame."""
        from .frames import describe

        return describe(self)

    # -- how an engine answers -----------------------------------------------------------------------------------------------------

    def _change(self, how: str, by: Any, value: Any, saved: str | None, nr: int | None, seed: int) -> C:
        raise NotImplementedError

    def _compare(self, branch: tuple[C, ...]) -> Comparison:
        raise NotImplementedError

    def _check(self, node: Any, values: Any = None) -> Check:
        """One node; `values` are what `_values()` has gathered for several."""
        raise NotImplementedError

    def _values(self) -> Any:
        raise NotImplementedError

    def _ops(self) -> Sequence[Any]:
        """The nodes of the pass that are no leaves, in its order."""
        raise NotImplementedError

    def _known(self, what: str) -> str:
        """The ops, parameters or modules that the pass has, in words."""
        raise NotImplementedError

    def _origin(self, direction: str | None) -> Origin:
        raise NotImplementedError

    def _memory(self) -> Memory:
        raise NotImplementedError
