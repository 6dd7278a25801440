"""`torch.utils`; and `summary`, which is a package of its own beside PyTorch."""

from . import data
from .summary import summary

__all__ = ["data", "summary"]
