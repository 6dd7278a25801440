"""What `tapescope` offers at its top level beyond tensors: it alone looks up the house."""

from __future__ import annotations

import functools
from typing import Any

from .debugger import Breakpoint, Debugger, breakpoints, debug, name_axes
from .debugger import pause as _pause
from .debugger.held import Held
from .debugger.watch import break_on
from .link import providers  # noqa: F401  (findings and projections are kinds of every tape, one that is written to disk included)
from .tape import Tape, record, registry
from .tape.tape import provide_control

_VIEWS = ("graph", "backward", "histograms", "metrics", "projector", "tensor", "media", "findings_view", "dashboard")


def _view_method(name: str) -> Any:
    def method(self: Tape, *args: Any, **options: Any) -> Any:
        from .views.widgets import METHODS

        return METHODS[name](self, *args, **options)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The {name.removesuffix('_view')} view of this recording."
    return method


def findings(self: Tape) -> list[Any]:
    """What the rules have found so far, worst first: `[Finding(rule="non-finite", severity="error", ...)]`."""
    from . import diagnose

    return list(diagnose.findings(self))


def selection(self: Tape) -> dict[str, Any]:
    """What was selected last in a view of this recording, in a cell or in the panel: `{"key": "weight/fc1.weight", "step": 12, "points": [3, 8], ...}`; empty before.

    `points` are rows of the projected tensor that were enclosed by a lasso or a box, `steps` the range that charts are zoomed to. A view's own
    `selection` can be set, and observed: `view.observe(f, "selection")`.
    """
    return dict(self.memory.get("selection", {}))


def timeline(self: Tape, step: int | None = None) -> Any:
    """A cursor over the ops of a recorded step (the newest), with the values that `record(values="full")` has copied: step, back, run_to, `at.output`."""
    from .debugger.timeline import Timeline

    return Timeline(self, step)


def _tape_bundle(self: Tape, include: Any = None, exclude: Any = None) -> dict[str, str]:
    from .views.static import tape_bundle

    return tape_bundle(self)


def export_html(self: Tape, path: Any, max_bytes: int = 5_000_000, title: str | None = None) -> Any:
    """Writes one file that replays this recording in a browser, without a kernel or a network, in at most `max_bytes`; gives its path back.

    Graph, backward passes, histograms, projections of what was probed, metrics and findings are alive in it. Where the bytes do not suffice, steps are
    thinned, and the page says which. Raises ValueError where not even the structure has room.
    """
    from .views.page import export_html

    return export_html(self, path, max_bytes, title)


def to_csv(self: Tape, path: Any = None, kind: str = "scalars") -> Any:
    """Every row of a kind ("scalars", "stats") as CSV text, or written to `path`, which is given back."""
    from .views.tables import to_csv

    return to_csv(self, path, kind)


def to_pandas(self: Tape, kind: str = "scalars") -> Any:
    """Every row of "scalars", "stats" or "histograms" as a pandas DataFrame."""
    from .views.tables import to_pandas

    return to_pandas(self, kind)


def to_arrow(self: Tape, kind: str = "scalars", path: Any = None) -> Any:
    """Every row of "scalars", "stats" or "histograms" as a pyarrow Table; written to `path` as an Arrow file, which is given back, where one is given."""
    from .views.tables import to_arrow

    return to_arrow(self, kind, path)


def to_parquet(self: Tape, path: Any, kind: str = "scalars") -> Any:
    """Writes every row of "scalars", "stats" or "histograms" as a Parquet file and gives its path back."""
    from .views.tables import to_parquet

    return to_parquet(self, path, kind)


def export_tensorboard(self: Tape, log_dir: Any) -> Any:
    """Writes this recording as event files that TensorBoard shows: scalars, histograms, pictures, sounds, words, hparams, embeddings, the graph; gives the folder back.

    Raises FileExistsError for a folder that holds event files already.
    """
    from .views.tensorboard import export_tensorboard

    return export_tensorboard(self, log_dir)


def _held_view(self: Held[Any], **options: Any) -> Any:
    """The backward view of this held pass: its buttons and keys move it."""
    from .views.widgets import BackwardView

    return BackwardView(self.tape, **options)


def _held_bundle(self: Held[Any], include: Any = None, exclude: Any = None) -> dict[str, str]:
    from .views.static import backward_svg, html

    words, svg = repr(self), backward_svg(self.tape)
    return {"text/plain": words, "text/html": html(svg, words), "image/svg+xml": svg}


def compare(a: Any, b: Any, tolerance: float | None = None) -> Any:
    """How two recordings differ: in structure, and in the first value where they part by more than rounding.

    `a` and `b` are tapes or paths. Values are compared where both were recorded with `record(fingerprints=True)`; `tolerance` is relative to the norm of a value,
    by default a thousand units in the last place of the coarser dtype, times the steps so far. `.graph()` of what is found draws the difference on the graph of `b`.
    """
    from .tape.compare import Comparison, compare

    setattr(Comparison, "graph", _difference_view)
    return compare(a if isinstance(a, Tape) else load_tape(a), b if isinstance(b, Tape) else load_tape(b), tolerance)


def _difference_view(self: Any, **options: Any) -> Any:
    """The graph of the second recording: what was added, changed and removed since the first is marked on it."""
    from .views.difference import DifferenceView

    return DifferenceView(self, **options)


def runs(path: Any = "runs") -> Any:
    """All runs below a folder, recordings and TensorBoard's alike, the oldest first: `ts.runs("runs").where("lr < 0.01 and val/loss < 0.3").sort("val/loss")`.

    They are filtered by an expression over parameters and metrics, sorted, grouped and compared; each one's `tape` opens it. In a cell they are a list that can be
    worked with; `.view(group="lr", metric="val/loss")` opens it with groups and a comparison. Raises FileNotFoundError when there is no such folder.
    """
    from .tape import runs as room

    if not hasattr(room.Runs, "view"):
        for name, method in (("view", _runs_view), ("to_svg", _runs_svg), ("to_plotly", _runs_figure), ("to_png", _to_png), ("_repr_mimebundle_", _runs_bundle)):
            setattr(room.Runs, name, method)
        for name, method in (("to_svg", _comparison_svg), ("to_plotly", _comparison_figure), ("to_png", _to_png), ("_repr_mimebundle_", _comparison_bundle)):
            setattr(room.Comparison, name, method)
    return room.runs(path)


def _runs_view(self: Any, group: Any = (), metric: str | None = None, **options: Any) -> Any:
    """These runs as a live list: `group` names parameters, `metric` what is compared by mean and band."""
    from .views.runlist import RunsView

    return RunsView(self, group, metric, **options)


def _runs_svg(self: Any) -> str:
    """The table as SVG text."""
    from .views.static.runs import runs_svg

    return runs_svg(self)


def _runs_figure(self: Any) -> Any:
    """Parallel coordinates of parameters and metrics as a plotly figure."""
    from .views.runlist import runs_figure

    return runs_figure(self)


def _to_png(self: Any, path: Any = None, scale: float = 2.0) -> Any:
    """The picture as PNG: its bytes, or the path that they were written to. Needs the extra `png`."""
    from .views.png import to_png

    return to_png(self.to_svg(), path, scale)


def _runs_bundle(self: Any, include: Any = None, exclude: Any = None) -> Any:
    from .views.static.runs import runs_html

    try:
        return self.view()._repr_mimebundle_()
    except (ImportError, FileNotFoundError):                   # without the page's half there is the table
        return {"text/plain": repr(self), "text/html": runs_html(self), "image/svg+xml": self.to_svg()}, {}


def _comparison_svg(self: Any) -> str:
    """Means and bands as SVG text."""
    from .views.static.runs import comparison_svg

    return comparison_svg(self)


def _comparison_figure(self: Any) -> Any:
    """Means and bands as a plotly figure."""
    from .views.runlist import comparison_figure

    return comparison_figure(self)


def _comparison_bundle(self: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
    from .views.static import html

    svg = self.to_svg()
    return {"text/plain": repr(self), "text/html": html(svg, repr(self)), "image/svg+xml": svg}


@functools.cache
def open_house() -> None:
    """Attaches views and findings to Tape, the backward view to every held pass; once."""
    for name in _VIEWS:
        setattr(Tape, name, _view_method(name))
    setattr(Held, "view", _held_view)
    setattr(Held, "_repr_mimebundle_", _held_bundle)
    setattr(Tape, "findings", findings)
    setattr(Tape, "timeline", timeline)
    setattr(Tape, "export_html", export_html)
    setattr(Tape, "selection", property(selection))
    for method in (export_tensorboard, to_csv, to_pandas, to_arrow, to_parquet):
        setattr(Tape, method.__name__, method)
    _pause.hosts.append(_wait_here)
    provide_control(_let_control)
    breakpoints.first = _call_pages
    setattr(Tape, "_repr_mimebundle_", _tape_bundle)


def _let_control(tape: Tape) -> None:
    """`record(control=True)`: who looks at its folder may pause the loop; that part of the link loads now."""
    from .link.control import Control

    Control(tape)


def _call_pages() -> None:
    """The first breakpoint: pages that are open but do not look at this kernel are told."""
    from .link.door import announce_breakpoints

    announce_breakpoints()


def _wait_here(machine: Any) -> bool:
    """A paused cell waits for pages, when there are any; the link loads when a pass has paused."""
    from .link import hold

    return hold.serve(machine, _pause.settings)


def recordings() -> list[Tape]:
    """All recordings of this process that are still there, oldest first."""
    return registry.list()


def load_tape(path: Any) -> Tape:
    """Opens a recording that was written to the folder `path`, or is still being written there: it then follows live.

    Every view shows it, and findings, projections and recorded backward passes are there without the model. A folder of TensorBoard's event files is a
    recording, too: its scalars, histograms, pictures, sounds, words, hparams, embeddings and graphs. Raises `tape.store.TapeError` for a folder that is no
    recording, is damaged, or was written by a newer version.
    """
    from .tape.store import load_tape

    return load_tape(path)


def serve_pipe(inward: Any, outward: Any) -> None:
    """Answers the wire over a pair of binary files until the other side closes its end."""
    from .link.stdio import serve

    serve(inward, outward)


def tensor_bundle(self: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """A Tensor in a notebook: its text as PyTorch prints it, with a heat map beneath."""
    text = repr(self)
    bundle = {"text/plain": text}
    if self._array.ndim and self._array.size > 1 and self._array.dtype.kind in "fiub":
        from .views.static.tensor import tensor_html, tensor_svg

        bundle["image/svg+xml"] = tensor_svg(self._array)
        bundle["text/html"] = tensor_html(text, bundle["image/svg+xml"])
    return bundle


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext tapescope`."""
    from .views.magic import register

    register(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@tapescope/labextension"}]


open_house()
__all__ = ["Breakpoint", "Debugger", "Tape", "break_on", "breakpoints", "compare", "debug", "load_tape", "name_axes", "record", "recordings", "runs"]
