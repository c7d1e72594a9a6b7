"""What comes back from the nodes: counters, feedback and logged answers, each taken in exactly once."""
