"""The views as anywidgets: a picture for where no script runs, the live view where it does."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from ..link.widget import connect
from ..tape import Tape
from . import figures, static

BUNDLES = Path(__file__).parent.parent / "static"


class TapeView(anywidget.AnyWidget):
    """One view of one recording. The page keeps one stream per kernel, however many views there are."""

    options = traitlets.Dict().tag(sync=True)
    recording = traitlets.Unicode("latest").tag(sync=True)
    kernel = traitlets.Unicode("").tag(sync=True)
    selection = traitlets.Dict().tag(sync=True)

    view: ClassVar[str] = ""
    picture: ClassVar[Callable[..., str]]
    figure: ClassVar[Callable[..., Any]]

    def __init__(self, tape: Tape, **options: Any) -> None:
        bundle = BUNDLES / f"{self.view}.js"
        if not bundle.exists():
            raise FileNotFoundError(f"{bundle.name} is not built; run `npm run build` in the repository, or install a wheel")
        self.tape = tape
        super().__init__(options=options, recording=tape.id)
        connect(self)

    def to_svg(self) -> str:
        """The picture as SVG text."""
        return type(self).picture(self.tape, **self._picture_options())

    def _picture_options(self) -> dict[str, Any]:
        return {}

    def to_plotly(self) -> Any:
        """The same as a `plotly.graph_objects.Figure`."""
        return type(self).figure(self.tape, **self._picture_options())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        result = super()._repr_mimebundle_(**kwargs)
        bundle, metadata = result if isinstance(result, tuple) else (result or {}, {})
        svg = self.to_svg()
        address = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
        return {**bundle, "text/html": f'<img alt="{self.view} of a Tapescope recording" src="{address}">', "image/svg+xml": svg,
                "text/plain": f"<tapescope {self.view} of {self.tape!r}>"}, metadata


class GraphView(TapeView):
    """The computation graph: modules that open and close, ops inside, overlays, search."""

    view, picture, figure = "graph", staticmethod(static.graph_svg), staticmethod(figures.graph)
    _esm = BUNDLES / "graph.js"


class BackwardView(TapeView):
    """The backward pass: recorded, or held and moved from here."""

    view, picture, figure = "backward", staticmethod(static.backward_svg), staticmethod(figures.backward)
    _esm = BUNDLES / "backward.js"


class HistogramsView(TapeView):
    """Weights, gradients, updates and activations over steps."""

    view, picture, figure = "histograms", staticmethod(static.histograms_svg), staticmethod(figures.histograms)
    _esm = BUNDLES / "histograms.js"


class MetricsView(TapeView):
    """Scalars: logged ones, and loss, gradient norms, learning rate and step time by themselves."""

    view, picture, figure = "metrics", staticmethod(static.metrics_svg), staticmethod(figures.metrics)
    _esm = BUNDLES / "metrics.js"


class ProjectorView(TapeView):
    """A layer's or tensor's rows projected to three dimensions, over steps."""

    view, picture, figure = "projector", staticmethod(figures.projector_svg), staticmethod(figures.projector)
    _esm = BUNDLES / "projector.js"

    def __init__(self, tape: Tape, key: str | None = None, **options: Any) -> None:
        super().__init__(tape, **({} if key is None else {"key": key}), **options)
        if key is not None and tape.state == "recording":
            tape.probe(key)

    def _picture_options(self) -> dict[str, Any]:
        return {"key": self.options.get("key", "")}


class TensorView(TapeView):
    """A probed tensor as a heat map with slices."""

    view, picture, figure = "tensor", staticmethod(figures.tensor_svg), staticmethod(figures.tensor)
    _esm = BUNDLES / "tensor.js"

    def __init__(self, tape: Tape, key: str | None = None, **options: Any) -> None:
        super().__init__(tape, **({} if key is None else {"key": key}), **options)
        if key is not None and tape.state == "recording":
            tape.probe(key)

    def _picture_options(self) -> dict[str, Any]:
        return {"key": self.options.get("key", "")}


class FindingsView(TapeView):
    """What the rules have found: cause, number, line, node."""

    view, picture, figure = "findings", staticmethod(figures.findings_svg), staticmethod(figures.findings)
    _esm = BUNDLES / "findings.js"


class DashboardView(TapeView):
    """Everything at once: findings, graph, tensor, histograms, metrics, one selection."""

    view, picture, figure = "dashboard", staticmethod(figures.dashboard_svg), staticmethod(figures.metrics)
    _esm = BUNDLES / "dashboard.js"


METHODS: dict[str, type[TapeView]] = {"graph": GraphView, "backward": BackwardView, "histograms": HistogramsView, "metrics": MetricsView,
                                      "projector": ProjectorView, "tensor": TensorView, "findings_view": FindingsView, "dashboard": DashboardView}
