"""The keys a single machine makes for itself on its first start, each in a file only its owner reads.

On several machines the same keys are given to all of them: `ASSAY_SECRET_KEY`, and a shared `keys` folder.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def django_key(data: Path) -> str:
    """Django's secret key, made once and kept."""
    return _kept(data / "keys" / "django.key", lambda: secrets.token_urlsafe(48).encode()).decode()


def request_key(data: Path) -> bytes:
    """32 bytes under which request ids are made and checked."""
    return _kept(data / "keys" / "request.key", lambda: secrets.token_bytes(32))


def plan_key(data: Path) -> Ed25519PrivateKey:
    """The key that signs routing plans; its public half lies beside it as `plan.pub`."""
    pem = _kept(data / "keys" / "plan.key", _new_private_key)
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{data / 'keys' / 'plan.key'} is not an Ed25519 private key in PEM form")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _kept(data / "keys" / "plan.pub", lambda: public)
    return key


def _new_private_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; made under a lock where it is missing, because several processes start at once."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            fresh = path.with_suffix(".new")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(make())
                out.flush()
                os.fsync(out.fileno())
            fresh.rename(path)
    return path.read_bytes()
