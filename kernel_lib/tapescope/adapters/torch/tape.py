"""`record()`: a tape that listens to PyTorch."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import torch

from ...core.site import user_frame
from ...core.state import process
from ...tape.fingerprint import attach
from ...tape.recorder import Recorder
from ...tape.recordings import registry
from ...tape.tape import Tape
from ...tape.tokens import Tokens, vocabulary
from .kernels import Kernels, OpKernels
from .listen import Listener, ears, hearing, leaving, local, sweep
from .recorder import TorchRecorder

CAPABILITIES = {"can_step": True, "can_rewind": True, "can_break": True, "can_edit_grad": True, "sees_kernels": False, "hooks_run": True, "exact_order": True}


class TorchTape(Tape):
    """A recording of PyTorch's calls on this thread. When it ends, PyTorch is as it was before."""

    recorder: TorchRecorder

    def __init__(self, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None, name: str | None = None, shown: bool = True,
                 kernels: bool = False, compiled: str = "eager") -> None:
        if compiled not in ("eager", "opaque"):
            raise ValueError(f"compiled is 'eager' (the ops of compiled models are seen) or 'opaque' (a call of one is one op), not {compiled!r}")
        self.shown = shown
        super().__init__(values, every, module, op, name)
        self.capabilities = dict(CAPABILITIES)
        self._listener: Listener | None = None
        self.recorder.opaque = compiled == "opaque"
        if kernels:
            self.recorder.kernels = Kernels(self.recorder)
            self.capabilities["sees_kernels"] = True

    def _recorder(self, level: int, every: int, module: str | None, op: str | None) -> Recorder:
        return TorchRecorder(self, level, every, module, op)

    def start(self) -> Tape:
        sweep()
        if self.shown:
            super().start()
        else:
            local.quiet = self.recorder
        listener = self._listener = Listener(self.recorder)
        self.recorder.hearing = lambda: hearing(listener)
        ears.open()
        ears.eager()
        listener.depth = 1 << 30               # on top
        listener.wake()
        self.recorder.listener = listener
        if self.recorder.kernels is not None:
            self.recorder.kernels.enter()
        return self

    def kernels(self, graph: int | None = None) -> list[OpKernels]:
        """What every op of a structure (the current one) has called of ATen, forward and backward. Raises RuntimeError where nobody has listened for it."""
        if self.recorder.kernels is None:
            raise RuntimeError("kernels are heard where they are asked for: tst.record(model, kernels=True)")
        return list(self.recorder.kernels.table(graph))

    def stop(self) -> Tape:
        super().stop()
        if local.quiet is self.recorder:
            local.quiet = None
        self._detach()
        return self

    def leave(self) -> None:
        super().leave()
        self._detach()

    def failed(self, error: BaseException) -> None:
        super().failed(error)
        self._detach()

    def tokens(self, tokenizer: Any) -> None:
        """Says what the numbers that the model reads stand for: a tokenizer of transformers, a mapping or a sequence of tokens. They then name the rows
        of activations in the projector, and the axes of activations, attention maps and embeddings in the tensor view."""
        self.words = Tokens(vocabulary(tokenizer))
        self.changed()

    def _probed(self) -> None:
        super()._probed()
        self.recorder.attend()

    def _detach(self) -> None:
        if not self._detached() and self._detached not in leaving:
            leaving.append(self._detached)     # its own thread takes it away, outside of PyTorch's calls

    def _detached(self) -> bool:
        listener = self._listener
        if listener is None:
            return True
        if listener.thread != threading.get_ident() or not listener.rest():
            return False
        if self.recorder.kernels is not None:
            self.recorder.kernels.leave()
        self._listener = None
        ears.close()
        return True


def record(model: Any = None, path: str | os.PathLike[str] | None = None, *, values: str = "stats", every: int = 1, module: str | None = None,
           op: str | None = None, name: str | None = None, params: Mapping[str, Any] | None = None, fingerprints: bool = False,
           kernels: bool = False, compiled: str = "eager", tokenizer: Any = None, control: bool = False) -> TorchTape:
    """Starts a recording of what PyTorch does on this thread: `with record(model) as tape: ...`, or `tape = record(model)` and later `tape.stop()`.

    `model` gives parameters and layers their names; without it, the first module that is called does. With `path` it is written to that folder while it
    goes on, for `tapescope.load_tape`. The other arguments are those of `tapescope.record`. Under `torch.distributed` every process has a recording of
    its own, with its rank; a path gets one folder a rank. `kernels` lets `tape.kernels()` tell what each op calls of ATen, at some cost.
    Models under `torch.compile(model)` run eagerly while they are recorded; with `compiled="opaque"` they run as compiled, and each call is one op.
    `tokenizer` names what the model reads (see `TorchTape.tokens`). Raises TypeError for a model that is no torch.nn.Module, ValueError for an unknown level.
    """
    if model is not None and not isinstance(model, torch.nn.Module):
        raise TypeError(f"record() takes a torch.nn.Module, not {type(model).__name__}; leave it out to record without one")
    from ...facade import open_house

    open_house()
    frame = user_frame(sys._getframe(1))
    place = None if frame is None else (frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno)
    rank = torch.distributed.get_rank() if torch.distributed.is_available() and torch.distributed.is_initialized() else process.rank
    if path is not None:
        name, path = name or os.path.basename(os.path.normpath(path)), os.path.join(path, f"rank{rank}") if rank is not None else path
    tape = TorchTape(values, every, module, op, name or registry.name_for(place), kernels=kernels, compiled=compiled)
    tape.rank = rank or 0
    tape.log_params(params or {})
    if tokenizer is not None:
        tape.tokens(tokenizer)
    if model is not None:
        tape.recorder.names.add_root(model)
    if fingerprints:
        attach(tape.recorder)
    if path is not None or control:
        tape.write_to(path, control)
    tape.start()
    return tape
