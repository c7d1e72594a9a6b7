"""Passwords and tokens in what is shown to many and kept for ever: the manifest, and the texts beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
    r"|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|AIza[\w-]{30,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}|assay_[0-9a-f]{8}_[\w-]{20,}"
    r"|\bpypi-[\w-]{40,}|\bsk-[A-Za-z0-9]{32,}|\b[sr]k_live_\w{16,}|\bnpm_[A-Za-z0-9]{36}|\bdckr_pat_[\w-]{20,}"
)
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|\{.*\}|<.*>|%\w+%|[*.x]+|…", re.IGNORECASE)
"""What stands where a secret would: `${TOKEN}`, as pip takes it from the environment, `<token>`, `***`."""
_URI = re.compile(r"(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9+.-]{0,30}(?::[a-zA-Z0-9+.-]{1,30})?://[^\s\"'`<>|]+")
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_HEADER = re.compile(
    r"authorization[\"']?\s{0,9}[:=]\s{0,9}[\"']?(?:bearer|basic|token)\s{1,9}[A-Za-z0-9][\w.+/=-]{15,}",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"\s*(?:export\s+|set\s+|ENV\s+)?[\"']?(?P<name>[\w.-]{0,80}(?:token|secret|password|passwd|pwd|passphrase"
    r"|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|account[_-]?key))[\"']?"
    r"\s*[:=]\s*[\"']?(?P<value>[\w+/.~-]{12,}=*)[\"']?,?\s*",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"[0-9a-f]{32,}|[A-Za-z_.\-/]*|[\w.\-/]+\.[a-z]{2,5}", re.IGNORECASE)
"""A digest, plain words, the name of a file."""
_WINDOW, _OVERLAP = 8192, 1024
"""Characters looked at together; no key or token is longer than what two of them share."""
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
    names = [name for part in (query, fragment, late) for name, value in _pairs(part) if _tells(value)]
    if secret := next((name for name in names if _NAMES.search(name)), ""):
        return f"a secret in its parameter {secret[:40]!r}"
    return _of_person(scheme, place)


def in_text(text: str) -> str:
    """What secret stands somewhere in a text, in words that do not repeat it; empty for none."""
    if _KEY_BLOCK.search(text):
        return "a private key"
    if _TOKENS.search(text):
        return "an access token"
    if _HEADER.search(text):
        return "a token in a header"
    return next((secret for uri in _URI.findall(text) if (secret := found_in(uri))), "")


def in_pair(name: str, value: object) -> str:
    """The same of a value under a name, however its lists and objects nest."""
    if isinstance(value, dict):
        return next((secret for key, each in value.items() if (secret := in_pair(str(key), each))), "")
    if isinstance(value, list):
        return next((secret for each in value if (secret := in_pair(name, each))), "")
    return _in_line(f"{name}: {value}") if isinstance(value, str) else ""


def in_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines that hold a secret, counted from 1, and what it is. A line that goes on after a back-slash is
    one with the next, as pip reads it."""
    text, first = "", 0
    for number, line in enumerate(lines, 1):
        first = first or number
        text += line.rstrip("\r\n")
        if text.endswith("\\") and len(text) < _WINDOW:
            text = text[:-1]
            continue
        if secret := _in_line(text):
            yield first, secret
        text, first = "", 0
    if text and (secret := _in_line(text)):
        yield first, secret


def _in_line(line: str) -> str:
    """A long line is looked at piece by piece: what looks for secrets must not take for ever."""
    assigned = _ASSIGNED.fullmatch(line[:_WINDOW])
    if assigned and not _NO_SECRET.fullmatch(assigned["value"]):
        return f"a secret under the name {assigned['name'][:40]!r}"
    starts = range(0, max(len(line), 1), _WINDOW - _OVERLAP)
    return next((secret for start in starts if (secret := in_text(line[start : start + _WINDOW]))), "")


def _tells(value: str) -> bool:
    """Whether something stands there, and not only a word for it."""
    return bool(value) and not _PLACEHOLDER.fullmatch(value)


def _pairs(part: str) -> list[tuple[str, str]]:
    return parse_qsl(part.replace(";", "&"), keep_blank_values=True)


def _of_person(scheme: str, place: str) -> str:
    """`user:password@host`; an image's digest stands behind an @ too, and objects have one in their names."""
    host, slash, _ = place.partition("/")
    before, at, after = host.rpartition("@")
    if not at or (not scheme and (not slash or _DIGEST.fullmatch(after))):
        return ""
    account, colon, password = unquote(before).partition(":")
    own = scheme in LOG_IN_WORDS and not colon and account != "git"
    if _tells(password) or (own and _tells(account)):
        return "a password or token before the host"
    return ""
