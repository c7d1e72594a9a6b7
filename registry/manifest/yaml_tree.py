"""YAML, event by event, into a plain tree. Nothing that a document says can build an object.

An alias stands for the very value of its anchor, which is finished by then: no value holds itself. How much
a document says in this way is bounded where the tree is walked, and here for what `<<` copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from registry.manifest.errors import refuse
from registry.manifest.scalars import MERGE, Wrong, plain

_MERGED = object()
"""The key under which a mapping keeps what it takes over from others, until it ends."""


def read(source: str, *, depth: int, nodes: int) -> Any:
    """The tree of one document. Raises BadManifest with the line of what cannot be read."""
    tree = _Tree(depth, nodes)
    try:
        return tree.built(yaml.parse(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise refuse(f"this is not YAML: {error.problem} at line {line}") from error
    except yaml.YAMLError as error:
        raise refuse(f"this is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise refuse(f"the manifest is nested deeper than {depth} levels") from error


class _Tree:
    """Puts the tree together without recursion; each open collection is on the stack."""

    def __init__(self, depth: int, nodes: int) -> None:
        self._depth, self._nodes = depth, nodes
        self._root: list[Any] = []
        self._stack: list[Any] = [self._root]
        self._keys: list[Any] = [None]
        self._open: list[str | None] = [None]
        self._anchors: dict[str, Any] = {}
        self._copied = 0
        self._documents = 0

    def built(self, events: Iterator[yaml.Event]) -> object:
        for event in events:
            self._documents += isinstance(event, yaml.DocumentStartEvent)
            self._refuse_cleverness(event)
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end(event)
            elif isinstance(event, yaml.AliasEvent):
                self._place(event, self._known(event))
            elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                self._begin(event)
        return self._root[0] if self._root else None

    def _refuse_cleverness(self, event: yaml.Event) -> None:
        if getattr(event, "tag", None) is not None:
            raise refuse(f"the tag at line {_line(event)} is not read: write a plain value")
        if self._documents > 1:
            raise refuse(f"a second document starts at line {_line(event)}: send one")
        if len(self._stack) > self._depth + 1:
            raise refuse(f"the manifest is nested deeper than {self._depth} levels at line {_line(event)}")

    def _known(self, event: yaml.AliasEvent) -> object:
        name = str(event.anchor)
        if name in self._open:
            raise refuse(f"*{name[:40]} at line {_line(event)} stands inside its own value")
        if name not in self._anchors:
            raise refuse(f"*{name[:40]} at line {_line(event)} has no anchor &{name[:40]} before it")
        return self._anchors[name]

    def _begin(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        value = _opened(event)
        self._place(event, value)
        if isinstance(event, yaml.CollectionStartEvent):
            self._stack.append(value)
            self._keys.append(None)
            self._open.append(event.anchor)
        elif event.anchor is not None:
            self._anchors[event.anchor] = value

    def _end(self, event: yaml.Event) -> None:
        value, anchor = self._stack.pop(), self._open.pop()
        self._keys.pop()
        if isinstance(value, dict) and _MERGED in value:
            self._take_over(value, value.pop(_MERGED), _line(event))
        if anchor is not None:
            self._anchors[anchor] = value

    def _place(self, event: yaml.NodeEvent, value: Any) -> None:
        parent = self._stack[-1]
        if not isinstance(parent, dict):
            parent.append(value)
        elif self._keys[-1] is None:
            if not isinstance(event, yaml.ScalarEvent):
                raise refuse(f"a key must be a word, not a collection or an alias (line {_line(event)})")
            self._keys[-1] = _MERGED if event.value == MERGE and event.implicit[0] else event.value
        else:
            key = self._keys[-1]
            parent[key] = Wrong("this key is written twice") if key in parent else value
            self._keys[-1] = None

    def _take_over(self, mapping: dict[object, object], others: object, line: int) -> None:
        """What `<<` brings: names that the mapping has not itself, of several sources the first one's."""
        for other in others if isinstance(others, list) else [others]:
            if not isinstance(other, dict):
                raise refuse(
                    f"<< takes over mappings, such as <<: *defaults (the mapping before line {line})"
                )
            self._copied += len(other)
            if self._copied > self._nodes:
                raise refuse(f"<< copies more than {self._nodes} values: write less of them")
            for key, value in other.items():
                mapping.setdefault(key, value)


def _opened(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> object:
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    if not isinstance(event, yaml.ScalarEvent):
        return []
    text: str = event.value
    return plain(text) if event.implicit[0] else text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
