"""Several processes that run one function, and end together when one of them fails."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any


class ProcessException(Exception):
    """A process failed: `error_index` is its number, `error_pid` its process id."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid = msg, error_index, error_pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """An exception was raised in a process; its traceback is the text."""


class ProcessExitedException(ProcessException):
    """A process ended with a signal or an exit code."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], i: int, args: tuple[Any, ...], path: str) -> None:
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass                                               # an interrupt is the parent's to handle
    except Exception:
        with open(path, "wb") as f:
            pickle.dump(traceback.format_exc(), f)
        raise SystemExit(1) from None


class ProcessContext:
    """Started processes; `join()` waits for them."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(p.pid) for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until one fails or some have ended; True when all have. A failure ends the others and raises ProcessRaisedException or ProcessExitedException."""
        if not self.sentinels:
            return True
        failed = None
        for sentinel in multiprocessing.connection.wait(list(self.sentinels), timeout):
            i = self.sentinels.pop(sentinel)
            self.processes[i].join()
            if self.processes[i].exitcode:
                failed = i
                break
        if failed is None:
            if not self.sentinels:
                self._tidy()
            return not self.sentinels
        if grace_period is not None:
            self._wait(grace_period)
        for stop in ("terminate", "kill"):
            for p in self.processes:
                if p.is_alive():
                    getattr(p, stop)()
            self._wait(30.0 if grace_period is None else grace_period)
        self.sentinels.clear()
        try:
            raise self._error(failed)
        finally:
            self._tidy()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for p in self.processes:
            p.join(max(0.0, end - time.monotonic()))

    def _error(self, i: int) -> ProcessException:
        p = self.processes[i]
        if os.path.exists(self.error_files[i]):
            with open(self.error_files[i], "rb") as f:
                return ProcessRaisedException(f"\n\n-- Process {i} terminated with the following error:\n{pickle.load(f)}", i, p.pid)
        code = p.exitcode
        if code >= 0:
            return ProcessExitedException(f"process {i} terminated with exit code {code}", i, p.pid, code)
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"<Unknown signal {-code}>"
        return ProcessExitedException(f"process {i} terminated with signal {name}", i, p.pid, code, name)

    def _tidy(self) -> None:
        for path in self.error_files:
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)


class SpawnContext(ProcessContext):
    """ProcessContext under its older name."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        warnings.warn("SpawnContext is renamed to ProcessContext since 1.4 release.", stacklevel=2)
        super().__init__(processes, error_files)


def start_processes(fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
                    start_method: str = "spawn") -> ProcessContext | None:
    """Runs `fn(i, *args)` in `nprocs` processes; with `join` it waits for all of them, else it returns their ProcessContext."""
    context: Any = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="tapescope-errors-")
    files = [os.path.join(folder, f"{i}.pickle") for i in range(nprocs)]
    processes = [context.Process(target=_run, args=(fn, i, args, files[i]), daemon=daemon) for i in range(nprocs)]
    for p in processes:
        p.start()
    made = ProcessContext(processes, files)
    if not join:
        return made
    while not made.join():
        pass
    return None


def spawn(fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
          start_method: str = "spawn") -> ProcessContext | None:
    """`start_processes` with fresh interpreters: `fn` must be importable, and a program must guard its start by `if __name__ == "__main__"`."""
    if start_method != "spawn":
        warnings.warn(f"This method only supports start_method=spawn (got: {start_method}).\nTo use a different start_method use:\n\t\t "
                      "torch.multiprocessing.start_processes(...)", FutureWarning, stacklevel=2)
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")
