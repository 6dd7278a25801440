"""`%load_ext tapescope`: the `%%tapescope` cell magic records a cell and shows its dashboard while it runs."""

from __future__ import annotations

from typing import Any


def register(ipython: Any) -> None:
    """Adds the magic to a shell."""

    def tapescope(line: str, cell: str) -> None:
        """`%%tapescope [name]` records the cell under that name, and leaves the recording as `tape`."""
        from IPython.display import display

        from ..tape import record
        from .widgets import DashboardView

        tape = record(name=line.strip() or None)
        ipython.user_ns["tape"] = tape
        with tape:
            display(DashboardView(tape))
            result = ipython.run_cell(cell)
        result.raise_error()

    ipython.register_magic_function(tapescope, "cell", "tapescope")
