"""How shares move: one pure file per strategy, from (design, counts, standing, clock) to a decision."""
