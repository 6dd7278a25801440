"""Queues of work on a device, and marks in them by which it is timed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..core.device import device_count, module_for


class Event:
    """A mark in a stream: `a.record(); work(); b.record(); synchronize(); a.elapsed_time(b)` gives milliseconds, with `enable_timing=True`."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False) -> None:
        if not device_count():
            raise RuntimeError("Tried to instantiate dummy base class Event (there is no CUDA device; time.perf_counter() measures on the CPU)")
        self._event = module_for("cuda").cuda.Event(block=blocking, disable_timing=not enable_timing, interprocess=interprocess)

    def record(self, stream: Any = None) -> None:
        """Marks this moment of a stream, the current one if none is given."""
        self._event.record(None if stream is None else stream._stream)

    def wait(self, stream: Any = None) -> None:
        """Makes all later work of a stream wait for this mark."""
        (current_stream() if stream is None else stream)._stream.wait_event(self._event)

    def query(self) -> bool:
        """Whether all work before the mark is done."""
        return bool(self._event.done)

    def synchronize(self) -> None:
        """Waits until all work before the mark is done."""
        self._event.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this mark to another."""
        return float(module_for("cuda").cuda.get_elapsed_time(self._event, end_event._event))


class Stream:
    """A queue of work on the device."""

    def __init__(self, device: Any = None, priority: int = 0, *, _stream: Any = None) -> None:
        if not device_count():
            raise RuntimeError("torch.cuda.Stream requires CUDA support")
        self._stream = module_for("cuda").cuda.Stream(non_blocking=True) if _stream is None else _stream

    def synchronize(self) -> None:
        """Waits for all of its work."""
        self._stream.synchronize()

    def query(self) -> bool:
        """Whether all of its work is done."""
        return bool(self._stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        """Marks this moment."""
        made = event or Event()
        made.record(self)
        return made

    def wait_event(self, event: Event) -> None:
        """Makes all later work wait for a mark."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Makes all later work wait for what another stream has now."""
        self.wait_event(stream.record_event())


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to. Raises AssertionError without CuPy."""
    return Stream(_stream=module_for("cuda").cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to where none was chosen. Raises AssertionError without CuPy."""
    return Stream(_stream=module_for("cuda").cuda.Stream.null)


def set_stream(stream: Stream | None) -> None:
    """Makes a stream the one that work goes to; None does nothing."""
    if stream is not None:
        stream._stream.use()


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A region whose work goes to a stream; None changes nothing."""
    if stream is None:
        yield
        return
    with stream._stream:
        yield
