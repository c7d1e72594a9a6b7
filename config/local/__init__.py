"""Assay as processes of one machine: what is started, kept alive, watched and ended together."""
