"""Pictures for where no script runs: saved notebooks, nbconvert, untrusted viewers. Each is one SVG text on its own paper."""

from ...tape import Tape
from .backward import backward_svg
from .dashboard import dashboard_svg
from .findings import findings_svg
from .graph import graph_svg
from .histograms import histograms_svg
from .media import media_svg
from .metrics import metrics_svg
from .projector import projector_svg
from .svg import columns, html
from .tensor import probed_svg, tensor_svg

__all__ = ["backward_svg", "dashboard_svg", "findings_svg", "graph_svg", "histograms_svg", "html", "media_svg", "metrics_svg", "probed_svg", "projector_svg", "stack",
           "tape_bundle", "tensor_svg"]


def stack(pictures: list[str], title: str) -> str:
    """Pictures one under the other."""
    return columns([pictures], title)


def tape_bundle(tape: Tape) -> dict[str, str]:
    """A recording in a notebook: its one line, and a picture of its metrics and graph once there is something to see."""
    words = repr(tape)
    if not tape.graphs:
        return {"text/plain": words}
    svg = stack([metrics_svg(tape, most=6), graph_svg(tape)], words)
    return {"text/plain": words, "text/html": html(svg, words), "image/svg+xml": svg}
