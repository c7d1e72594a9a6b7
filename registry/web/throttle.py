"""Guessing passwords is slow: after a few wrong ones the door stays shut for a while."""

from __future__ import annotations

import hashlib

from django.core.cache import cache

WINDOW_S = 300
TRIES_PER_PERSON_AND_ADDRESS = 5
TRIES_PER_ADDRESS = 50


def is_shut(username: str, address: str) -> bool:
    """Whether this person from this address has to wait."""
    counts = cache.get_many([key for key, _ in _limits(username, address)])
    return any(counts.get(key, 0) >= limit for key, limit in _limits(username, address))


def count_failure(username: str, address: str) -> None:
    """One wrong password; the window starts at the first."""
    for key, _ in _limits(username, address):
        cache.add(key, 0, WINDOW_S)
        try:
            cache.incr(key)
        except ValueError:  # it lapsed between the two calls
            cache.set(key, 1, WINDOW_S)


def forget(username: str, address: str) -> None:
    """The right password: the person's own count starts again, the address's goes on."""
    cache.delete(_limits(username, address)[0][0])


def _limits(username: str, address: str) -> list[tuple[str, int]]:
    def key(*parts: str) -> str:
        return "login:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()

    return [
        (key("person", username.lower(), address), TRIES_PER_PERSON_AND_ADDRESS),
        (key("address", address), TRIES_PER_ADDRESS),
    ]
