"""Text operators that would bring a process down, or that need a locale which is not ours to give."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import helper

from scoring.runtime.locales import LOCALE, has

MOST_EXPRESSION = 2_000
"""Characters of a Tokenizer's expressions: they run in time proportional to them and to the text (RE2)."""
MOST_PADDING = 64
"""A pad repeats for each missing character: a text of one megabyte would make a gigabyte of a tensor."""


def trouble(node: onnx.NodeProto) -> str:
    """What is wrong with a Tokenizer or StringNormalizer, or nothing; also nothing for any other node."""
    if (node.domain, node.op_type) == ("com.microsoft", "Tokenizer"):
        return _of_tokenizer(_texts(node))
    if _changes_case(node):
        wanted = _texts(node).get("locale", [""])[0]
        if wanted and not has(wanted):
            return f"changes case by the locale {wanted[:40]!r}: {LOCALE} is the one that is always there"
    return ""


def needs_locale(node: onnx.NodeProto) -> bool:
    """Whether the node changes case by the locale that onnxruntime takes where none is named."""
    return _changes_case(node) and not _texts(node).get("locale", [""])[0]


def _of_tokenizer(texts: dict[str, list[str]]) -> str:
    expressions = [*texts.get("tokenexp", []), *texts.get("separators", [])]
    if sum(len(one) for one in expressions) > MOST_EXPRESSION:
        return f"has expressions of more than {MOST_EXPRESSION:,} characters"
    if any(len(one) > MOST_PADDING for one in texts.get("pad_value", [])):
        return f"pads with more than {MOST_PADDING} characters"
    return ""


def _changes_case(node: onnx.NodeProto) -> bool:
    if node.op_type != "StringNormalizer" or node.domain not in ("", "ai.onnx"):
        return False
    return _texts(node).get("case_change_action", ["NONE"])[0] in ("LOWER", "UPPER")


def _texts(node: onnx.NodeProto) -> dict[str, list[str]]:
    """The attributes that hold text."""
    found: dict[str, list[str]] = {}
    for attribute in node.attribute:
        value: Any = helper.get_attribute_value(attribute)
        values = value if isinstance(value, list) else [value]
        texts = [one.decode(errors="replace") for one in values if isinstance(one, bytes)]
        if texts:
            found[attribute.name] = texts
    return found
