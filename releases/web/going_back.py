"""The way back from a release: what would answer then, and the page on which another version is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from registry.selectors import access
from registry.web import drafts
from registry.web.pages import PersonRequest, page
from releases import actions, selectors
from releases.lifecycle import Action, State
from releases.proof import evidence
from releases.rollout import returns
from releases.rollout.returns import Return

if TYPE_CHECKING:
    from registry.models import Person
    from releases.models import Release


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where a roll-back goes. `back` is the version just before, `stays` what is live beside a rollout.

    direct  that version can come back, so that a dialog is enough; else one is chosen on a page
    """

    release: Release
    back: Return | None = None
    stays: Release | None = None

    @property
    def direct(self) -> bool:
        return self.release.state != State.LIVE or (self.back is not None and not self.back.refusal)

    @property
    def label(self) -> str:
        return f"Roll back to version {self.back.number}" if self.direct and self.back else "Roll back"

    @property
    def address(self) -> str:
        """Within the release's page, or of the page of choices."""
        return f"#do-{Action.ROLL_BACK}" if self.direct else reverse("release-back", args=[self.release.pk])

    @property
    def link(self) -> str:
        """The same from another page."""
        return f"{reverse('release', args=[self.release.pk])}{self.address}" if self.direct else self.address


@dataclass(frozen=True, slots=True)
class Choice:
    """One version that could be live again, with what was measured of it."""

    back: Return
    quality: evidence.Quality | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a release can be rolled back to, as one reader sees it.

    last     the number of the version just before it
    refusal  why this person may not, or nothing
    typed    the model's name has to be typed
    """

    rows: list[Choice]
    last: int | None
    refusal: str
    typed: bool


def way_back(release: Release) -> WayBack | None:
    """Of a release that has clients, or may soon; of another there is none."""
    if release.state == State.LIVE:
        return WayBack(release, back=returns.before(release))
    if release.state == State.ROLLING_OUT:
        return WayBack(release, stays=selectors.champion(release.model, release.environment))
    return None


@page
def choose(request: PersonRequest, pk: int) -> HttpResponseBase:
    """All that was live here before and what is approved, with a form for those who may roll back."""
    found = selectors.release(pk, request.user)
    shown = {
        "release": found,
        "choices": _choices(found, request.user),
        "draft": drafts.take(request, reverse("release-back", args=[pk])),
    }
    return render(request, "releases/going_back/page.html", shown)


def _choices(of: Release, asker: Person) -> Choices:
    row, live = actions.named(Action.ROLL_BACK), of.state == State.LIVE
    asked = dict(actions.choices(of, access(asker, None, of.model)))
    last = returns.before(of) if live else None
    return Choices(
        [Choice(each, evidence.quality_of(each.release)) for each in returns.options(of)] if live else [],
        last.number if last else None,
        asked.get(row, "Only what is live is rolled back to an earlier version."),
        actions.asks_for_the_name(row, of),
    )
