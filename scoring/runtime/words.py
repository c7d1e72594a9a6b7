"""What onnxruntime says when it refuses a graph, with a sentence of ours before it."""

from __future__ import annotations

import re

from scoring.runtime import locales

MOST = 300
"""Of an exception of a runtime, which may quote a whole graph."""
_SENTENCES = (
    (r"not a registered function/op", "It uses an operator that this version of onnxruntime does not have."),
    (r"unsupported model ir.?version|ir_version", "Its IR version is newer than this onnxruntime reads."),
    (
        r"under development|official support for domain",
        "Its operator set is newer than this onnxruntime knows.",
    ),
    (r"regex|tokenexp|separators", "The expression of a Tokenizer cannot be used."),
    (r"external data|external_data|external initializer", "Its weights are not where the graph says."),
    (r"type error|typeinferenceerror", "A node gets another type than it takes."),
    (r"shapeinferenceerror|shape mismatch", "The shapes of two tensors do not fit each other."),
    (
        r"could not find an implementation|not_implemented",
        "It uses an operator on a type that onnxruntime lacks.",
    ),
    (r"invalid_graph|not a valid model|node input|is not output of any previous", "The graph is not whole."),
)
_PLACE = re.compile(r"\s*/onnxruntime_src/\S+:\d+ ")
_SIGNATURE = re.compile(r"^(?:[\w:<>,&*~ ]+\(.*?\)(?: const)?(?: \[with .*?\])?) ")


def refusal(error: Exception) -> str:
    """Why a graph does not load: our sentence, then the words of onnxruntime."""
    text = str(error)
    low = text.lower()
    if "locale" in low and not locales.has():
        ours = locales.MISSING
    else:
        ours = next((words for pattern, words in _SENTENCES if re.search(pattern, low)), "")
    return f"onnxruntime refuses the graph. {ours} It says: {_plain(text)}".replace(".  It", ". It")


def _plain(text: str) -> str:
    """Without the places in its own source, on one line."""
    head, found, tail = text.partition("/onnxruntime_src/")
    if found:
        tail = _SIGNATURE.sub("", _PLACE.sub("", f" /onnxruntime_src/{tail}", count=1))
    return " ".join(f"{head}{tail}".split())[:MOST]
