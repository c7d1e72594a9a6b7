"""The demonstration: real models, and the whole journey played through the public faces."""
