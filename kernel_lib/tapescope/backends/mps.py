"""`torch.backends.mps`."""


def is_available() -> bool:
    """Apple's GPUs are not used."""
    return False


def is_built() -> bool:
    """Apple's GPUs are not used."""
    return False
