"""Recordings: `record()` makes a Tape, which is read by frames."""

from .frame import LEVELS, Frame
from .graph import Graph
from .recordings import active, overhear, registry
from .structure import from_root
from .tape import Tape, provide, record

__all__ = ["LEVELS", "Frame", "Graph", "Tape", "active", "from_root", "overhear", "provide", "record", "registry"]
