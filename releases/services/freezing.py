"""Freezes of an environment: made and removed by one person, overridden for one release by two.

A freeze that is on ends for nobody: whoever removes it takes away the times to come. Whoever has to go
through asks for an override, which is for one release and one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from registry.errors import BadInput, NotAllowed
from registry.events import grounds as keep_grounds
from registry.events import record
from registry.models import ApiToken, Person
from registry.selectors import access, installation_access
from registry.services.wording import on_grounds
from registry.transactions import write
from releases import policies, selectors, windows
from releases.errors import FreezeKnown, Frozen, NothingOpen, TooManyFreezes
from releases.events import Kind
from releases.models import Environment, FreezeOverride, FreezeWindow, Release
from releases.windows import Freeze, Once, Repeated

LONGEST_NAME, LONGEST_CRON = 80, 100
"""As their columns: a heading, and five fields with lists in them."""
MOST_FREEZES = 20
"""Every start and step asks all of an environment's."""


def make_freeze(
    environment: Environment,
    *,
    name: str,
    times: Repeated | Once,
    grounds: str,
    by: Person,
    token: ApiToken | None = None,
) -> FreezeWindow:
    """Raises NotAllowed, BadInput naming the field, FreezeKnown, TooManyFreezes."""
    _check(by, token)
    named, words = _name(name), on_grounds(grounds)
    _check_times(times, timezone.now())
    with write():
        standing = selectors.freeze_windows(environment)
        if standing.filter(name=named).exists():
            raise FreezeKnown(
                f"There is a freeze {named!r} already: remove it first, or choose another name."
            )
        if standing.count() >= MOST_FREEZES:
            raise TooManyFreezes(f"An environment has {MOST_FREEZES} freezes at most: remove one first.")
        made = FreezeWindow.objects.create(
            environment=environment, name=named, made_by=by.actor, **_columns(times)
        )
        _record(Kind.FREEZE_MADE, made, by, words, told(made))
        return made


def remove_freeze(
    window: FreezeWindow, *, grounds: str, by: Person, token: ApiToken | None = None
) -> FreezeWindow:
    """It does not open again; where it is open now it lasts until its end. Raises NotAllowed, BadInput,
    NotFound where somebody has removed it meanwhile."""
    _check(by, token)
    words = on_grounds(grounds)
    with write():
        row = selectors.freeze_window(window.environment, window.pk)
        now = timezone.now()
        opened = row.open_at(now)
        row.removed_at, row.removed_by = now, by.actor
        row.lasts_until = opened.ends if opened else None
        row.save(update_fields=["removed_at", "removed_by", "lasts_until"])
        facts: dict[str, object] = {"name": row.name}
        if row.lasts_until:
            facts["lasts_until"] = row.lasts_until.isoformat()
        _record(Kind.FREEZE_REMOVED, row, by, words, facts)
        return row


def told(window: FreezeWindow) -> dict[str, object]:
    """When a window opens, as the log says it."""
    if window.begins_at is not None and window.ends_at is not None:
        return {
            "name": window.name,
            "begins_at": window.begins_at.isoformat(),
            "ends_at": window.ends_at.isoformat(),
            "zone": window.zone,
        }
    return {"name": window.name, "cron": window.cron, "zone": window.zone, "minutes": window.minutes}


# ---- one release through a freeze


def override_freeze(
    release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = ""
) -> Release:
    """The first call asks, a second person's call agrees: one start, step or promotion is let through before
    the freeze is over. Raises NotAllowed, BadInput for grounds that say nothing, NothingOpen."""
    with write():
        release = selectors.release(release.pk, by, token)
        facts = selectors.facts(release)
        if facts.freeze is None:
            raise NothingOpen(policies.NO_FREEZE)
        if reason := policies.refuse_override(access(by, token, release.model), facts):
            raise NotAllowed(reason)
        kept = keep_grounds(on_grounds(grounds), by)
        asked = selectors.override_of(release)
        if asked is None:
            asked = FreezeOverride.objects.create(release=release, until=facts.freeze.until, asked_by=by)
            kind = Kind.OVERRIDE_ASKED
        else:
            asked.agreed_by, asked.agreed_at = by, timezone.now()
            asked.save(update_fields=["agreed_by", "agreed_at"])
            kind = Kind.OVERRIDE_AGREED
        _tell(kind, asked, actor=by.actor, freeze=facts.freeze.name, grounds=kept.digest)
        return release


def go_through(passing: Sequence[Release], *, by: str) -> None:
    """Called where these are about to reach more clients, inside the write that does it: nothing outside a
    freeze; in one the override of each is used up. Raises Frozen where one has none."""
    now = timezone.now()
    freeze = selectors.frozen(passing[0].environment, now)
    if freeze is None:
        return
    leaves = _leaves(passing, now)
    for each in passing:
        if each.pk not in leaves:
            number = each.version.number if len(passing) > 1 else None
            said = policies.frozen_words(freeze, number)
            raise Frozen(said, freeze=freeze.name, until=freeze.until.isoformat())
    for leave in leaves.values():
        leave.used_at = now
        leave.save(update_fields=["used_at"])
        _tell(Kind.OVERRIDE_USED, leave, actor=by, freeze=freeze.name)


def holds(passing: Sequence[Release]) -> Freeze | None:
    """The freeze that is on and through which not all of these have leave."""
    now = timezone.now()
    freeze = selectors.frozen(passing[0].environment, now)
    return freeze if freeze and len(_leaves(passing, now)) < len(passing) else None


def _leaves(passing: Sequence[Release], now: datetime) -> dict[int, FreezeOverride]:
    """What two people have agreed to and nobody has used, by the key of its release."""
    found = selectors.overrides_of([each.pk for each in passing], now)
    return {pk: leave for pk, leave in found.items() if leave.agreed_at is not None}


# ---- what may be


def times(
    *,
    cron: str | None = None,
    zone: str | None = None,
    minutes: int | None = None,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Repeated | Once:
    """What was said, as one of the two. Raises BadInput naming the field that is missing, or one too many."""
    if begins_at is not None or ends_at is not None:
        if cron or minutes is not None:
            raise BadInput("Say cron and minutes, or begins_at and ends_at: not both.", field="cron")
        if begins_at is None or ends_at is None:
            missing = "begins_at" if begins_at is None else "ends_at"
            raise BadInput("Say when it begins and when it ends.", field=missing)
        return Once(begins_at, ends_at, zone or "UTC")
    if not cron:
        raise BadInput("Say when it begins, as five fields: 0 18 * * fri is Friday at 18:00.", field="cron")
    if minutes is None:
        raise BadInput("Say how many minutes it lasts.", field="minutes")
    return Repeated(cron, zone or "UTC", minutes)


def _check(by: Person, token: ApiToken | None) -> None:
    if reason := policies.refuse_freezing(installation_access(by, token)):
        raise NotAllowed(reason)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(f"Give the freeze a name of 1 to {LONGEST_NAME} characters.", field="name")
    return name


def _check_times(times: Repeated | Once, now: datetime) -> None:
    windows.zone(times.zone)
    if isinstance(times, Repeated):
        if len(times.cron) > LONGEST_CRON:
            raise BadInput(f"Say it in at most {LONGEST_CRON} characters.", field="cron")
        windows.parse(times.cron)
        if not 1 <= times.minutes <= windows.MOST_MINUTES:
            raise BadInput(
                f"Such a freeze lasts 1 to {windows.MOST_MINUTES:,} minutes, which is a week.",
                field="minutes",
            )
        return
    if times.ends <= max(now, times.begins):
        raise BadInput("It ends after it begins, and after now.", field="ends_at")
    if times.ends > now + windows.FURTHEST:
        raise BadInput(f"It ends within {windows.FURTHEST.days} days from now.", field="ends_at")
    if times.ends - times.begins > windows.LONGEST_ONCE:
        raise BadInput(f"A freeze lasts {windows.LONGEST_ONCE.days} days at most.", field="ends_at")


def _columns(times: Repeated | Once) -> dict[str, object]:
    if isinstance(times, Once):
        return {"begins_at": times.begins, "ends_at": times.ends, "zone": times.zone}
    return {"cron": " ".join(times.cron.split()), "zone": times.zone, "minutes": times.minutes}


def _record(kind: Kind, window: FreezeWindow, by: Person, words: str, facts: dict[str, object]) -> None:
    kept = keep_grounds(words, by)
    said = {"freeze": window.pk, "grounds": kept.digest} | facts
    record(kind, window.subject, actor=by.actor, model="", **said)


def _tell(kind: Kind, leave: FreezeOverride, *, actor: str, **facts: str) -> None:
    release = leave.release
    record(
        kind,
        release.subject,
        actor=actor,
        model=release.model.name,
        version=release.version.number,
        environment=release.environment.name,
        until=leave.until.isoformat(),
        **facts,
    )
