"""From a version's bytes to verdicts: two cells, an examiner that asks, gates that judge."""
