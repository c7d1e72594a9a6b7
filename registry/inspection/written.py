"""The texts beside a model that people read on its page: nothing of them is run, and they hold no secret."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from registry.inspection.refusals import Refusal
from registry.manifest import secrets

TEXTS = ("requirements", "scoring_code", "card")
MOST_BYTES = 16 << 20
"""Of a text that people read, such as code and requirements; what is larger is data in disguise."""
_TOLD = 5
"""One line each: whoever sees these knows what to look for."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WAYS = {
    "requirements": "pip takes an index from PIP_INDEX_URL, and a password as ${NAME} from the environment.",
}


def refusals(files: Mapping[str, Path]) -> tuple[Refusal, ...]:
    """A refusal for each line that holds a secret; it names the line and never repeats it."""
    return tuple(refusal for key in TEXTS if key in files for refusal in _of(key, files[key]))


def _of(key: str, path: Path) -> Iterator[Refusal]:
    with path.open(encoding=_encoding(path), errors="replace", newline="") as lines:
        for number, secret in islice(secrets.in_lines(lines), _TOLD):
            message = (
                f"Line {number} holds {secret}: take it out, because everybody who reads the version sees it."
            )
            yield Refusal("secret", f"files.{key}", f"{message} {_WAYS.get(key, '')}".strip())


def _encoding(path: Path) -> str:
    """Some shells write UTF-16."""
    with path.open("rb") as stream:
        head = stream.read(3)
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
