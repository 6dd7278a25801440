"""`torch.save` and `torch.load`: data in a zip that cannot run code, and PyTorch's own files."""

from .save_load import add_safe_globals, clear_safe_globals, get_safe_globals, load, safe_globals, save

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "save"]
