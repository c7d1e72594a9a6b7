"""A page as it is read: where its source breaks lines is nobody's business."""

from __future__ import annotations

import re
from typing import Any

INLINE = "a|b|button|code|em|i|input|label|progress|select|small|span|strong|sub|sup|svg|textarea|time"
BOX = re.compile(rf"\s*(</?(?!(?:{INLINE})\b)[a-z!][^>]*>)\s*")


def html(response: Any) -> str:
    """The source with white space as one space, and none beside boxes or at the end of a tag."""
    return squeezed(response.content.decode())


def squeezed(source: str) -> str:
    return BOX.sub(r"\1", re.sub(r"\s+>", ">", re.sub(r"\s+", " ", source)))
