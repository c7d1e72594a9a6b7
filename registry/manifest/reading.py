"""Manifest text -> plain tree of dict, list, str, int, float, bool and None.

YAML and JSON give the same tree. YAML is typed by the rules of JSON (only `true`, `false`, `null`, `~` and
JSON-like numbers are not text), so that `no`, `1:30` and dates stay what a person wrote. NaN and infinities
are words, and only among the hyperparameters.
"""

from __future__ import annotations

import json
import re
from typing import Any

from registry.manifest import yaml_tree
from registry.manifest.errors import BadManifest, refuse
from registry.manifest.scalars import NotFinite, Wrong, not_finite, number

MAX_BYTES = 512 * 1024
"""Parsed in the web process, YAML slowly: a real manifest has some 5 kB."""
MAX_DEPTH = 24
"""Ours goes six deep; readers of YAML recurse."""
MAX_NODES = 50_000
"""With aliases a small text could unfold into billions; a real manifest has hundreds."""
HYPERPARAMETERS = "training.hyperparameters"

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def read(text: bytes) -> dict[str, Any]:
    """The document as a plain tree, with no key twice and nothing nested beyond the limits.

    Raises BadManifest with the line of a syntax error, or the dotted field of anything else.
    """
    if len(text) > MAX_BYTES:
        raise refuse(f"the manifest has {len(text)} bytes; at most {MAX_BYTES} are read")
    tree = _tree(text)
    if not isinstance(tree, dict):
        raise refuse("the manifest must be a mapping of names to values, such as 'model: digits'")
    _walk(tree)
    return tree


def listed(text: bytes, name: str) -> list[Any]:
    """The same of a document that is a list, and is to stand at `name`."""
    tree = _tree(text)
    if not isinstance(tree, list):
        raise refuse("the manifest must be a list, each item after a dash", name)
    _walk({name: tree})
    return tree


def _tree(text: bytes) -> object:
    try:
        source = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"the manifest is not UTF-8 text (byte {error.start})") from error
    return _from_json(source) if source.lstrip().startswith("{") else _from_yaml(source)


def _from_yaml(source: str) -> object:
    return yaml_tree.read(source, depth=MAX_DEPTH, nodes=MAX_NODES)


def _from_json(source: str) -> object:
    try:
        return json.loads(
            source,
            object_pairs_hook=_unique,
            parse_int=number,
            parse_float=number,
            parse_constant=not_finite,
        )
    except json.JSONDecodeError as error:
        # A YAML document may be written in one pair of braces, without quotes.
        try:
            return _from_yaml(source)
        except BadManifest:
            raise refuse(f"this is not JSON: {error.msg} at line {error.lineno}") from error
    except RecursionError as error:
        raise refuse(f"the manifest is nested deeper than {MAX_DEPTH} levels") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = Wrong("this key is written twice") if key in found else value
    return found


def _walk(tree: dict[str, object]) -> None:
    """Refuse what both notations could smuggle in, naming the field. What stands in several places by an
    alias is counted in each."""
    pending: list[tuple[str, object, int]] = [("", tree, 0)]
    seen = 0
    while pending:
        path, value, depth = pending.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise refuse(f"nested deeper than {MAX_DEPTH} levels or more than {MAX_NODES} values", path)
        if isinstance(value, Wrong):
            raise refuse(value.message, path)
        if isinstance(value, str):
            _check_text(value, path)
        elif isinstance(value, dict | list):
            children = _children(path, value)
            if seen + len(pending) + len(children) > MAX_NODES:
                raise refuse(f"there are more than {MAX_NODES} values", path)
            pending.extend((where, child, depth + 1) for where, child in children)


def _children(path: str, value: dict[str, Any] | list[Any]) -> list[tuple[str, Any]]:
    """The values inside one, each with its path; words take the place of what is not finite."""
    held: Any = value
    found = []
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        where = _where(path, key)
        if isinstance(held[key], NotFinite):
            held[key] = _word(held[key], where)
        found.append((where, held[key]))
    return found


def _where(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    _check_text(key, path)
    return f"{path}.{key}" if path else key


def _word(value: NotFinite, path: str) -> str:
    if not path.startswith((f"{HYPERPARAMETERS}.", f"{HYPERPARAMETERS}[")):
        raise refuse(f"must be a finite number: {value.word} can only be a hyperparameter", path)
    return value.word


def _check_text(text: str, path: str) -> None:
    """No control characters (a database refuses NUL), no half of a surrogate pair."""
    if _UNFIT.search(text):
        raise refuse("the text holds a character that cannot be stored or shown", path)
