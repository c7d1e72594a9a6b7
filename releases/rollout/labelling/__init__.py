"""Disagreements that an expert judges: which there are, and what the labels come to."""
