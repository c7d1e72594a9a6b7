"""The web port: who may be connected, in which queue a request waits, and Django behind it."""
