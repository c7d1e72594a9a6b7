"""Uploads, releases, environments and feedback over REST."""
