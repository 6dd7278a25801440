"""Pictures for where no script runs: saved notebooks, nbconvert, untrusted viewers. Each is one SVG text."""

from .backward import backward_svg
from .findings import findings_svg
from .graph import graph_svg
from .histograms import histograms_svg
from .metrics import metrics_svg
from .projector import projector_svg
from .svg import stack
from .tensor import tensor_svg

__all__ = ["backward_svg", "findings_svg", "graph_svg", "histograms_svg", "metrics_svg", "projector_svg", "stack", "tensor_svg"]
