"""What `iter(loader)` gives: batches made here, or fetched ahead by worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

from ...core.random import default_generator
from .fetch import Exhausted, fetch
from .transport import receive
from .worker import Failed, Job, run

if TYPE_CHECKING:
    from .dataloader import DataLoader


class LoaderIterator:
    """One pass over a loader. It draws the workers' seed when it is made, as PyTorch does, so that seeded programs go on alike."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        if loader.pin_memory and "cupy" not in sys.modules:
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.", stacklevel=3)
        self._indices = loader._tasks()
        self._seed = int((loader.generator or default_generator).words64(1)[0]) & 0x7FFFFFFFFFFFFFFF
        self._yielded = 0

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        return len(self.loader)

    def __next__(self) -> Any:
        batch = self._next()
        self._yielded += 1
        said = self.loader._said_length
        if said is not None and self._yielded > said:
            more = ("For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at each worker. "
                    "Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                    if self.loader.num_workers else "")
            warnings.warn(f"Length of IterableDataset {self.loader.dataset} was reported to be {said}(when accessing len(dataloader)), but "
                          f"{self._yielded} samples have been fetched. {more}", stacklevel=2)
        return batch

    def _next(self) -> Any:
        raise NotImplementedError

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class Here(LoaderIterator):
    """Batches made when they are asked for."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._stream = iter(loader.dataset) if loader._iterable else None

    def _next(self) -> Any:
        loader = self.loader
        batch = fetch(loader.dataset, self._stream, next(self._indices), loader.collate_fn, loader.drop_last, loader._batched)
        if isinstance(batch, Exhausted):
            raise StopIteration
        return batch


class Workers(LoaderIterator):
    """Batches from processes, `prefetch_factor` of them ahead for each, in the order of the sampler unless `in_order=False`."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._epoch, self._pid = 0, os.getpid()
        self._pipes: list[Any] = []
        self._processes: list[Any] = []
        context = start_context(loader.multiprocessing_context)
        forks = context.get_start_method() == "fork"
        try:
            for number in range(loader.num_workers):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                job = Job(loader.dataset, loader._iterable, loader.collate_fn, loader.drop_last, loader._batched, number, loader.num_workers,
                          self._seed, loader.worker_init_fn, tuple(self._pipes) if forks else ())
                process = context.Process(target=run, args=(job, theirs), daemon=True, name=f"tapescope-loader-{number}")
                with warnings.catch_warnings():            # workers use no thread of their parent, and renew the one lock they need
                    warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
                    process.start()
                theirs.close()
                self._processes.append(process)
        except BaseException:
            self.close()
            raise
        self._begin()

    def restart(self) -> Workers:
        """Another pass with the same processes."""
        self._indices = self.loader._tasks()
        self._yielded = 0
        self._epoch += 1
        self._begin()
        return self

    def _begin(self) -> None:
        self._sent = self._wanted = 0
        self._arrived: dict[int, Any] = {}
        self._owner: dict[int, int] = {}
        self._active = list(range(len(self._processes)))   # the workers whose stream has not ended
        self._turn = 0
        for _ in range(self.loader.prefetch_factor * len(self._processes)):
            self._ask()

    def _ask(self) -> None:
        """Gives the next task to the worker whose turn it is."""
        if not self._active:
            return
        indices = next(self._indices, None)
        if indices is None:
            return
        worker = next((w for w in self._active if w >= self._turn), self._active[0])
        self._turn = (worker + 1) % len(self._processes)
        self._owner[self._sent] = worker
        try:
            self._pipes[worker].send(((self._epoch, self._sent), indices))
        except (BrokenPipeError, ConnectionResetError):
            self._dead([worker])
        self._sent += 1

    def _next(self) -> Any:
        while self._owner:
            while self._wanted < self._sent and self._wanted not in self._owner:
                self._wanted += 1                          # delivered out of order
            ticket = self._wanted if self.loader.in_order else next(iter(self._arrived), self._wanted)
            if ticket not in self._arrived:
                self._receive()
                continue
            batch = self._arrived.pop(ticket)
            worker = self._owner.pop(ticket)
            if isinstance(batch, Exhausted):
                if worker in self._active:
                    self._active.remove(worker)
                self._ask()
                continue
            self._ask()
            if isinstance(batch, Failed):
                batch.reraise()
            return batch
        if not self.loader.persistent_workers:
            self.close()
        raise StopIteration

    def _receive(self) -> None:
        """Waits until a worker answers, ends, or takes too long."""
        limit = self.loader.timeout
        ends = [p.sentinel for p in self._processes]
        ready = multiprocessing.connection.wait([*self._pipes, *ends], limit or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {limit} seconds")
        gone = []
        for number, pipe in enumerate(self._pipes):
            if pipe in ready:
                try:
                    (epoch, ticket), batch = receive(pipe)
                except (EOFError, ConnectionResetError):
                    gone.append(number)
                    continue
                if epoch == self._epoch:
                    self._arrived[ticket] = batch
        answered = any(p in ready for i, p in enumerate(self._pipes) if i not in gone)
        if not answered:
            self._dead(gone or [i for i, e in enumerate(ends) if e in ready])

    def _dead(self, workers: list[int]) -> None:
        for w in workers:
            self._processes[w].join(1.0)
        pids = ", ".join(str(self._processes[w].pid) for w in workers)
        codes = {self._processes[w].exitcode for w in workers}
        why = "".join(f" (killed by signal {-c})" if c < 0 else f" (exit code {c})" for c in sorted(c for c in codes if c is not None))
        self.close()
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly{why}")

    def close(self) -> None:
        """Ends the processes: asks them first, and does not wait long."""
        processes, self._processes = self._processes, []
        pipes, self._pipes = self._pipes, []
        self._owner, self._arrived = {}, {}
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
            pipe.close()                                   # a worker that is writing a batch nobody wants fails, and ends
        deadline = time.monotonic() + 1.0
        for p in processes:
            p.join(max(0.0, deadline - time.monotonic()))
            if p.is_alive():
                p.terminate()
                p.join(1.0)
            if p.is_alive():
                p.kill()
                p.join()
        if self.loader._kept is self:
            self.loader._kept = None

    def __del__(self) -> None:
        if getattr(self, "_processes", None) and self._pid == os.getpid():     # a forked process has a copy that is not its own
            self.close()


def start_context(given: Any) -> Any:
    """The way processes are started: the user's; else a fork where that is safe, since what is defined in a notebook cannot be imported elsewhere."""
    if given is not None and not isinstance(given, str):
        return given
    if given is None:
        given = multiprocessing.get_start_method(allow_none=True)
        if given is None and sys.platform == "linux":
            given = "fork"
    return multiprocessing.get_context(given)
