"""The engine room: tensors, the op table, the backward engine. Knows nobody above it."""
