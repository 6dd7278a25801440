"""Folders of TensorBoard's event files, read as recordings."""

from .tape import EventsTape, event_files

__all__ = ["EventsTape", "event_files"]
