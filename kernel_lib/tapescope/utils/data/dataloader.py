"""DataLoader: batches of a dataset, in this process or from workers."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Iterator
from typing import Any

from ...core.random import Generator, default_generator
from .collate import default_collate
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .worker import Exhausted, Failed, fetch, run


def _as_is(sample: Any) -> Any:
    return sample


class DataLoader:
    """Iterates over batches of `dataset`; with `num_workers` they are fetched ahead in processes."""

    def __init__(self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Any = None, batch_sampler: Any = None,
                 num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
                 generator: Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
                 pin_memory_device: str = "") -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, "
                             "otherwise set prefetch_factor to None.")
        self.dataset, self.num_workers, self.timeout, self.worker_init_fn = dataset, num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.pin_memory, self.generator = persistent_workers, pin_memory, generator
        self.multiprocessing_context = multiprocessing_context
        self.iterable = isinstance(dataset, IterableDataset)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if self.iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(f"DataLoader with IterableDataset: expected unspecified shuffle and sampler options, but got shuffle={shuffle}, sampler={sampler}")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and (shuffle or drop_last) and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None and not self.iterable:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None and not self.iterable:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif self.iterable and batch_size is not None and batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        batched = batch_sampler is not None or (self.iterable and batch_size is not None)
        self.collate_fn: Callable[[Any], Any] = collate_fn or (default_collate if batched else _as_is)

    def _tasks(self) -> Iterator[Any]:
        if self.iterable:
            while True:
                yield self.batch_size
        yield from (self.batch_sampler if self.batch_sampler is not None else self.sampler)

    def __iter__(self) -> Iterator[Any]:
        return self._with_workers() if self.num_workers else self._here()

    def _here(self) -> Iterator[Any]:
        stream = iter(self.dataset) if self.iterable else None
        default_generator.words64(1)                        # the seed that workers would get: keeps the stream where PyTorch's is
        for indices in self._tasks():
            batch = fetch(self.dataset, stream, indices, self.collate_fn, self.drop_last)
            if isinstance(batch, Exhausted):
                return
            yield batch

    def _with_workers(self) -> Iterator[Any]:
        context = self.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        seed = int(default_generator.words64(1)[0]) & 0x7FFFFFFFFFFFFFFF
        results = context.Queue()
        tasks = [context.Queue() for _ in range(self.num_workers)]
        workers = []
        for i, inbox in enumerate(tasks):
            process = context.Process(target=run, daemon=True, args=(self.dataset, self.iterable, self.collate_fn, self.drop_last, inbox, results, i,
                                                                     self.num_workers, seed, self.worker_init_fn))
            process.start()
            workers.append(process)
        try:
            yield from self._collect(tasks, results, workers)
        finally:
            for inbox in tasks:
                inbox.put(None)
                inbox.close()
            for process in workers:
                process.join(timeout=1)
                if process.is_alive():
                    process.terminate()
                    process.join()
            results.close()

    def _collect(self, tasks: list[Any], results: Any, workers: list[Any]) -> Iterator[Any]:
        """Batches in the order of their tickets, however the workers finish."""
        todo, sent, wanted = self._tasks(), 0, 0
        waiting: dict[int, Any] = {}
        active = list(range(self.num_workers))
        owner: dict[int, int] = {}

        def send(worker: int) -> None:
            nonlocal sent
            indices = next(todo, None) if not self.iterable else self.batch_size or 0
            if indices is not None and worker in active:
                tasks[worker].put((sent, indices))
                owner[sent] = worker
                sent += 1

        for _ in range(self.prefetch_factor):
            for worker in range(self.num_workers):
                send(worker)
        while wanted < sent:
            while wanted not in waiting:
                ticket, batch = self._receive(results, workers)
                if ticket < 0:
                    batch.reraise()
                waiting[ticket] = batch
            batch = waiting.pop(wanted)
            worker = owner.pop(wanted)
            wanted += 1
            if isinstance(batch, Failed):
                batch.reraise()
            if isinstance(batch, Exhausted):
                if worker in active:
                    active.remove(worker)
                continue
            send(worker)
            yield batch

    def _receive(self, results: Any, workers: list[Any]) -> tuple[int, Any]:
        waited = 0.0
        while True:
            try:
                return results.get(timeout=0.5)  # type: ignore[no-any-return]
            except queue.Empty:
                waited += 0.5
                dead = [w for w in workers if not w.is_alive() and w.exitcode]
                if dead:
                    raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(str(w.pid) for w in dead)}) exited unexpectedly") from None
                if self.timeout and waited >= self.timeout:
                    raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds") from None

    def __len__(self) -> int:
        if self.iterable:
            n = len(self.dataset)
            return n if self.batch_size is None else n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)
