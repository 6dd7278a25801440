"""Every view as a plotly figure, and the pictures that need more than one room. plotly is imported when a figure is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Tape
from . import static
from .read import gather, on_axis, scalars, structure
from .read import histograms as read_histograms


def _go() -> Any:
    import plotly.graph_objects as go

    return go


def metrics(tape: Tape) -> Any:
    """A line per tag."""
    go = _go()
    figure = go.Figure(layout={"title": tape.name, "xaxis": {"title": "step"}})
    for tag, (steps, values) in sorted(scalars(tape).items()):
        figure.add_trace(go.Scatter(x=steps, y=values, name=tag, mode="lines", visible=True if "/" not in tag else "legendonly"))
    return figure


def histograms(tape: Tape, key: str | None = None) -> Any:
    """A heat map of one key over steps; all keys in a menu."""
    go = _go()
    found = read_histograms(tape)
    figure = go.Figure(layout={"title": "distributions over steps", "xaxis": {"title": "step"}, "yaxis": {"title": "value"}})
    keys = [key] if key else sorted(found)
    for i, k in enumerate(keys):
        axis, counts = on_axis(found[k])
        figure.add_trace(go.Heatmap(x=[s for s, _ in found[k]], y=(axis[1:] + axis[:-1]) / 2, z=counts.T, name=k, visible=i == 0, colorscale="Blues"))
    if len(keys) > 1:
        figure.update_layout(updatemenus=[{"buttons": [{"label": k, "method": "update", "args": [{"visible": [j == i for j in range(len(keys))]}, {"title": k}]}
                                                       for i, k in enumerate(keys)]}])
    return figure


def graph(tape: Tape) -> Any:
    """Ops by order and depth of module, with their links."""
    go = _go()
    figure = go.Figure(layout={"title": f"graph of {tape.name}", "showlegend": False, "yaxis": {"autorange": "reversed", "title": "order"}, "xaxis": {"title": "module depth"}})
    g = structure(tape)
    if g is None:
        return figure
    depth = []
    for m in g.op_module:
        d = 0
        while m >= 0:
            d, m = d + 1, g.mod_parent[m]
        depth.append(d)
    lines_x: list[Any] = []
    lines_y: list[Any] = []
    for i, ins in enumerate(g.op_in):
        for a in ins:
            if a >= 0:
                lines_x += [depth[a], depth[i], None]
                lines_y += [a, i, None]
    figure.add_trace(go.Scatter(x=lines_x, y=lines_y, mode="lines", line={"width": 1, "color": "#98a2b3"}, hoverinfo="skip"))
    figure.add_trace(go.Scatter(x=depth, y=list(range(len(depth))), mode="markers+text", text=g.op_name, textposition="middle right",
                                customdata=[[s, g.mod_path[m] if m >= 0 else ""] for s, m in zip(g.op_shape, g.op_module, strict=True)],
                                hovertemplate="%{text}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>"))
    return figure


def backward(tape: Tape) -> Any:
    """The norm of the gradient that arrived at every node in the newest recorded pass."""
    go = _go()
    figure = go.Figure(layout={"title": "gradient norms along the backward pass", "yaxis": {"type": "log", "title": "norm"}})
    g = structure(tape)
    frames = gather(tape, "gradients")
    if g is not None and frames:
        c = frames[-1].columns
        figure.add_trace(go.Bar(x=[f"{int(n)} {g.node_name[int(n)]}" for n in c["node"]], y=c["norm"]))
    return figure


def _projection(tape: Tape, key: str) -> Any:
    from .. import project

    keys = [key] if key else []
    for k in [*keys, *[f"activation/{k}" for k in keys if "/" not in k]]:
        frames, _ = project.frames(tape, k, None)
        if frames:
            return frames[-1]
    return None


def projector(tape: Tape, key: str = "") -> Any:
    """The newest projection in three dimensions."""
    go = _go()
    figure = go.Figure(layout={"title": f"projection of {key}"})
    f = _projection(tape, key)
    if f is not None:
        xyz = np.asarray(f.columns["xyz"]).reshape(-1, 3)
        label = f.columns.get("label")
        figure.add_trace(go.Scatter3d(x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2], mode="markers",
                                      marker={"size": 3, "color": label if label is not None and len(label) else None}))
    return figure


def projector_svg(tape: Tape, key: str = "") -> str:
    return static.projector_svg(_projection(tape, key), key)


def _probed(tape: Tape, key: str) -> Any:
    for k in (key, f"activation/{key}"):
        frames = gather(tape, "tensor", id=k)
        if frames:
            f = frames[-1]
            values = np.asarray(f.columns["values"])
            shape = f.meta.get("sample") or f.meta["shape"]
            return f, values.reshape(shape) if int(np.prod(shape)) == values.size else values
    return None, None


def tensor(tape: Tape, key: str = "") -> Any:
    """The newest value of a probed tensor as a heat map."""
    go = _go()
    figure = go.Figure(layout={"title": key})
    _, a = _probed(tape, key)
    if a is not None:
        figure.add_trace(go.Heatmap(z=a.reshape(1, -1) if a.ndim < 2 else a.reshape(-1, a.shape[-1]), colorscale="RdBu", zmid=0))
    return figure


def tensor_svg(tape: Tape, key: str = "") -> str:
    f, a = _probed(tape, key)
    if a is None:
        return static.svg.empty("No tensor chosen", f"tape.tensor({key or 'activation/fc1'!r})   # or choose one in the graph, then run a step")
    return static.tensor_svg(a, f"{key}  {f.meta['dtype']}{f.meta['shape']}  step {f.meta['step']}")


def _findings(tape: Tape) -> list[Any]:
    from .. import diagnose

    return list(diagnose.findings(tape))


def findings_svg(tape: Tape) -> str:
    return static.findings_svg(_findings(tape))


def findings(tape: Tape) -> Any:
    """The findings as a table."""
    go = _go()
    rows = _findings(tape)
    columns = ("severity", "rule", "title", "cause", "fix", "value", "threshold")
    return go.Figure(go.Table(header={"values": list(columns)}, cells={"values": [[str(getattr(f, c)) for f in rows] for c in columns]}))


def dashboard_svg(tape: Tape) -> str:
    """Findings, metrics, distributions and graph, one under the other."""
    return static.stack([findings_svg(tape), static.metrics_svg(tape, most=6), static.histograms_svg(tape, most=6), static.graph_svg(tape)], f"dashboard of {tape.name}")
