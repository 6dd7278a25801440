"""Pictures for where no script runs: saved notebooks, nbconvert, untrusted viewers. Each is one SVG text on its own paper."""

from .backward import backward_svg
from .dashboard import dashboard_svg
from .findings import findings_svg
from .graph import graph_svg
from .histograms import histograms_svg
from .metrics import metrics_svg
from .projector import projector_svg
from .svg import html
from .tensor import probed_svg, tensor_svg

__all__ = ["backward_svg", "dashboard_svg", "findings_svg", "graph_svg", "histograms_svg", "html", "metrics_svg", "probed_svg", "projector_svg", "stack",
           "tensor_svg"]


def stack(pictures: list[str], title: str) -> str:
    """Pictures one under the other."""
    from .svg import columns

    return columns([pictures], title)
