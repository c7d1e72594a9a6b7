"""From any routing entry to any other over all nodes, in seconds: the same for every strategy."""
