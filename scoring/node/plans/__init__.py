"""Which plan a node follows, and how it comes into force."""
