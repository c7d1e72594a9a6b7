"""What comes back from the nodes, each taken in exactly once, and what people and rollouts read of it."""
