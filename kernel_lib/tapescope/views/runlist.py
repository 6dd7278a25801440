"""The list of runs in a cell: filtered, sorted, grouped and compared there, as in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..link.runs import bands, listing
from ..link.wire import plain
from ..tape.runs import Comparison, Runs
from .figures import _figure, _go, _plain
from .static import html, stack
from .static.runs import COLOURS, comparison_svg, runs_html, runs_svg
from .widgets import MIME, PageView


class RunsView(PageView):
    """Runs as a list that a page filters, sorts, groups and compares, and follows while they are written.

    `group` are parameters whose equal values make a group, `metric` is what is compared: the mean of each group over steps, with the band from its least to its
    greatest run. Raises KeyError for a metric that no run has.
    """

    view = "runs"

    def __init__(self, runs: Runs, group: str | Sequence[str] = (), metric: str | None = None, **options: Any) -> None:
        self.runs, self.group, self.metric = runs, (group,) if isinstance(group, str) else tuple(group), metric
        known = set(runs.columns()[0])
        for name in self.group:
            if name not in known:
                raise KeyError(f"no run has the parameter {name!r}; there are {', '.join(sorted(known)) or 'none'}")
        self.comparison = None if metric is None else runs.compare(metric, self.group)
        saved = {"listing": listing(runs, runs), **({} if self.comparison is None else {"compared": bands(self.comparison)})}
        super().__init__("latest", plain({"path": str(runs.root or ""), **runs.asked, "group": list(self.group), "metric": metric or "", "saved": saved, **options}))

    def to_svg(self) -> str:
        table = runs_svg(self.runs, self.group)
        return table if self.comparison is None else stack([comparison_svg(self.comparison), table], f"{len(self.runs)} runs")

    def to_plotly(self) -> Any:
        """The comparison where a metric is chosen, else parallel coordinates of parameters and metrics."""
        return runs_figure(self.runs) if self.comparison is None else comparison_figure(self.comparison)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle, metadata = self._live(**kwargs)
        words = repr(self.runs)
        picture = "" if self.comparison is None else html(comparison_svg(self.comparison), repr(self.comparison))
        return {**bundle, "text/html": picture + runs_html(self.runs), "image/svg+xml": self.to_svg(), "text/plain": words}, {**metadata, MIME: {"view": self.view}}


def runs_figure(runs: Runs) -> Any:
    """Parallel coordinates: an axis for each parameter that differs and each metric but the time of a step, a line for each run."""
    figure = _figure(f"{len(runs)} runs")
    params, metrics = runs.columns()
    axes = []
    for name in [*params, *(m for m in metrics if m != "step_time")]:
        values = [r.get(name) for r in runs]
        if all(v is None or isinstance(v, (bool, int, float)) for v in values):
            column = np.array([np.nan if v is None else float(v) for v in values])
            if np.isfinite(column).any() and (name in metrics or len(set(values)) > 1):
                axes.append({"label": _plain(name), "values": column})
        elif len(set(map(str, values))) > 1:
            words = list(dict.fromkeys("" if v is None else str(v) for v in values))
            axes.append({"label": _plain(name), "values": [words.index("" if v is None else str(v)) for v in values], "tickvals": list(range(len(words))), "ticktext": [_plain(w)[:24] for w in words]})
    if axes:
        last = axes[-1]["values"]
        figure.add_trace(_go().Parcoords(dimensions=axes, line={"color": last, "colorscale": "Viridis"}))
    return figure


def comparison_figure(found: Comparison) -> Any:
    """A line for the mean of each group, and the band from its least to its greatest run."""
    figure = _figure(found.tag, xaxis={"title": {"text": "step"}})
    for i, b in enumerate(found.bands):
        colour = COLOURS[i % len(COLOURS)]
        if int(b.n.max()) > 1:
            figure.add_scatter(x=np.concatenate([b.steps, b.steps[::-1]]), y=np.concatenate([b.high, b.low[::-1]]), fill="toself", fillcolor=colour, opacity=0.16, mode="none",
                               hoverinfo="skip", showlegend=False, legendgroup=str(i))
        figure.add_scatter(x=b.steps, y=b.mean, mode="lines", name=_plain(b.name), line={"color": colour}, legendgroup=str(i))
    return figure
