"""The Tape: what a recording holds, read by frames. It holds data only; views are attached elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import perf_counter_ns as clock
from time import time as wall
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.site import user_frame
from ..core.state import process
from . import recordings as reg
from . import rows
from .frame import FULL, LEVELS, Frame, level_of
from .reading import Reading, provide, provided
from .recorder import Recorder
from .recordings import registry
from .reduce import array_of, host
from .strings import Strings

CAPABILITIES = {"can_step": True, "can_rewind": True, "can_break": True, "can_edit_grad": True, "sees_kernels": False, "hooks_run": True, "exact_order": True}

if TYPE_CHECKING:
    from .store.follow import Follower
    from .tokens import Tokens

_control: Callable[[Tape], object] | None = None


def provide_control(opener: Callable[[Tape], object]) -> None:
    """`record(control=True)` calls `opener(tape)`: a room above lets others control the loop."""
    global _control
    _control = opener


class Tape(Reading):
    """A recording: events of a training run, readable while it goes on.

    It is its own context manager; leaving the block ends it, whatever the reason. `record()` makes one.
    """

    here = True                                                # its events come from this process
    shown = True                                               # stands in the list of recordings

    def __init__(self, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None,
                 name: str | None = None) -> None:
        level = level_of(values)
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a whole number of steps, at least 1, not {every!r}")
        self._hold(name, values)
        self.recorder = self._recorder(level, every, module, op)

    def _recorder(self, level: int, every: int, module: str | None, op: str | None) -> Recorder:
        return Recorder(self, level, every, module, op)

    def _hold(self, name: str | None, values: str) -> None:
        """What every tape has, wherever its events come from."""
        self.id = registry.new_id()
        self.name = name or f"run {self.id[1:]}"
        self.state = "recording"
        self.values = values
        self.began = wall()                                    # seconds since 1970
        self.path: Path | None = None                          # the folder that it is written to, or was read from
        self.params: dict[str, Any] = {}                       # what the run was started with, as `runs` filters by it
        self.follower: Follower | None = None                  # brings it to disk
        self.intern = Strings()
        self.notes: dict[str, str] = {}                        # what the recording has to say: a budget used up, rows dropped
        self.error: BaseException | None = None
        self.error_text = ""
        self.capabilities = dict(CAPABILITIES)
        self.rank = 0
        self.words: Tokens | None = None                       # what the numbers that a model reads stand for, where an adapter knows
        self.memory: dict[str, Any] = {}                       # what rooms above keep with a recording (rules' state, bases)
        self.version = 0
        self._listeners: list[Callable[[], None]] = []
        self._at_step: list[Callable[[], None]] = []
        self._lost: dict[str, int] = {}
        self._grew = 0
        self._rate: list[tuple[int, int, int]] = []            # (clock, step, ns spent) now and then
        self._stopped_at = 0
        self._lock = threading.Lock()

    # -- running --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Tape:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> Tape:
        """Listens to this thread; `record` has done it already."""
        reg.push(self)
        if self.shown:
            registry.add(self)
        return self

    def stop(self) -> Tape:
        """Ends the recording; from any thread, and harmless when it has ended."""
        with self._lock:
            if self.state == "stopped":
                return self
            self.state = "stopped"
        self._stopped_at = clock()
        mine = reg.pop(self)
        if mine or not self._running_elsewhere():
            self.recorder.finish()
        else:
            self.recorder.stopped = True                       # its own thread takes it away at the next event
        if self.follower is not None:
            self.follower.close()
        self.changed()
        registry.changed()
        return self

    def _running_elsewhere(self) -> bool:
        return self.recorder.thread != threading.get_ident()

    def leave(self) -> None:
        """Called by the recorder on its own thread after a `stop()` from another."""
        reg.pop(self)

    def failed(self, error: BaseException) -> None:
        """An error of the recorder itself: the recording ends, the program goes on."""
        if self.error is None:
            self.error = error
            self.error_text = "".join(traceback.format_exception(error))
            self.note("error", f"the recording ended by an error of Tapescope itself: {type(error).__name__}: {error}")
        self.state = "stopped"
        self._stopped_at = self._stopped_at or clock()
        reg.pop(self)
        if self.follower is not None:
            self.follower.end()
        self.changed()
        registry.changed()

    def write_to(self, path: str | os.PathLike[str] | None, control: bool = False) -> None:
        """Writes it to a folder while it goes on, and lets others control it through that; before it starts. `record(path)` does."""
        from .store.follow import Follower

        if path is None:
            raise ValueError("control=True needs a path: the folder through which the loop is controlled")
        if control:
            self.capabilities["can_control"] = _control is not None
        self.follower = Follower(self, path)
        self.path = self.follower.path if self.follower.disk is not None else None
        self.follower.start()
        if control and self.path is not None and _control is not None:
            _control(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes what this recording holds into the folder `path`, for `load_tape`; gives the folder back.

        A folder that holds a recording already is left alone, and a free name beside it is taken. Raises TapeError when it cannot be written.
        """
        from .store.follow import save

        return save(self, path)

    # -- what the user says -----------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Ends a training step here; from the first call on, optimizers no longer do."""
        if self.state == "recording":
            self.recorder.manual_step()

    def log_scalar(self, tag: str, value: Any, step: int | None = None) -> None:
        """Adds a value to the series `tag`; `step` is the step just done when it is not given. Raises TypeError for what is no number."""
        if self.state != "recording":
            return
        array = array_of(value)
        if getattr(array, "size", 1) != 1:
            raise ValueError(f"log_scalar({tag!r}) takes one number; this has shape {list(array.shape)}")
        self.recorder.log("scalar", str(tag), array, step, {})

    def log_scalars(self, tag: str | Mapping[str, Any], values: Mapping[str, Any] | None = None, step: int | None = None) -> None:
        """Adds several values at once: `log_scalars({"acc": 0.9, "f1": 0.8})`, or `log_scalars("val", {...})` for "val/acc"."""
        pairs: Iterable[tuple[str, Any]]
        if isinstance(tag, Mapping):
            pairs = tag.items()
        else:
            pairs = [(f"{tag}/{k}", v) for k, v in (values or {}).items()]
        for k, v in pairs:
            self.log_scalar(k, v, step)

    def log(self, kind: str, tag: str, value: Any, step: int | None = None, meta: dict[str, Any] | None = None) -> None:
        """Enters a logged value of any kind: "scalar", "histogram", "embedding"; of others ("image", "text", "audio", ...) bytes, text or an array."""
        if self.state == "recording":
            self.recorder.log(kind, tag, value, step, meta or {})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Says what the run was started with: numbers, text, booleans. Anything else raises TypeError."""
        for name, value in params.items():
            if value is not None and not isinstance(value, (bool, int, float, str)):
                item = getattr(value, "item", None)
                if item is None or (value.numel() if hasattr(value, "numel") else np.size(value)) != 1:
                    raise TypeError(f"the parameter {name!r} must be a number, text or a boolean, not {type(value).__name__}")
                value = item()
            self.params = {**self.params, str(name): value}
        self.changed()
        registry.changed()                                     # pages compare runs by them

    def labels(self, y: Any, *, predicted: Any = None, images: Any = None, **values: Any) -> None:
        """Says which class each row of the current batch belongs to, for projections, and what else is known of the rows. Shape [n].

        `predicted` are the classes that a model has answered, `images` a tensor [n, channels, height, width], and any other name a number for each row to
        colour by: `tape.labels(y, difficulty=d)`. Classes, answers and losses of a classification loss, and the pictures that a model was given, are known without it.
        Raises ValueError for a column of another length.
        """
        v, classes = self.recorder.values, np.array(host(array_of(y))).reshape(-1)
        v.note_labels(classes)
        columns = {name: a for name, a in {"predicted": predicted, "image": images, **values}.items() if a is not None}
        for name, a in columns.items():
            if len(a) != len(classes):
                raise ValueError(f"{name} has {len(a)} rows beside {len(classes)} labels")
        rows.note(v.probes.rows, rows.BATCH, self.step_number, columns)
        self.changed()

    def probe(self, key: str) -> None:
        """Copies a value from its next occurrence on: activation/<module path>, input/<module path> (what it is given), output/<op row>, weight/<name>, grad/<name>; of models of PyTorch that
        return attention maps, attention/<module path>.

        Of a recording that has ended, a weight that nobody has changed since can still be copied. Raises RuntimeError for anything else.
        """
        r = self.recorder
        if self.state == "stopped":
            self._probe_late(key)
            return
        r.values.probes.set(key)
        self._probed()

    def _probe_late(self, key: str) -> None:
        r, step = self.recorder, max(self.step_number - 1, 0)
        p = next((p for p in r.names.params if key == "weight/" + p.name), None)
        t = None if p is None else p.ref()
        if p is None or t is None or t._version != p.version:
            why = "" if t is None else ", and it has been changed since"
            raise RuntimeError(f"the recording {self.name!r} has ended{why}: {key} can be looked at in the next one")
        log = r.values.probes.log
        if not log.read(0, 1, key, (step, step))[0]:
            r.values.probes.put(key, t._array, step)
            self.changed()

    def unprobe(self, key: str) -> None:
        """Ends a probe; what it copied stays."""
        self.recorder.values.probes.clear(key)
        self._probed()

    def _probed(self) -> None:
        v = self.recorder.values
        self.recorder.watching = bool(v.probes.outputs)
        v.activations = v.activations or bool(v.probes.activations or v.probes.attentions)
        v.asked = bool(v.probes.activations or v.probes.inputs)
        v.set_mask()
        self.changed()

    def set_level(self, values: str) -> None:
        """What is read of values from the next step on, "none" to "full"; on the recording's thread, between two steps. Raises ValueError for an unknown level."""
        level, v = level_of(values), self.recorder.values
        self.values = values
        self.recorder.level = v.level = level
        v.keeping = level >= FULL
        self.changed()

    # -- who listens ------------------------------------------------------------------------------------------------------

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback()`, from any thread, when something new can be read; returns what ends that. It must be cheap."""
        self._listeners = [*self._listeners, callback]

        def unlisten() -> None:
            self._listeners = [c for c in self._listeners if c is not callback]

        return unlisten

    def at_step(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback()` on the training thread at the end of every step: where commands may touch live tensors."""
        self._at_step = [*self._at_step, callback]

        def remove() -> None:
            self._at_step = [c for c in self._at_step if c is not callback]

        return remove

    def changed(self) -> None:
        self.version += 1
        for callback in self._listeners:
            try:
                callback()
            except Exception:
                self._listeners = [c for c in self._listeners if c is not callback]

    def grew(self) -> None:
        """A structure has a new row; heard of at most every 30 ms."""
        now = clock()
        if now - self._grew > 30_000_000:
            self._grew = now
            self.changed()

    def stepped(self) -> None:
        """A step has ended."""
        r = self.recorder
        now = r.step_began
        if not self._rate or now - self._rate[-1][0] > 200_000_000:
            self._rate = [*self._rate[-15:], (now, r.step_no, r.spent)]
        self.changed()
        for callback in self._at_step:
            callback()
        if r.stopped:
            self.leave()

    def note(self, key: str, text: str) -> None:
        self.notes = {**self.notes, key: text}

    def drop(self, kind: str) -> None:
        self._lost[kind] = self._lost.get(kind, 0) + 1

    def __repr__(self) -> str:
        r = self.recorder
        text = f"<Tape {self.id} {self.name!r}: {self.state}, {r.step_no} step{'s' * (r.step_no != 1)}, values={self.values!r}"
        if r.graphs:
            text += f", {sum(len(g.op_name) for g in r.graphs.values())} ops in {len(r.graphs)} structure{'s' * (len(r.graphs) != 1)}"
        return text + ">"


def record(path: str | os.PathLike[str] | None = None, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None,
           name: str | None = None, params: Mapping[str, Any] | None = None, fingerprints: bool = False, control: bool = False) -> Tape:
    """Starts a recording of this thread: `with record() as tape: ...`, or `tape = record()` and later `tape.stop()`.

    `values` says what is read of values: "none" < "health" < "stats" < "histogram" < "full"; `every` reads them every k-th step.
    `module` and `op` are globs (several with commas) that limit whose values are read; structure is always complete.
    With `path` it is written to that folder while it goes on, for `load_tape`, by a thread that training does not wait for; a folder that holds
    a recording already is left alone, and a free name beside it taken (`tape.path`). What the disk refuses becomes a finding, and the recording
    goes on in memory. `params` are what the run is started with, by which `runs` finds it again.
    With `fingerprints` every value leaves three numbers behind, by which `compare` finds where two runs part; it costs a pass over every value.
    With `control` a program that looks at the folder may pause and step the loop, change what is read of values and set breakpoints (`python -m tapescope stream`,
    the panel of VS Code); nothing that changes a number of the training is accepted.
    Recordings nest; the innermost gets the events. Raises ValueError for an unknown level, TypeError for a parameter that is no number or text.
    """
    place, rank = _place(), process.rank
    if path is not None and rank is not None:                  # one folder a process, which load_tape reads as one recording
        name, path = name or os.path.basename(os.path.normpath(path)), os.path.join(path, f"rank{rank}")
    tape = Tape(values, every, module, op, name or (os.path.basename(os.path.normpath(path)) if path is not None else registry.name_for(place)))
    tape.rank = rank or 0
    if params is not None:
        tape.log_params(params)
    if fingerprints:
        from .fingerprint import attach

        attach(tape.recorder)
    if path is not None or control:
        tape.write_to(path, control)
    return tape.start()


def _place() -> Any:
    frame = user_frame(sys._getframe(2))
    return None if frame is None else (frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno)


__all__ = ["LEVELS", "Frame", "Tape", "provide", "provided", "record"]
