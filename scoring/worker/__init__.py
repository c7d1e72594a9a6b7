"""One worker process: from a client's connection to its answer, and what it may serve."""
