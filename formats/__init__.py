"""What crosses a wall between processes or apps, defined once: no Django, nothing of ours above it."""
