"""The text of an API token: `assay_<identifier>_<random>`, of which only the SHA-256 is kept. Pure."""

from __future__ import annotations

import hashlib
import secrets


def new_secret() -> tuple[str, str]:
    """A fresh (identifier, token text) with 256 bits of chance in it."""
    identifier = secrets.token_hex(4)
    return identifier, f"assay_{identifier}_{secrets.token_urlsafe(32)}"


def identifier_of(text: str) -> str:
    """The identifier in a token's text, empty where it has none."""
    parts = text.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "assay" else ""


def sha256_of(text: str) -> str:
    """How a token is kept and looked up; 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()
