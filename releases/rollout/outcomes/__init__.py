"""What became of a rollout's units: told by unit, summed by the cohort rule, read for a decision."""
