"""The worker processes: their sockets, their start, their watch, their end."""
