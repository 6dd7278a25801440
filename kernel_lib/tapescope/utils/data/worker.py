"""What runs in a DataLoader worker process."""

from __future__ import annotations

import random
import traceback
from typing import Any, NamedTuple

import numpy as np

from ...core.random import manual_seed
from ...core.state import set_sink


class WorkerInfo(NamedTuple):
    """Which worker this process is."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker: its id, the number of workers, its seed and its copy of the dataset; elsewhere None."""
    return _info


class Failed(NamedTuple):
    """An exception on its way to the parent, with the traceback it had in the worker."""

    kind: type[BaseException]
    text: str
    worker: int

    def reraise(self) -> None:
        message = f"Caught {self.kind.__name__} in DataLoader worker process {self.worker}.\nOriginal {self.text}"
        try:
            error = self.kind(message)
        except Exception:                                   # an exception type with a constructor of its own
            raise RuntimeError(message) from None
        raise error


def run(dataset: Any, iterable: bool, collate: Any, drop_last: bool, tasks: Any, results: Any, number: int, count: int, seed: int, init: Any) -> None:
    """Fetches the batches it is asked for until it is told to stop."""
    global _info
    set_sink(None)
    _info = WorkerInfo(number, count, seed + number, dataset)
    manual_seed(seed + number)
    random.seed(seed + number)
    np.random.seed((seed + number) & 0xFFFFFFFF)
    stream = None
    try:
        if init is not None:
            init(number)
        if iterable:
            stream = iter(dataset)
    except BaseException as error:
        results.put((-1, Failed(type(error), traceback.format_exc(), number)))
        return
    while True:
        task = tasks.get()
        if task is None:
            return
        ticket, indices = task
        try:
            results.put((ticket, fetch(dataset, stream, indices, collate, drop_last)))
        except KeyboardInterrupt:
            return
        except BaseException as error:
            results.put((ticket, Failed(type(error), traceback.format_exc(), number)))


class Exhausted:
    """A stream has come to its end."""


def fetch(dataset: Any, stream: Any, indices: Any, collate: Any, drop_last: bool) -> Any:
    """One batch by indices, or the next one of a stream."""
    if stream is None:
        if isinstance(indices, list):
            many = getattr(dataset, "__getitems__", None)
            return collate(many(indices) if callable(many) else [dataset[i] for i in indices])
        return collate(dataset[indices])
    batch = []
    for _ in range(indices or 1):
        try:
            batch.append(next(stream))
        except StopIteration:
            break
    if not batch or (indices and drop_last and len(batch) < indices):
        return Exhausted()
    return collate(batch if indices else batch[0])
