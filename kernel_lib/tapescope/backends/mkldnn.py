"""`torch.backends.mkldnn`."""


def is_available() -> bool:
    """oneDNN is not used."""
    return False

enabled = True
