"""DataLoader: batches of a dataset, in this process or from workers."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.context
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ...core.random import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .iterators import Here, LoaderIterator, Workers
from .sampler import BatchSampler, RandomSampler, SequentialSampler

_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class DataLoader:
    """Iterates over batches of `dataset`; with `num_workers` they are fetched ahead in processes.

    A worker's exception is raised here with its traceback; a worker that dies or exceeds `timeout` seconds raises a RuntimeError.
    Nothing that happens while a batch is made is recorded.
    """

    _ready = False

    def __init__(self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Any = None, batch_sampler: Any = None,
                 num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
                 generator: Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
                 pin_memory_device: str = "", in_order: bool = True) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = _Endless() if self._iterable else RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self._batched = batch_sampler is not None
        self.dataset, self.num_workers, self.timeout, self.worker_init_fn = dataset, num_workers, timeout, worker_init_fn
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self.prefetch_factor: Any = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.in_order, self.generator = persistent_workers, in_order, generator
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.multiprocessing_context = multiprocessing_context
        self.collate_fn: Callable[[Any], Any] = collate_fn or (default_collate if self._batched else default_convert)
        self._said_length: int | None = None               # what len() has promised of a stream
        self._kept: Workers | None = None                  # the processes of the last pass, when they persist
        self._ready = True
        _check_cores(num_workers)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._ready and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        object.__setattr__(self, name, value)

    def _tasks(self) -> Iterator[Any]:
        """What is asked for, batch by batch: indices, or the size of the next piece of a stream."""
        if self._iterable:
            return itertools.repeat(self.batch_size or 1)
        return iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)

    def __iter__(self) -> LoaderIterator:
        if not self.num_workers:
            return Here(self)
        if self.persistent_workers and self._kept is not None:
            return self._kept.restart()
        made = Workers(self)
        if self.persistent_workers:
            self._kept = made
        return made

    def __len__(self) -> int:
        if not self._iterable:
            return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        n = self._said_length = len(self.dataset)
        return n if self.batch_size is None else n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Endless:
    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool, context: Any) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise "
                         "set prefetch_factor to None.")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is None:
        return
    if num_workers == 0:
        raise ValueError(f"multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers={num_workers}")
    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                         f"multiprocessing_context={context!r}")
    if not isinstance(context, (str, multiprocessing.context.BaseContext)):
        raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the start method, but got "
                        f"multiprocessing_context={context}")


def _check_cores(num_workers: int) -> None:
    limited = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if limited else os.cpu_count()
    if num_workers and cores and num_workers > cores:
        note = "" if limited else " (`cpuset` is not taken into account)"
        warnings.warn(f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker in current system is "
                      f"{cores}{note}, which is smaller than what this DataLoader is going to create. Please be aware that excessive worker creation "
                      "might get DataLoader running slow or even freeze, lower the worker number to avoid potential slowness/freeze if necessary.",
                      stacklevel=3)
