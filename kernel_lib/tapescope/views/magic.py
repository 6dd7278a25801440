"""`%load_ext tapescope`: the `%%tapescope` cell magic records a cell and shows its dashboard while it runs."""

from __future__ import annotations

import shlex
from typing import Any


def register(ipython: Any) -> None:
    """Adds the magic to a shell."""

    def tapescope(line: str, cell: str) -> None:
        """Records this cell and shows its dashboard while it runs.

        %%tapescope [name] [values=stats|histogram|...] [every=k]: the recording is left as `tape`. An error in the cell ends both.
        """
        from IPython.core.error import UsageError
        from IPython.display import display

        from ..tape import record
        from .widgets import DashboardView

        try:
            tape = record(**_options(line))
        except (TypeError, ValueError) as error:
            raise UsageError(f"%%tapescope: {error}") from None
        ipython.user_ns["tape"] = tape
        with tape:
            view = DashboardView(tape)
            shown = display(view, display_id=True)
            result = ipython.run_cell(cell, store_history=False)
        shown.update(view)                                   # so that the saved notebook's picture is of the end, not of the beginning
        if not result.success:
            reason = type(result.error_in_exec or result.error_before_exec).__name__
            raise UsageError(f"the recorded cell ended with {reason}, see above; what was recorded until then is in `tape`")

    ipython.register_magic_function(tapescope, "cell", "tapescope")


def _options(line: str) -> dict[str, Any]:
    """The arguments of record() in a magic's line; histograms are recorded unless it says otherwise, for the dashboard shows them."""
    options: dict[str, Any] = {"values": "histogram"}
    names = []
    for word in shlex.split(line):
        key, equals, value = word.partition("=")
        if not equals:
            names.append(word)
        elif key == "every":
            options[key] = int(value)
        elif key in ("values", "module", "op"):
            options[key] = value
        else:
            raise ValueError(f"unknown option {key!r}; there are values, every, module, op")
    if names:
        options["name"] = " ".join(names)
    return options
