"""Bytes <-> tensors, one file per protocol, no input or output of their own."""
