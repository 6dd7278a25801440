"""Formats of files that others write and read: TensorBoard's records, protobuf's wire. Knows nobody of the house."""
