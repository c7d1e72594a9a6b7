"""Passwords and tokens where only a place should be said: a manifest is shown to many, and kept for ever."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

_WITH_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.:-]*)://(?P<rest>.*)", re.DOTALL)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-fA-F]{32,}")
_NAMES = re.compile(
    r"token|secret|passw|pwd|passphrase|signature|credential|api.?key|access.?key|subscription.?key"
    r"|private.?key|^sig$|^auth$|^authorization|^jwt$",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|hf_[A-Za-z0-9]{20,}"
    r"|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}|assay_[0-9a-f]{8}_[\w-]{20,}"
)
LOG_IN_WORDS = ("https", "http", "git+https", "git+http")
"""Schemes where a name before the host is a token as often as not; elsewhere it is an account (`git@`)."""


def found_in(text: str) -> str:
    """What secret a URI or an image's name holds, in words that do not repeat it; empty for none."""
    if _TOKENS.search(unquote(text)):
        return "an access token"
    match = _WITH_SCHEME.fullmatch(text)
    scheme, rest = (match["scheme"].lower(), match["rest"]) if match else ("", text)
    place, _, more = rest.partition("?")
    place, _, fragment = place.partition("#")
    query, _, late = more.partition("#")
    names = [name for part in (query, fragment, late) for name, value in _pairs(part) if value]
    if secret := next((name for name in names if _NAMES.search(name)), ""):
        return f"a secret in its parameter {secret[:40]!r}"
    return _of_person(scheme, place)


def _pairs(part: str) -> list[tuple[str, str]]:
    return parse_qsl(part.replace(";", "&"), keep_blank_values=True)


def _of_person(scheme: str, place: str) -> str:
    """`user:password@host`; an image's digest stands behind an @ too, and objects have one in their names."""
    host, slash, _ = place.partition("/")
    before, at, after = host.rpartition("@")
    if not at or (not scheme and (not slash or _DIGEST.fullmatch(after))):
        return ""
    _, colon, password = unquote(before).partition(":")
    if (colon and password) or scheme in LOG_IN_WORDS:
        return "a password or token before the host"
    return ""
