"""The views as anywidgets: the live view where scripts run, a picture where they do not, a plotly figure where one is asked for."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from ..link.widget import connect
from ..link.wire import plain
from ..tape import Tape
from . import export, figures, parts, static
from .packed import Packed
from .read import PLACES

MIME = "application/vnd.tapescope.view+json"         # a view that hosts without widgets draw from what its output carries


class Settings:
    """What views leave behind: `tapescope.views.widgets.settings`.

    `saved_bytes`: bytes of a recording that each view may keep, in the widget's state and in its output; 0 keeps the picture only.
    """

    def __init__(self) -> None:
        self.saved_bytes = 200_000

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "saved_bytes":
            raise AttributeError(f"views have no setting {name!r}; they have saved_bytes")
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"saved_bytes is a number of bytes, or 0, not {value!r}")
        self.__dict__[name] = value

    def __repr__(self) -> str:
        return f"saved_bytes = {self.saved_bytes!r}"


settings = Settings()


class PageView(anywidget.AnyWidget):  # type: ignore[misc]
    """What a page draws, in a cell: the half of it that Python has. Raises FileNotFoundError when the page's half has not been built."""

    options = traitlets.Dict().tag(sync=True)
    recording = traitlets.Unicode("latest").tag(sync=True)
    kernel = traitlets.Unicode("").tag(sync=True)
    selection = traitlets.Dict().tag(sync=True)
    replay = traitlets.Bytes(b"").tag(sync=True)            # the recording in few bytes, once it has ended: what a saved notebook shows without a kernel
    parts = traitlets.Bytes(b"").tag(sync=True)             # and the code that such a reader may come to want
    _esm = traitlets.Unicode("").tag(sync=True)             # read when a view is made, so that a view not built yet harms no other

    view: ClassVar[str] = ""

    def __init__(self, recording: str, options: dict[str, Any]) -> None:
        bundle = parts.BUNDLES / f"{self.view}.js"
        if not bundle.exists():
            raise FileNotFoundError(f"the {self.view} view has not been built: {bundle.name} is missing. Run `npm run build` in the repository, "
                                    f"or install a released wheel; its picture and figure need no build: views.static, views.figures")
        super().__init__(options=options, recording=recording, _esm=bundle.read_text(encoding="utf-8"))
        connect(self)

    def to_svg(self) -> str:
        """The picture as SVG text."""
        raise NotImplementedError

    def to_png(self, path: str | Path | None = None, scale: float = 2.0) -> Any:
        """The picture as PNG: its bytes, or the path that they were written to; `scale` pixels per unit. Needs the extra `png`."""
        from .png import to_png

        return to_png(self.to_svg(), path, scale)

    def _live(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """What anywidget would display."""
        result = super()._repr_mimebundle_(**kwargs)
        return result if isinstance(result, tuple) else (result or {}, {})


class TapeView(PageView):
    """One view of one recording. A page keeps one stream per kernel, however many views it shows.

    `options` are the view's own ({"height": 600, "theme": "dark"}); `selection` is what is selected on the page, and selects there when it is set.
    """

    picture: ClassVar[Callable[..., str]]
    figure: ClassVar[Callable[..., Any]]

    def __init__(self, tape: Tape, **options: Any) -> None:
        self.tape = tape
        super().__init__(tape.id, options)
        self.observe(self._selected, "selection")
        if tape.state == "stopped":
            self._keep()
        else:
            self._unlisten = tape.listen(self._ended)

    def _selected(self, change: Any) -> None:
        self.tape.memory["selection"] = dict(change["new"])

    def _ended(self) -> None:
        """The recording has ended, perhaps: on the thread that ended it, while its cell still runs, so that what is saved of the cell has it."""
        if self.tape.state == "stopped":
            self._unlisten()
            if self.comm is not None:
                self._keep()

    def _keep(self) -> None:
        self.replay = kept(self.tape)
        if self.replay:
            self.parts = parts.packed(self.view)

    def _asked(self) -> dict[str, Any]:
        """What picture and figure are asked for."""
        return {}

    def to_svg(self) -> str:
        return type(self).picture(self.tape, **self._asked())

    def to_plotly(self) -> Any:
        """What the view shows as a `plotly.graph_objects.Figure`."""
        return type(self).figure(self.tape, **self._asked())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle, metadata = self._live(**kwargs)
        words = f"{self.view} of {self.tape!r}"
        svg = self.to_svg()
        if self.tape.state == "stopped" and (data := kept(self.tape)):
            bundle[MIME] = {"format": 1, "view": self.view, "options": plain(self.options), "data": base64.b64encode(data).decode()}
        return {**bundle, "text/html": static.html(svg, words), "image/svg+xml": svg, "text/plain": f"<{words}>"}, metadata


class GraphView(TapeView):
    """The computation graph: modules that open and close, ops inside, overlays, search."""

    view, picture, figure = "graph", staticmethod(static.graph_svg), staticmethod(figures.graph_figure)

    def to_dot(self, path: str | Path | None = None) -> str:
        """The whole graph as Graphviz DOT, one cluster for each module call; also written to `path` where one is given."""
        return export.to_dot(self.tape, path)

    def to_model_explorer(self, path: str | Path | None = None) -> str:
        """The whole graph as JSON for Model Explorer, module calls as namespaces; also written to `path` where one is given."""
        return export.to_model_explorer(self.tape, path)


class BackwardView(TapeView):
    """The backward pass: recorded, or held and moved from here."""

    view, picture, figure = "backward", staticmethod(static.backward_svg), staticmethod(figures.backward_figure)


class HistogramsView(TapeView):
    """Weights, gradients, updates and activations over steps."""

    view, picture, figure = "histograms", staticmethod(static.histograms_svg), staticmethod(figures.histograms_figure)


class MetricsView(TapeView):
    """Scalars: logged ones, and loss, gradient norms, learning rate and step time by themselves."""

    view, picture, figure = "metrics", staticmethod(static.metrics_svg), staticmethod(figures.metrics_figure)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Every scalar as CSV: tag, step, time, value; also written to `path` where one is given."""
        return export.to_csv(self.tape, path)


class ProbedView(TapeView):
    """A view of one value: asks for its copy at its next occurrence. `key` is a layer, or activation/..., weight/..., grad/..., output/<op row>."""

    def __init__(self, tape: Tape, key: str | None = None, **options: Any) -> None:
        if key is not None:
            if not isinstance(key, str) or not key:
                raise TypeError(f"key names a layer or a tensor, such as 'fc1' or 'weight/fc1.weight', not {key!r}")
            key = _full(tape, key)
            _asked_for(tape, key)
            options = {"key": key, **options}
        super().__init__(tape, **options)

    def _asked(self) -> dict[str, Any]:
        return {"key": self.options.get("key", "")}


class ProjectorView(ProbedView):
    """A layer's or tensor's rows projected to three dimensions, over steps.

    `method` is "pca", "tsne", a callable from rows [n, d] to positions [n, 2 or 3], or anything with `fit_transform`: `tape.projector("fc1", method=umap.UMAP())`. `axes` are
    two or three of one's own: "#0 | #3", "cat>dog | loss" (columns, ways from a label to another, values that are known of the rows).
    """

    view, picture, figure = "projector", staticmethod(static.projector_svg), staticmethod(figures.projector_figure)

    def __init__(self, tape: Tape, key: str | None = None, method: Any = None, axes: str | None = None, **options: Any) -> None:
        if method is not None and method not in ("pca", "tsne"):
            from ..project import embed

            options = {"own": embed(tape, method), "method": "own", **options}
        elif method is not None:
            options = {"method": method, **options}
        super().__init__(tape, key, **({"axes": axes, "method": "axes"} if axes else {}), **options)


class TensorView(ProbedView):
    """A probed tensor as a heat map with slices."""

    view, picture, figure = "tensor", staticmethod(static.probed_svg), staticmethod(figures.tensor_figure)


class MediaView(TapeView):
    """Pictures, films, sounds, texts, curves and meshes that were logged, and what a model has inside: `keys` names layers and weights to watch as pictures."""

    view, picture, figure = "media", staticmethod(static.media_svg), staticmethod(figures.media_figure)

    def __init__(self, tape: Tape, keys: list[str] | None = None, **options: Any) -> None:
        if keys is not None:
            if not isinstance(keys, (list, tuple)) or not all(k and isinstance(k, str) for k in keys):
                raise TypeError(f"keys is a list of names of layers and tensors, such as ['conv1', 'weight/conv1.weight'], not {keys!r}")
            keys = [_full(tape, k) for k in keys]
            for key in keys:
                _asked_for(tape, key)
            options = {"keys": keys, **options}
        super().__init__(tape, **options)

    def to_svg(self) -> str:
        return static.media_svg(self.tape, self.options.get("keys", []))


class FindingsView(TapeView):
    """What the rules have found: cause, number, line, node."""

    view, picture, figure = "findings", staticmethod(static.findings_svg), staticmethod(figures.findings_figure)


class DashboardView(TapeView):
    """Everything at once: findings, graph, tensor, histograms, metrics, one selection."""

    view, picture, figure = "dashboard", staticmethod(static.dashboard_svg), staticmethod(figures.dashboard_figure)


def kept(tape: Tape) -> bytes:
    """A recording that has ended in at most `settings.saved_bytes`, the same for all its views; nothing where even the structure is larger."""
    known, now = tape.memory.get("views.kept"), (tape.version, settings.saved_bytes)
    if known is None or known[0] != now:
        try:
            known = now, Packed(tape, settings.saved_bytes).to_bytes() if settings.saved_bytes else b""
        except ValueError:
            known = now, b""
        tape.memory["views.kept"] = known
    return bytes(known[1])


def _asked_for(tape: Tape, key: str) -> None:
    """Asks for copies of a value; of an ended recording the view says that there are none, and what was logged needs no asking."""
    if not key.startswith("embedding/"):
        with contextlib.suppress(RuntimeError):
            tape.probe(key)


def _full(tape: Tape, key: str) -> str:
    """A key with its place: "fc1" is the activation of the layer fc1."""
    return key if key.startswith(PLACES) else f"activation/{key}"


METHODS: dict[str, type[TapeView]] = {"graph": GraphView, "backward": BackwardView, "histograms": HistogramsView, "metrics": MetricsView,
                                      "projector": ProjectorView, "tensor": TensorView, "media": MediaView, "findings_view": FindingsView, "dashboard": DashboardView}
