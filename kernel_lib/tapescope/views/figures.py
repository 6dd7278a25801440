"""Every view as a plotly figure. plotly is imported when a figure is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Tape
from .read import Structure, histograms, on_axis, probed, projection, scalars, structure
from .static.backward import norms_of
from .static.histograms import chosen
from .static.metrics import in_order

BLUES = [[0, "#fbfbfd"], [0.25, "#cddbf7"], [0.5, "#89adee"], [0.75, "#2f6fde"], [1, "#163470"]]
SIGNED = [[0, "#c2571a"], [0.5, "#fbfbfd"], [1, "#2f6fde"]]


def _go() -> Any:
    import plotly.graph_objects as go

    return go


def _figure(title: str, **layout: Any) -> Any:
    return _go().Figure(layout={"title": {"text": _plain(title)}, "template": "plotly_white", **layout})


def _plain(label: object) -> str:
    """Text for plotly, which reads a few tags as markup."""
    return str(label).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def metrics_figure(tape: Tape) -> Any:
    """A line per tag; those of single parameters wait in the legend."""
    figure = _figure(f"metrics of {tape.name}", xaxis={"title": {"text": "step"}})
    found = scalars(tape)
    for tag in in_order(list(found)):
        steps, values = found[tag]
        figure.add_scatter(x=steps, y=values, name=_plain(tag), mode="lines", visible=True if tag.partition("/")[0] in ("loss", "accuracy", "acc") else "legendonly")
    return figure


def histograms_figure(tape: Tape, key: str | None = None) -> Any:
    """A heat map of one key over steps; all keys in a menu. Raises KeyError for a key that was not recorded."""
    found = histograms(tape)
    if key is not None and key not in found:
        raise KeyError(f"no histograms of {key!r}; there are {', '.join(found) or 'none'} (they need values='histogram')")
    keys = [key] if key else [k for row in chosen(found, 3 * len(found)) for k in row if k]
    figure = _figure(f"distribution of {keys[0]}" if keys else "no histograms yet", xaxis={"title": {"text": "step"}}, yaxis={"title": {"text": "value"}})
    for i, k in enumerate(keys):
        steps, axis, counts = on_axis(found[k])
        figure.add_heatmap(x=steps, y=(axis[1:] + axis[:-1]) / 2, z=counts.T, name=_plain(k), visible=i == 0, colorscale=BLUES)
    if len(keys) > 1:
        figure.update_layout(updatemenus=[{"x": 1, "xanchor": "right", "y": 1.15, "buttons": [
            {"label": _plain(k), "method": "update", "args": [{"visible": [j == i for j in range(len(keys))]}, {"title.text": _plain(f"distribution of {k}")}]}
            for i, k in enumerate(keys)]}])
    return figure


def graph_figure(tape: Tape) -> Any:
    """Ops by order and depth of module, with the links between them."""
    figure = _figure(f"graph of {tape.name}", showlegend=False, yaxis={"autorange": "reversed", "title": {"text": "order"}}, xaxis={"title": {"text": "depth of module"}})
    g = structure(tape)
    if g is None:
        return figure
    depth = [_depth(g, m) for m in g.op_module]
    x: list[Any] = []
    y: list[Any] = []
    for i, ins in enumerate(g.op_in):
        for a in ins:
            if a >= 0:
                x += [depth[a], depth[i], None]
                y += [a, i, None]
    figure.add_scatter(x=x, y=y, mode="lines", line={"width": 1, "color": "#98a2b3"}, hoverinfo="skip")
    details = [[_plain(s or "0-d"), _plain(g.mod_path[m] if m >= 0 else "")] for s, m in zip(g.op_shape, g.op_module, strict=True)]
    figure.add_scatter(x=depth, y=list(range(len(depth))), mode="markers+text", text=[_plain(n) for n in g.op_name], textposition="middle right", customdata=details,
                       hovertemplate="%{text}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>")
    return figure


def _depth(g: Structure, module: int) -> int:
    depth = 0
    while module >= 0:
        depth, module = depth + 1, g.mod_parent[module]
    return depth


def backward_figure(tape: Tape) -> Any:
    """The norm of the gradient that arrived at every node in the newest recorded pass, in the order in which they ran."""
    figure = _figure("gradient norms along the backward pass", yaxis={"type": "log", "title": {"text": "norm of the incoming gradient"}})
    g = structure(tape)
    if g is not None:
        norms = sorted(norms_of(tape, g).items(), reverse=True)
        figure.add_bar(x=[f"{n} {_plain(g.node_name[n])}" for n, _ in norms], y=[v for _, v in norms], marker={"color": "#c2571a"})
    return figure


def projector_figure(tape: Tape, key: str = "") -> Any:
    """The newest projection in three dimensions, a trace per label."""
    f = projection(tape, key)
    figure = _figure(f"projection of {key}" if f is None else f"projection of {f.meta['key']}, step {f.meta['step']}")
    if f is None:
        return figure
    xyz = np.asarray(f.columns["xyz"]).reshape(-1, 3)
    label = np.asarray(f.columns.get("label", ()), int)
    label = label if len(label) == len(xyz) else np.full(len(xyz), -1)
    for c in np.unique(label):
        at = xyz[label == c]
        figure.add_scatter3d(x=at[:, 0], y=at[:, 1], z=at[:, 2], mode="markers", name=str(c) if c >= 0 else "points", marker={"size": 3})
    return figure


def tensor_figure(tape: Tape, key: str = "") -> Any:
    """The newest value of a probed tensor as a heat map, leading dimensions one under the other."""
    f, a = probed(tape, key)
    figure = _figure(key or "no tensor chosen" if f is None else f"{f.meta['key']}, step {f.meta['step']}", yaxis={"autorange": "reversed"})
    if f is not None and a.size:
        figure.add_heatmap(z=a.reshape(1, -1) if a.ndim < 2 else a.reshape(-1, a.shape[-1]), colorscale=SIGNED, zmid=0)
    return figure


def media_figure(tape: Tape) -> Any:
    """The newest of what was logged beside numbers, pictures as they are and the rest by name, on a grid."""
    import base64

    from .static.media import newest_media

    found, across = newest_media(tape)[:24], 4
    figure = _figure(f"media of {tape.name}", showlegend=False, xaxis={"visible": False, "range": [0, across]},
                     yaxis={"visible": False, "range": [max(1, -(-len(found) // across)), 0]}, height=80 + 240 * max(1, -(-len(found) // across)))
    figure.add_scatter(x=[0], y=[0], mode="markers", marker={"opacity": 0}, hoverinfo="skip")      # images alone have no extent
    for i, f in enumerate(found):
        x, y, m = i % across, i // across, f.meta
        figure.add_annotation(x=x + 0.02, y=y + 0.04, xanchor="left", yanchor="bottom", showarrow=False, text=_plain(f"{m['tag']}, step {m['step']}"))
        if str(m.get("mime", "")).startswith("image/"):
            source = f"data:{m['mime']};base64,{base64.b64encode(f.columns['bytes'].tobytes()).decode('ascii')}"
            figure.add_layout_image(source=source, xref="x", yref="y", x=x + 0.02, y=y + 0.05, sizex=0.92, sizey=0.85)
        else:
            figure.add_annotation(x=x + 0.4, y=y + 0.5, showarrow=False, text=_plain(m["kind"]))
    return figure


def findings_figure(tape: Tape) -> Any:
    """The findings as a table."""
    return _figure(f"findings of {tape.name}").add_trace(_findings_table(tape))


def _findings_table(tape: Tape) -> Any:
    from .. import diagnose

    rows = list(diagnose.findings(tape))
    columns = ("severity", "rule", "title", "cause", "fix", "value", "threshold", "step")
    cells = [[_plain("" if (v := getattr(f, c)) is None else f"{v:.3g}" if isinstance(v, float) else v) for f in rows] for c in columns]
    return _go().Table(header={"values": list(columns), "align": "left"}, cells={"values": cells, "align": "left"})


def dashboard_figure(tape: Tape) -> Any:
    """Metrics, the distributions of the first parameters, gradient norms, and the findings beneath."""
    from plotly.subplots import make_subplots

    found, dist, g = scalars(tape), histograms(tape), structure(tape)
    tags = in_order(list(found))[:3]
    keys = [k for row in chosen(dist, 3) for k in row if k][:3]
    titles = [*(tags + [""] * 3)[:3], *(keys + [""] * 3)[:3], "gradient norms", "findings"]
    figure = make_subplots(rows=4, cols=3, subplot_titles=[_plain(t) for t in titles], row_heights=[0.27, 0.27, 0.2, 0.26], vertical_spacing=0.07,
                           specs=[[{}] * 3, [{}] * 3, [{"colspan": 3}, None, None], [{"type": "table", "colspan": 3}, None, None]])
    for i, tag in enumerate(tags):
        figure.add_scatter(x=found[tag][0], y=found[tag][1], name=_plain(tag), mode="lines", row=1, col=i + 1)
    for i, k in enumerate(keys):
        steps, axis, counts = on_axis(dist[k])
        figure.add_heatmap(x=steps, y=(axis[1:] + axis[:-1]) / 2, z=counts.T, colorscale=BLUES, showscale=False, name=_plain(k), row=2, col=i + 1)
    if g is not None:
        norms = sorted(norms_of(tape, g).items(), reverse=True)
        figure.add_bar(x=[f"{n} {_plain(g.node_name[n])}" for n, _ in norms], y=[v for _, v in norms], marker={"color": "#c2571a"}, name="gradient norms", row=3, col=1)
        figure.update_yaxes(type="log", row=3, col=1)
    figure.add_trace(_findings_table(tape), row=4, col=1)
    return figure.update_layout(title={"text": _plain(f"dashboard of {tape.name}")}, showlegend=False, height=1100, template="plotly_white")
