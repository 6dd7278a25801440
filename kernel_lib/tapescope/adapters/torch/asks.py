"""What can be asked of a held pass of PyTorch without moving it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...debugger.compare import Comparison
from ...debugger.held import Held
from .branch import TorchChange, change, compare
from .look import TorchAt

if TYPE_CHECKING:
    from ...debugger.memory import Memory
    from .held import HeldPass


class TorchAsks(Held[TorchAt]):
    """The questions; `TorchDebugger` answers them.

    `optimizer` is the one whose step a branch is compared by (default: the recording's); `again` computes the loss anew, so that it can be measured after
    the step: `tst.debug(loss, optimizer=opt, again=lambda: F.cross_entropy(model(x), y))`.
    """

    _pass: HeldPass
    optimizer: Any = None
    again: Callable[[], Any] | None = None
    branch: tuple[TorchChange, ...] = ()                        # changes that are tried
    compared: Comparison | None = None

    def cannot_run_again(self) -> str:
        raise NotImplementedError

    def what_if(self, *, zero: bool = False, scale: float | None = None, clip: float | None = None, replace: Any = None, noise: float | None = None,
                saved: str | None = None, input: int | None = None, seed: int = 0) -> Comparison:
        """Changes what comes into the node at the cursor, on a branch, and compares that with the pass as it is.

        One of `zero`, `scale` (a factor), `clip` (to this norm), `noise` (of this deviation, drawn from `seed`) and `replace` (a tensor of the same shape);
        `input` is the number of one incoming gradient. More calls, here or at other stops, add to the branch. The held pass and `.grad` stay as they are until
        `keep()`; hooks run once for each of the two. Raises RuntimeError, with the reason, where the pass may run once only.
        """
        given = {"zero": True if zero else None, "scale": scale, "clip": clip, "noise": noise, "replace": replace}
        chosen = [k for k, v in given.items() if v is not None]
        if len(chosen) != 1:
            raise TypeError(f"what_if takes one of zero, scale, clip, noise, replace; got {', '.join(chosen) or 'none'}")
        how = chosen[0]
        with self.lock:
            made = change(self, how, given[how] if how in ("scale", "clip", "noise") else None, replace, saved, input, seed)      # type: ignore[arg-type]
            return self._try_branch((*self.branch, made))

    def compare(self) -> Comparison:
        """The branch beside the pass as it is; without a branch, the pass with its edits beside the pass without."""
        with self.lock:
            return self._try_branch(self.branch)

    def _try_branch(self, branch: tuple[TorchChange, ...]) -> Comparison:
        self._must_not_be_aborted()
        why = self.cannot_run_again()
        if why:
            raise RuntimeError(f"this pass cannot be run beside itself: {why}")
        found = compare(self, branch)          # type: ignore[arg-type]
        self.branch, self.compared = branch, found
        self._tell()
        return found

    def memory(self) -> Memory:
        """What the graph holds for the rest of the pass, node by node, how it falls, its peak, and what a checkpoint of each module would save."""
        from .memory import memory

        with self.lock:
            return memory(self)                # type: ignore[arg-type]

    def drop(self, change: int | None = None) -> Comparison | None:
        """Takes back the whole branch, or one of its changes."""
        with self.lock:
            left = () if change is None else tuple(c for i, c in enumerate(self.branch) if i != range(len(self.branch))[change])
            if left:
                return self._try_branch(left)
            self.branch, self.compared = (), None
            self._tell()
            return None
