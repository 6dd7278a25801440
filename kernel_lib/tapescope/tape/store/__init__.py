"""Tapes on disk: `record(path)` writes one, `load_tape(path)` reads it, while it is written and afterwards."""

from .loaded import StoredTape, load_tape
from .schema import SCHEMA, TapeError

__all__ = ["SCHEMA", "StoredTape", "TapeError", "load_tape"]
