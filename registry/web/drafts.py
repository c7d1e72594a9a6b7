"""What somebody was writing when they had to say first who they are: it is kept until they are back.

While their session lives, it is kept there. When it has ended, the log-in page carries it along, so that
nothing that a stranger sends is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

DRAFT = "draft"
MOST_CARRIED = 100_000
"""Through a form of the log-in page, below what a stranger's body may have."""
CSRF = "csrfmiddlewaretoken"


@dataclass(frozen=True, slots=True)
class Written:
    """Words by the names that the page at `place` fills them in again by."""

    place: str
    words: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(word.strip() for word in self.words.values())

    def packed(self) -> str:
        """For a hidden field of the log-in page."""
        return json.dumps({"place": self.place, "words": self.words})


Reader = Callable[..., Written]
"""What a request that posts something has written: called with the request and its address's parts."""


def whole_form(request: HttpRequest) -> str:
    """Everything that was filled in, as one text; `QueryDict` reads it again."""
    written = request.POST.copy()
    written.pop(CSRF, None)
    return written.urlencode()


def unpacked(request: HttpRequest) -> Written | None:
    """What the log-in page has carried; nothing for what no page of ours has packed."""
    packed = request.POST.get("written", "")
    if not packed or len(packed) > MOST_CARRIED:
        return None
    try:
        said = json.loads(packed)
        written = Written(said["place"], {str(name): str(word) for name, word in said["words"].items()})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return written if is_ours(request, written.place) else None


def is_ours(request: HttpRequest, place: object) -> bool:
    """Whether an address is one of this site, for going there."""
    return isinstance(place, str) and url_has_allowed_host_and_scheme(
        place, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def keep(request: HttpRequest, written: Written) -> None:
    """Keep it in the session of the person."""
    request.session[DRAFT] = {"place": written.place, "words": written.words}


def take(request: HttpRequest, place: str) -> dict[str, Any]:
    """What was written at `place` before; it is handed out once."""
    draft = request.session.get(DRAFT) or {}
    if draft.get("place") != place:
        return {}
    del request.session[DRAFT]
    return dict(draft["words"])
