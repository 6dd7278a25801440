"""`torch.backends.openmp`."""


def is_available() -> bool:
    """NumPy's products use threads of their own; see `get_num_threads`."""
    return False
