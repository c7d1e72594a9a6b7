"""From a wanted version to a loaded one: bytes, memory, weights."""
