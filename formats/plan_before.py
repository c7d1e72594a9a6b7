"""Routing entries as the release before writes and reads them: the bridge between two that run at once.

There a version had four of its switches beside its other facts, and was known by its place alone. To be
deleted in the next release but one; until then rows and plan files of both are read, and both read ours.
"""

from __future__ import annotations

from formats.documents import Json

_MIB_BITS = 20
"""The format before counted the cache in bytes, a MiB being 2**20 of them."""


def also_as_before(entry: Json) -> Json:
    """The entry's document, with what nodes and web processes of the release before look for."""
    for version in entry["versions"].values():
        serving = version["serving"]
        version["batching"] = version["batchable"] and serving["batching"]
        version["cache_bytes"] = serving["cache_mb"] << _MIB_BITS
        version["log_share"] = serving["log_share"]
        version["prepack"] = serving["prepack"]
    return entry


def renewed(entry: object) -> object:
    """The entry's document as it is written now, whoever has written it. What is none is left as it is."""
    if not isinstance(entry, dict) or not isinstance(versions := entry.get("versions"), dict):
        return entry
    return {**entry, "versions": {number: _version(number, each) for number, each in versions.items()}}


def _version(number: str, document: object) -> object:
    if not isinstance(document, dict) or "serving" in document:
        return document
    serving = {
        "cache_mb": document.get("cache_bytes", 0) >> _MIB_BITS,
        "log_share": document.get("log_share", 0.0),
        "prepack": document.get("prepack", True),
    }
    facts = {"number": int(number), "batchable": document.get("batching", False), "serving": serving}
    return {**document, **facts}
