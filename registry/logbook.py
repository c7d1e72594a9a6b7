"""Reads of the log, each for who asks: what a reader may not see is not in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet

from registry import names, policies, selectors
from registry.errors import NotAllowed
from registry.models import ApiToken, Event, begins

if TYPE_CHECKING:
    from registry.models import Person

NEVER = 2**62
"""Above any number that the log will have, within 64 bits."""


def log(asker: Person, token: ApiToken | None = None, **wanted: Any) -> QuerySet[Event]:
    """The events that the asker may read, filtered as `_events` says. Oldest first.

    All of them for who audits the installation. Everybody else reads those of the models that they see,
    with a token those on which it has audit-read. What happened to people and tokens has no model.
    Raises NotAllowed for a token that reads no log.
    """
    found = _events(**wanted)
    reason = policies.refuse_log(selectors.installation_access(asker, token))
    if not reason:
        return found
    scopes = policies.READING if token is None else {"audit-read"}
    if (token is None or token.all_models) and selectors.everywhere(asker, selectors.carriers(token, scopes)):
        return found.exclude(model="")
    models = selectors.models_for(asker, token, scopes)
    if token is not None and not models.exists():
        raise NotAllowed(reason)
    named = models.filter(name=OuterRef("model"))
    return selectors.narrowed(found, Q(model__in=models.values("name")), Q(Exists(named)))


def last_event() -> Event | None:
    """The head of the log: its number and digest are no secret, what it says is for who may read it."""
    return Event.objects.order_by("-seq").first()


def _events(
    *,
    subject: str = "",
    kind: str = "",
    actor: str = "",
    model: str = "",
    after: int = 0,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """The log, filtered; a word ending in `*` matches as a beginning. Oldest first."""
    found = Event.objects.filter(seq__gt=after)
    if model and not names.is_slug(model):
        model = selectors.slug(model)
    for column, word in (("subject", subject), ("kind", kind), ("actor", actor), ("model", model)):
        if word.endswith("*"):
            found = _beginning(found, column, word[:-1])
        elif word:
            found = found.filter(**{column: word})
    if since:
        first = _numbers(Event.objects.filter(at__gte=since).order_by("at"))["first"]
        found = found.filter(at__gte=since, seq__gte=NEVER if first is None else first)
    if until:
        last = _numbers(Event.objects.filter(at__lt=until).order_by("-at"))["last"]
        found = found.filter(at__lt=until, seq__lte=0 if last is None else last)
    return found.order_by("seq")


def _numbers(rows: QuerySet[Event]) -> dict[str, int | None]:
    """Between which numbers the log reached a time, so that nobody walks through what lies beyond it.

    Numbers rise with time, but for a clock that was set back: so a thousand events are looked at.
    """
    return rows[:1000].aggregate(first=Min("seq"), last=Max("seq"))


def _beginning(found: QuerySet[Event], column: str, start: str) -> QuerySet[Event]:
    if not start:
        return found
    return selectors.narrowed(found, begins(column, start), Q(**{f"{column}__startswith": start}))
