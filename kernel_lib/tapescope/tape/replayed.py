"""What every tape is that was read instead of recorded: nothing can be added to it, and what it follows may still grow."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

from .recordings import registry
from .tape import Tape

LOOK = 0.1                       # seconds between two looks at what is still being written


class Replayed(Tape):
    """A tape without its program. `refresh` looks whether there is something new."""

    here = False

    def refresh(self) -> bool:
        """Looks for what has been written since; True when there was something."""
        raise NotImplementedError

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback()` when something new can be read; while the recording is being written, its folder is watched for that."""
        if self.state == "recording":
            _watch(self)
        return super().listen(callback)

    def start(self) -> Tape:
        registry.add(self)
        return self

    def stop(self) -> Tape:
        """A recording that was read has ended, or is ended by the program that writes it."""
        return self

    def _over(self, what: str) -> NoReturn:
        raise RuntimeError(f"{what}: the recording {self.name!r} was read from {self.path}, and its model is not here")

    def step(self) -> None:
        self._over("step() ends a step of a running recording")

    def log(self, kind: str, tag: str, value: Any, step: int | None = None, meta: dict[str, Any] | None = None) -> None:
        self._over(f"{tag!r} cannot be logged")

    def log_scalar(self, tag: str, value: Any, step: int | None = None) -> None:
        self._over(f"{tag!r} cannot be logged")

    def labels(self, y: Any, *, predicted: Any = None, images: Any = None, **values: Any) -> None:
        self._over("labels belong to a running recording")

    def probe(self, key: str) -> None:
        """Of a recording that was read, only what was copied can be looked at. Raises RuntimeError for anything else."""
        if key not in self.copied_keys():
            self._over(f"{key} was not copied and cannot be now")

    def unprobe(self, key: str) -> None:
        return


# -- watching what is being written --------------------------------------------------------------------------------------------

_watched: weakref.WeakSet[Replayed] = weakref.WeakSet()
_watcher: list[threading.Thread] = []
_watch_lock = threading.Lock()


def _watch(tape: Replayed) -> None:
    with _watch_lock:
        _watched.add(tape)
        if not _watcher or not _watcher[0].is_alive():
            _watcher[:] = [threading.Thread(target=_look, name="tapescope-watch", daemon=True)]
            _watcher[0].start()


def _look() -> None:
    while True:
        time.sleep(LOOK)
        with _watch_lock:
            tapes = list(_watched)
            if not tapes:
                _watcher.clear()
                return
        for tape in tapes:
            try:
                tape.refresh()
            except Exception as e:                             # the folder was taken away
                tape.note("watch", str(e))
                tape.state = "stopped"
                tape.changed()
            if tape.state == "stopped":
                with _watch_lock:
                    _watched.discard(tape)
        del tapes
        tape = None                                            # type: ignore[assignment]
