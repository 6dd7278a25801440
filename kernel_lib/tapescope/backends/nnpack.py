"""`torch.backends.nnpack`."""


def is_available() -> bool:
    """NNPACK is not used."""
    return False
