"""Files of weights beside a graph: their keys in a manifest, and the places by which a graph names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname

MOST_FILES = 50
"""A model of 500 GB in shards of 10 GB: each is a part of the upload and a row of the version."""
_KEY = re.compile(r"weights(?:_[a-z0-9_]{1,40})?", re.ASCII)


def is_weights(key: str) -> bool:
    """Whether a key under `files` means such a file: `weights`, `weights_2`, `weights_decoder`."""
    return _KEY.fullmatch(key) is not None


def place(model: str, name: str) -> str | None:
    """The name as a graph in the folder of `model` says it; None for a file that lies elsewhere."""
    folder = dirname(model)
    if not folder:
        return name
    return name.removeprefix(f"{folder}/") if name.startswith(f"{folder}/") else None


def beside(files: Mapping[str, str]) -> dict[str, str]:
    """Place of each file of weights to its key, out of key to name."""
    found = {place(files["model"], name): key for key, name in files.items() if is_weights(key)}
    return {where: key for where, key in found.items() if where is not None}


def checked(where: str) -> str:
    """The place itself. Raises ValueError for one that could lead out of a folder."""
    parts = where.split("/")
    if not where or any(part in ("", ".", "..") or part.startswith(".") or "\\" in part for part in parts):
        raise ValueError(f"{where[:60]!r} is no place below a folder")
    return where
