"""What people must say where something is decided."""

from __future__ import annotations

from registry.errors import BadInput

FEWEST_CHARACTERS = 10
"""Refuses `ok` and `test`; what is a reason people judge."""
MOST_CHARACTERS = 10_000
"""Some pages: who has more to say has a document that can be named."""


def on_grounds(text: str) -> str:
    """The words, trimmed. Raises BadInput where they say too little to be grounds, or too much to be read."""
    words = text.strip()
    if not FEWEST_CHARACTERS <= len(words) <= MOST_CHARACTERS:
        raise BadInput(
            f"Say on what grounds, in {FEWEST_CHARACTERS} to {MOST_CHARACTERS:,} characters.", field="grounds"
        )
    return words
