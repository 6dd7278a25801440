"""What runs in a DataLoader worker process."""

from __future__ import annotations

import os
import queue
import random
import signal
import threading
import traceback
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...core.random import default_generator, manual_seed
from ...core.state import set_sink
from .fetch import fetch
from .transport import send


class WorkerInfo(NamedTuple):
    """Which worker this process is."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


@dataclass
class Job:
    """All that a worker is told when it starts."""

    dataset: Any
    iterable: bool
    collate: Any
    drop_last: bool
    batched: bool
    number: int
    count: int
    seed: int
    init: Any
    inherited: tuple[Any, ...]                             # the parent's ends of pipes, which a forked process has copies of


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker: its id, the number of workers, its seed and its copy of the dataset; elsewhere None."""
    return _info


class _Lines(str):
    """A KeyError shows the repr of its argument; this keeps the lines of a traceback readable."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Failed:
    """An exception on its way to the parent, with the traceback it had in the worker."""

    def __init__(self, error: BaseException, worker: int) -> None:
        self.kind: type[BaseException] = type(error)
        self.text, self.worker = "".join(traceback.format_exception(error)), worker

    def reraise(self) -> None:
        """Raises it here, with the worker's traceback as its text."""
        message = f"Caught {self.kind.__name__} in DataLoader worker process {self.worker}.\nOriginal {self.text}"
        if self.kind is StopIteration:                     # it would end the loop over the loader without a word
            raise RuntimeError(message)
        if self.kind is KeyError:
            message = _Lines(message)
        elif getattr(self.kind, "message", None):
            raise self.kind(message=message)               # type: ignore[call-arg]
        try:
            error = self.kind(message)
        except Exception:                                  # an exception type with a constructor of its own
            raise RuntimeError(message) from None
        try:
            raise error
        finally:
            del error                                      # else error, traceback and frame hold each other, and the workers with them


def run(job: Job, connection: Any) -> None:
    """Fetches the batches it is asked for until it is told to stop, or until its parent is gone."""
    global _info
    signal.signal(signal.SIGINT, signal.SIG_IGN)           # an interrupt is the parent's to handle
    default_generator._lock = threading.Lock()             # another thread may have held it at the moment of the fork
    for pipe in job.inherited:                             # else a closed pipe would look open to the other workers
        pipe.close()
    set_sink(None)
    seed = job.seed + job.number
    _info = WorkerInfo(job.number, job.count, seed, job.dataset)
    manual_seed(seed)
    random.seed(seed)
    np.random.seed(np.random.SeedSequence([job.number, job.seed & 0xFFFFFFFF, job.seed >> 32, 0]).generate_state(4))
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks, os.getppid()), daemon=True).start()
    broken: Failed | None = None
    try:
        if job.init is not None:
            job.init(job.number)
    except Exception as error:
        broken = Failed(error, job.number)
    stream, epoch = None, -1
    while (task := tasks.get()) is not None:
        ticket, indices = task
        result: Any = broken
        try:
            if result is None:
                if job.iterable and ticket[0] != epoch:
                    stream, epoch = iter(job.dataset), ticket[0]
                result = fetch(job.dataset, stream, indices, job.collate, job.drop_last, job.batched)
        except Exception as error:
            result = Failed(error, job.number)
        if not _reply(connection, ticket, result, job.number):
            return
        del result


def _listen(connection: Any, tasks: queue.SimpleQueue[Any], parent: int) -> None:
    """Takes tasks off the pipe, so that the parent never waits to hand one over."""
    while True:
        try:
            if not connection.poll(2.0):
                if os.getppid() != parent:                 # killed, without a word
                    os._exit(1)
                continue
            task = connection.recv()
        except (EOFError, OSError):
            task = None
        tasks.put(task)
        if task is None:
            return


def _reply(connection: Any, ticket: Any, result: Any, number: int) -> bool:
    try:
        send(connection, (ticket, result))
    except (BrokenPipeError, ConnectionResetError):
        return False
    except Exception as error:                             # a batch, or an exception type, that cannot be pickled
        failed = result if isinstance(result, Failed) else Failed(error, number)
        failed.kind = RuntimeError if isinstance(result, Failed) else type(error)
        send(connection, (ticket, failed))
    return True
