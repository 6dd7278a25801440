"""Other libraries as producers of a tape; each is imported only by its own adapter."""
