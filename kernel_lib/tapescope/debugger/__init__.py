"""A backward pass that is held: step it, step it back, look at every gradient, edit one, go on; and breakpoints that hold it inside a running cell."""

from .axes import name_axes
from .frames import frames, held
from .held import Aborted
from .look import At
from .pause import BreakpointWarning, Unattended, settings
from .points import Breakpoint, breakpoints
from .stepper import Debugger, debug
from .summary import summary
from .watch import break_on

__all__ = ["Aborted", "At", "Breakpoint", "BreakpointWarning", "Debugger", "Unattended", "break_on", "breakpoints", "debug", "frames", "held", "name_axes", "settings",
           "summary"]
