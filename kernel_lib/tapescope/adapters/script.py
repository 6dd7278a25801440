"""A script that knows nothing of being recorded: what it does with this library, and with PyTorch from the moment that it imports that."""

from __future__ import annotations

import contextlib
import importlib.abc
import os
import runpy
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from ..core.state import process
from ..tape.tape import Tape, record

# Who starts several processes tells each of them its number and how many they are: torchrun, Open MPI, MPICH and its kin, Slurm.
LAUNCHERS = (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))


def place(env: Mapping[str, str]) -> tuple[int | None, int]:
    """(rank, world) of this process as its launcher has told it; (None, 1) where it is alone."""
    for rank, world in LAUNCHERS:
        if env.get(rank, "").isdigit() and env.get(world, "").isdigit() and int(env[world]) > 1:
            return int(env[rank]), int(env[world])
    return None, 1


class Outside(importlib.abc.MetaPathFinder):
    """Records to a folder what its block does, one folder a rank where a launcher has started several.

    Which library a script trains with shows when it imports it: until then nothing is written, and PyTorch's import puts the adapter in the place of
    what listens here, which hears this library, too.
    """

    def __init__(self, to: str | os.PathLike[str], **options: Any) -> None:
        self.to, self.options = Path(to), {"name": Path(os.path.normpath(to)).name, **options}
        self.rank, self.world = place(os.environ)
        self.tape: Tape

    def __enter__(self) -> Outside:
        with self._ranked():
            self.tape = record(**self.options)
        self._quiet = self.tape.listen(self._write)
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._write()                                          # a script that has done nothing leaves an empty recording
        self.tape.stop()

    @contextlib.contextmanager
    def _ranked(self) -> Iterator[None]:
        before = process.rank, process.world
        process.rank, process.world = self.rank, self.world
        try:
            yield
        finally:
            process.rank, process.world = before

    def _write(self) -> None:
        """The first that is heard of the script: from now on it is on disk."""
        self._quiet()
        if self.tape.follower is None:
            with self._ranked():
                self.tape.write_to(self.to if self.rank is None else self.to / f"rank{self.rank}")

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        found = next((s for f in sys.meta_path if f is not self and (s := f.find_spec(fullname, path, target)) is not None), None)
        if found is not None and found.loader is not None:
            load = found.loader.exec_module

            def load_and_listen(module: Any) -> None:
                load(module)
                self._torch()

            setattr(found.loader, "exec_module", load_and_listen)
        return found

    def _torch(self) -> None:
        sys.meta_path.remove(self)
        if self.tape.follower is not None or self.tape.recorder.thread != threading.get_ident():
            self.tape.note("torch", "PyTorch was imported when the recording had begun: what it does is not recorded; import it first")
            return
        try:
            from . import torch as adapter
        except ImportError as error:                           # a PyTorch that is too old: the script goes on
            self.tape.note("torch", str(error))
            return
        self._quiet()
        self.tape.stop()
        with self._ranked():
            self.tape = adapter.record(None, self.to, **self.options)


def run(script: list[str], module: bool = False) -> None:
    """Runs a script, or a module by its name, with its arguments, as Python itself would."""
    sys.argv = list(script)
    if module:
        sys.path[0] = os.getcwd()
        runpy.run_module(script[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(script[0]).resolve().parent)
        runpy.run_path(script[0], run_name="__main__")
