"""Everything at once."""

from __future__ import annotations

from ...tape import Tape
from .findings import findings_svg
from .graph import graph_svg
from .histograms import histograms_svg
from .metrics import metrics_svg
from .svg import columns, size_of


def dashboard_svg(tape: Tape) -> str:
    """Findings, metrics and distributions at the left, the graph at the right where it is narrow enough, else beneath."""
    left = [findings_svg(tape), metrics_svg(tape, most=6), histograms_svg(tape, most=9)]
    graph = graph_svg(tape)
    title = f"dashboard of {tape.name}"
    return columns([left, [graph]], title) if size_of(graph)[0] <= 640 else columns([[*left, graph]], title)
