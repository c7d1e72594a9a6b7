"""Who is meant by the words of `built.by`: the keys by which the words and an account are compared. Pure.

People write `Boris <boris@example.org>`, `mailto:boris@example.org`, `boris+ci@example.org`, or in full-width
letters. Such spellings have one key. What is left over resolves to nobody, and reviewers are told so.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

_ADDRESS = re.compile(r"([^\s<>()\[\],;:\"'@]+)@([^\s<>()\[\],;:\"'@]+)")
_AROUND = re.compile(r"[<>()\[\],;\"]|\bmailto:")
_LONGEST = 254
"""The longest address that mail can have (RFC 5321)."""
LONGEST_KEY = 300
"""Of what a builder is found by again: above any address, with the letters that NFKC adds."""


def keys(words: str) -> frozenset[str]:
    """`m:` an address as it stands, `b:` the same without its plus-part, `n:` a name."""
    text = _plain(words)
    found = set()
    for local, domain in _ADDRESS.findall(text):
        host = _host(domain)
        found |= {f"m:{local}@{host}", f"b:{local.partition('+')[0] or local}@{host}"}
    names = (" ".join(part.split()) for part in _AROUND.split(_ADDRESS.sub(",", text)))
    found |= {f"n:{name.removeprefix('person/')}" for name in names if name}
    return frozenset(key[:LONGEST_KEY] for key in found)


def keys_of_person(username: str, email: str) -> frozenset[str]:
    """The keys by which an account is known: its name, its address."""
    return keys(username) | keys(email)


def counted(found: frozenset[str], plus_addresses: str) -> frozenset[str]:
    """The keys that count where a policy tells plus-addresses apart (`distinct`), or takes them for one."""
    return frozenset(key for key in found if plus_addresses != "distinct" or not key.startswith("b:"))


def _plain(words: str) -> str:
    """Compatible letters alike, no case, nothing invisible, no space around an at sign."""
    text = unicodedata.normalize("NFKC", words[:_LONGEST])
    if "mailto:" in text.lower():
        text = unquote(text).partition("?")[0]
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc"})
    text = unicodedata.normalize("NFKC", text.casefold())
    return re.sub(r"\s*@\s*", "@", text.replace('"', ""))


def _host(domain: str) -> str:
    """A domain as mail servers compare it: without the last dot, in ASCII."""
    host = domain.rstrip(".")
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host
