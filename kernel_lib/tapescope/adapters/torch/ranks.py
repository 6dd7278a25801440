"""Several processes of `torch.distributed`: what their gradients are before and after they are exchanged, and what a pause of one means for the others."""

from __future__ import annotations

import math
from time import perf_counter_ns as clock
from typing import Any

import torch

from ...core.say import say
from ...tape.recordings import registry
from .arrays import quietly
from .recorder import TorchRecorder


def stalls() -> str:
    """What a pause here means for other processes; '' where there are none."""
    dist = torch.distributed
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return ""
    others = dist.get_world_size() - 1
    return say("while this process (rank {0}) is held, {1} will wait for its gradients; past the timeout of the process group they fail", dist.get_rank(),
               say("1 other") if others == 1 else say("{0} others", others))


def bucket_norms(state: Any, bucket: Any) -> Any:
    """A communication hook for DistributedDataParallel: `ddp.register_comm_hook(None, tst.bucket_norms)`.

    Averages gradients as DDP itself does. While something is recorded, each bucket gives the series "bucket/<i>/local_norm" (this process's gradient),
    "bucket/<i>/norm" (the average of all), "bucket/<i>/in_flight" (ms) and "bucket/<i>/arrived" (seconds since the recording began): the average comes to
    all processes at nearly the same time, by which `tapescope.load_tape` sets their clocks. `state` is the process group, None for the default one.
    """
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    r = _recorder()
    if r is None:
        return allreduce_hook(state, bucket)
    local, began, tag = _norm(bucket.buffer()), clock(), f"bucket/{bucket.index()}"
    future = allreduce_hook(state, bucket)

    def arrived(future: Any) -> Any:
        buffer = future.value()
        try:
            for name, value in (("local_norm", local), ("norm", _norm(buffer)), ("in_flight", (clock() - began) * 1e-6), ("arrived", r.values.now())):
                r.values.pending[r.strings.add(f"{tag}/{name}")] = value
        except Exception as e:
            r.fail(e)
        return buffer

    return future.then(arrived)


bucket_norms.__annotations__.clear()           # PyTorch wants its own types there, or none


def _norm(t: Any) -> float:
    with quietly(), torch.no_grad():
        found = float(t.detach().float().norm())
    return found if math.isfinite(found) else math.inf


def _recorder() -> TorchRecorder | None:
    """Whose backward pass this is: the hook may be called on a thread of the engine's."""
    return next((t.recorder for t in reversed(registry.list()) if isinstance(t.recorder, TorchRecorder) and t.recorder.in_backward and not t.recorder.stopped), None)
