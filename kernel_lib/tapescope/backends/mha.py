"""`torch.backends.mha`."""

_fast = True


def get_fastpath_enabled() -> bool:
    """A switch that is kept; there is one path."""
    return _fast


def set_fastpath_enabled(value: bool) -> None:
    """Sets the switch."""
    global _fast
    _fast = value
