"""Whose plans a node follows. Imported only where plans are signed: cryptography takes its time."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from formats.plan import PublicKey, key_id

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class BadKey(ValueError):
    """A key file that the node cannot use."""


def read_plan_keys(path: Path) -> dict[str, PublicKey]:
    """The Ed25519 public keys in a PEM file, by key id; several while one is being replaced."""
    keys: dict[str, PublicKey] = {}
    for block in _PEM.findall(path.read_bytes()):
        key = load_pem_public_key(block)
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey(f"{path} holds a key that is not Ed25519")
        keys[key_id(key)] = key
    if not keys:
        raise BadKey(f"{path} holds no public key in PEM form")
    return keys
