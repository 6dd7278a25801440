"""A backward pass that is held: step it, step it back, look at every gradient, edit one, go on."""

from .frames import frames, held
from .look import At, summary
from .stepper import Aborted, Debugger, debug

__all__ = ["Aborted", "At", "Debugger", "debug", "frames", "held", "summary"]
