"""Reads of what people are told: whom it concerns, what is new to them, and how their mail goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from registry import selectors
from registry.models import Mail, Membership, Notice, Person, RegisteredModel, Role, Wishes
from registry.principals import Access

MOST_NEWS = 99
"""A badge says 99+ beyond, and so many rows are all that is counted."""
LOOKED_AT = 100
"""Several notices may be about one thing: among so many a page finds those that it shows."""
SHOWN_FOR = timedelta(days=14)
KEPT_FOR = timedelta(days=90)
LATE = timedelta(minutes=10)
"""A mail that nobody has tried to send for so long has no worker."""


@dataclass(frozen=True, slots=True)
class Post:
    """How mail stands: how many wait to be sent, how many of them after a failure, and what it said last."""

    waiting: int = 0
    failing: int = 0
    given_up: int = 0
    late: int = 0
    trouble: str = ""
    last_sent_at: datetime | None = None


def wishes(person: Person) -> Wishes:
    """What the person wants to be mailed; all of it, where nothing was chosen."""
    return Wishes.objects.filter(person=person).first() or Wishes(person=person)


def holders(model: RegisteredModel) -> list[tuple[Person, Access]]:
    """The people with a role on the model, each with what it allows. One query."""
    rows = Membership.objects.filter(
        Q(model=None) | Q(model=model), person__is_active=True, person__is_machine=False
    )
    people: dict[int, Person] = {}
    roles: dict[int, set[str]] = {}
    for row in rows.select_related("person").order_by("person"):
        people[row.person_id] = row.person
        roles.setdefault(row.person_id, set()).add(row.role)
    return [
        (
            person,
            Access(
                username=person.username,
                email=person.email,
                model=model.name,
                roles=frozenset(roles[pk] | ({Role.ADMIN} if person.is_superuser else set())),
            ),
        )
        for pk, person in people.items()
    ]


def mark(person: Person) -> int:
    """What the person's newest notice is called: what comes later is new to who has seen this one."""
    return Notice.objects.filter(person=person).aggregate(last=Max("pk"))["last"] or 0


def news(person: Person, since: int) -> int:
    """Of how many things the person was told after that mark, at most MOST_NEWS + 1."""
    found = _seen_by(person).filter(pk__gt=since).order_by().values("event__subject").distinct()
    return found[: MOST_NEWS + 1].count()


def latest(person: Person, most: int) -> list[Notice]:
    """The last one of each thing, newest first, with its event; LOOKED_AT notices are looked at."""
    recent = _seen_by(person).filter(made_at__gt=timezone.now() - SHOWN_FOR)
    things: dict[str, Notice] = {}
    for row in recent.select_related("event").order_by("-event", "why")[:LOOKED_AT]:
        things.setdefault(row.event.subject, row)
    return list(things.values())[:most]


def _seen_by(person: Person) -> QuerySet[Notice]:
    """Of models that the person may still see."""
    mine = Notice.objects.filter(person=person)
    if selectors.sees_all_models(person):
        return mine
    return mine.filter(event__model__in=selectors.visible_models(person).values("name"))


def post(now: datetime | None = None) -> Post:
    """How mail stands now."""
    now = now or timezone.now()
    open_ones = Mail.objects.filter(closed_at=None)
    told = open_ones.aggregate(
        waiting=Count("pk"),
        failing=Count("pk", filter=~Q(trouble="")),
        late=Count("pk", filter=Q(not_before__lt=now - LATE)),
    )
    lost = Mail.objects.filter(closed_at__gt=now - timedelta(days=1), sent=False).exclude(trouble="")
    worst = open_ones.exclude(trouble="").order_by("-not_before").first() or lost.order_by("-pk").first()
    stuck = Notice.objects.filter(due=True, made_at__lt=now - LATE)
    stuck = stuck.exclude(person__in=open_ones.values("person"))
    return Post(
        waiting=told["waiting"],
        failing=told["failing"],
        late=told["late"] + stuck.values("person").distinct().count(),
        given_up=lost.count(),
        trouble=worst.trouble if worst else "",
        last_sent_at=Mail.objects.filter(sent=True).aggregate(last=Max("closed_at"))["last"],
    )
