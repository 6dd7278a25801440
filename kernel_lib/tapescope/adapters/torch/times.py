"""Times of what runs on a device: CUDA events around calls and nodes, read when the device has passed them. Nobody waits for it while a step goes on."""

from __future__ import annotations

import math
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch

from ...tape.log import Item, ItemLog

if TYPE_CHECKING:
    from .recorder import TorchRecorder

on_device = attrgetter("is_cuda")

Pair = tuple[int, Any, Any]        # place among the ticks, event before, event after
Pass = tuple[Any, int, int, Any, list[Pair], list[Pair]]


class Times:
    """The events of one recorder's pass. Passes are timed as often as their nodes are: launching is all that clocks of the host see of the others."""

    def __init__(self, recorder: TorchRecorder) -> None:
        self.r = recorder
        self.possible = False                  # whether anything may run on a device
        self.on = False                        # whether this pass is timed
        self.called: tuple[Any, Any] | None = None             # around the newest call
        self.ops: list[Pair] = []
        self.nodes: list[Pair] = []
        self._node: Any = None                 # before the node that runs

    def begin(self) -> None:
        """A pass begins."""
        self.possible = torch.cuda.is_available() and torch.cuda.is_initialized()
        self.on = self.possible and self.r.values.nodes_due
        self.ops, self.nodes = [], []

    def mark(self) -> Any:
        """An event of the stream that things now run on."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def keep_op(self, t: Any) -> None:
        """The newest tick is that of the newest call, which gave `t`."""
        if self.called is not None and on_device(t):
            self.ops.append((len(self.r.ticks) - 1, *self.called))
        self.called = None

    def node_begins(self, t: Any) -> None:
        self._node = self.mark() if t is not None and on_device(t) else None

    def node_ends(self) -> None:
        if self._node is not None:
            self.nodes.append((len(self.r.node_ticks) - 1, self._node, self.mark()))
            self._node = None


class DeviceClocks(ItemLog):
    """The clocks of passes. Those with events wait until the device has passed the last of them."""

    def __init__(self, cap: int, recorder: TorchRecorder) -> None:
        super().__init__(cap)
        self.r = recorder
        self._waiting: list[Pass] = []
        self._settling = threading.Lock()

    def add(self, key: Any, step: int, nbytes: int, data: Any) -> None:
        times = self.r.times
        timed = times.ops or times.nodes
        if times.possible and self.r.values.away and not timed:
            return                             # what has been launched, and no time that it took
        with self._settling:
            if not timed and not self._waiting:
                super().add(key, step, nbytes, data)
                return
            self._waiting.append((key, step, nbytes, data, times.ops, times.nodes))
        self.settle()

    def settle(self, wait: bool = False) -> None:
        """Enters passes that the device is done with; all of them where somebody waits for it."""
        with self._settling:
            while self._waiting:
                key, step, nbytes, data, *pairs = self._waiting[0]
                for events in pairs:
                    if events and not events[-1][2].query():
                        if not wait:
                            return
                        events[-1][2].synchronize()
                for ticks, events in zip((data[0], data[3]), pairs, strict=True):
                    for at, before, after in events:
                        ticks[at] = _elapsed(before, after)
                del self._waiting[0]
                super().add(key, step, nbytes, data)

    def read(self, *args: Any, **kwargs: Any) -> tuple[list[Item], int]:
        self.settle()
        return super().read(*args, **kwargs)

    def few(self, *args: Any, **kwargs: Any) -> tuple[list[Item], int]:
        self.settle()
        return super().few(*args, **kwargs)


def _elapsed(before: Any, after: Any) -> float:
    """Nanoseconds between two events; NaN where a device does not tell, as between two of them."""
    try:
        return float(before.elapsed_time(after)) * 1e6
    except RuntimeError:
        return math.nan
