"""From one version to the next: what is routed, how it goes out to the nodes, and by which evidence."""
