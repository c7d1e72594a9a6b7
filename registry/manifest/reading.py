"""Manifest text -> plain tree of dict, list, str, int, float, bool and None.

YAML and JSON give the same tree. YAML is read event by event and typed by the rules of
JSON (only `true`, `false`, `null`, `~` and JSON-like numbers are not text), so that `no`,
`1:30` and dates stay what a person wrote, and nothing a document says can build an object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

import yaml

from registry.manifest.errors import BadManifest, refuse

MAX_BYTES = 512 * 1024
MAX_DEPTH = 24
MAX_NODES = 50_000

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST_NUMBER = 40
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class _Repeated:
    """Stands where a key came twice, until the tree is walked and the path is known."""


def read(text: bytes) -> dict[str, Any]:
    """The document as a plain tree, with no key twice and nothing nested beyond the limits.

    Raises BadManifest with the line of a syntax error, or the dotted field of anything else.
    """
    if len(text) > MAX_BYTES:
        raise refuse(f"the manifest has {len(text)} bytes; at most {MAX_BYTES} are read")
    try:
        source = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"the manifest is not UTF-8 text (byte {error.start})") from error
    tree = _from_json(source) if source.lstrip().startswith("{") else _from_yaml(source)
    if not isinstance(tree, dict):
        raise refuse("the manifest must be a mapping of names to values, such as 'model: digits'")
    _walk(tree)
    return tree


def _from_json(source: str) -> Any:
    try:
        return json.loads(
            source,
            object_pairs_hook=_unique,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_number,
        )
    except json.JSONDecodeError as error:
        # A YAML document may be written in one pair of braces, without quotes.
        try:
            return _from_yaml(source)
        except BadManifest:
            raise refuse(f"this is not JSON: {error.msg} at line {error.lineno}") from error
    except RecursionError as error:
        raise refuse(f"the manifest is nested deeper than {MAX_DEPTH} levels") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = _Repeated() if key in found else value
    return found


def _from_yaml(source: str) -> Any:
    try:
        return _build(yaml.parse(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise refuse(f"this is not YAML: {error.problem} at line {line}") from error
    except yaml.YAMLError as error:
        raise refuse(f"this is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise refuse(f"the manifest is nested deeper than {MAX_DEPTH} levels") from error


def _build(events: Iterator[yaml.Event]) -> Any:
    """Put the tree together without recursion; each open collection is on the stack."""
    root: list[Any] = []
    stack: list[Any] = [root]
    keys: list[Any] = [None]
    documents = 0
    for event in events:
        documents += isinstance(event, yaml.DocumentStartEvent)
        _refuse_cleverness(event, documents, len(stack))
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
            keys.pop()
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            _place(event, stack, keys)
    return root[0] if root else None


def _refuse_cleverness(event: yaml.Event, documents: int, depth: int) -> None:
    line = _line(event)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise refuse(f"anchors and aliases are not read (line {line}): write the value out")
    if isinstance(event, yaml.NodeEvent) and _has_tag(event):
        raise refuse(f"the tag at line {line} is not read: write a plain value")
    if documents > 1:
        raise refuse(f"a second document starts at line {line}: send one")
    if depth > MAX_DEPTH + 1:
        raise refuse(f"the manifest is nested deeper than {MAX_DEPTH} levels at line {line}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _has_tag(event: yaml.NodeEvent) -> bool:
    return getattr(event, "tag", None) is not None


def _place(event: yaml.NodeEvent, stack: list[Any], keys: list[Any]) -> None:
    parent = stack[-1]
    if isinstance(parent, dict) and keys[-1] is None:
        if not isinstance(event, yaml.ScalarEvent):
            raise refuse(f"a key must be a word, not a collection (line {_line(event)})")
        keys[-1] = event.value
        return
    value = _opened(event)
    if isinstance(parent, dict):
        parent[keys[-1]] = _Repeated() if keys[-1] in parent else value
        keys[-1] = None
    else:
        parent.append(value)
    if isinstance(event, yaml.CollectionStartEvent):
        stack.append(value)
        keys.append(None)


def _opened(event: yaml.NodeEvent) -> Any:
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    if isinstance(event, yaml.SequenceStartEvent):
        return []
    return _scalar(event)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> int | float:
    """A JSON number; whole floats become integers, so that 1 and 1.0 are the same fact."""
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _LONGEST_NUMBER:
        raise refuse(f"{text[:_LONGEST_NUMBER]} is not a number that can be kept exactly")
    value = float(text) if match["fraction"] else int(text)
    if not isfinite(value):
        raise refuse(f"{text} is beyond what a number can hold")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _walk(tree: dict[str, Any]) -> None:
    """Refuse what both notations could smuggle in, naming the field."""
    pending: list[tuple[str, Any, int]] = [("", tree, 0)]
    seen = 0
    while pending:
        path, value, depth = pending.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise refuse(f"nested deeper than {MAX_DEPTH} levels or more than {MAX_NODES} values", path)
        if isinstance(value, _Repeated):
            raise refuse("this key is written twice", path)
        if isinstance(value, dict):
            for key, child in value.items():
                _check_text(key, path)
                pending.append((f"{path}.{key}" if path else key, child, depth + 1))
        elif isinstance(value, list):
            pending.extend((f"{path}[{i}]", child, depth + 1) for i, child in enumerate(value))
        elif isinstance(value, str):
            _check_text(value, path)


def _check_text(text: str, path: str) -> None:
    """No control characters (a database refuses NUL), no half of a surrogate pair."""
    if _UNFIT.search(text):
        raise refuse("the text holds a character that cannot be stored or shown", path)
