"""The freezes of every environment: which are on, when they come next; made and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from registry import log_words
from registry.errors import BadInput, DomainError
from registry.selectors import installation_access
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import policies, selectors
from releases.lifecycle import State
from releases.services import freezing
from releases.windows import Once, Open, Repeated, zone

if TYPE_CHECKING:
    from releases.models import Environment, FreezeWindow

TEMPLATE = "releases/freezes/page.html"
ASKED = (
    "asks for an override for this release: a second person, a release manager or an approver, has to agree."
)
_LATER = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class FreezeForm(forms.Form):
    """A new freeze. Which of the times are read says `how`; what they may be the service says."""

    environment = forms.ChoiceField(label="Environment")
    name = forms.CharField(label="Name", max_length=freezing.LONGEST_NAME)
    how = forms.ChoiceField(
        label="When",
        choices=[("again", "Again and again"), ("once", "Once")],
        widget=forms.RadioSelect,
        initial="again",
    )
    cron = forms.CharField(
        required=False,
        label="Again and again: begins",
        max_length=freezing.LONGEST_CRON,
        initial="0 18 * * fri",
        help_text="Minute, hour, day of the month, month, day of the week. 0 18 * * fri: Fridays at 18:00.",
    )
    minutes = forms.IntegerField(
        required=False,
        label="and lasts so many minutes",
        initial=3720,
        help_text="By the same clock, also when clocks change: 3720 are 62 hours, to Monday at 08:00.",
    )
    begins_at = forms.DateTimeField(required=False, label="Once: from", widget=_LATER)
    ends_at = forms.DateTimeField(required=False, label="until", widget=_LATER)
    zone = forms.CharField(
        label="Time zone of these times",
        max_length=64,
        initial="UTC",
        help_text="Such as Europe/Vienna.",
    )
    grounds = forms.CharField(
        label="On what grounds",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="At least 10 characters. The log holds their digest.",
    )

    def __init__(self, environments: Sequence[str], data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.fields["environment"].choices = [(name, name) for name in environments]  # type: ignore[attr-defined]

    def times(self) -> Repeated | Once:
        """Raises BadInput naming the field."""
        said = self.cleaned_data
        if said["how"] == "again":
            return freezing.times(cron=said["cron"], zone=said["zone"], minutes=said["minutes"])
        place = zone(said["zone"])
        begins, ends = (_there(said[name], place) for name in ("begins_at", "ends_at"))
        return freezing.times(begins_at=begins, ends_at=ends, zone=said["zone"])

    def refuse(self, refusal: BadInput) -> None:
        field = str(refusal.facts.get("field", ""))
        self.add_error(field if field in self.fields else None, str(refusal))


@dataclass(frozen=True, slots=True)
class Held:
    """A freeze that is on, as the page of a release says it: until when, and who may override it."""

    headline: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One freeze: its times in words, when it is on and when it comes next, and by whom it was made."""

    row: FreezeWindow
    times: str
    now: Open | None
    next: Open | None
    by: str

    @property
    def dialog(self) -> str:
        return f"do-remove-{self.row.pk}"


@dataclass(frozen=True, slots=True)
class Place:
    """One environment with its freezes."""

    name: str
    lines: Sequence[Line]


@page
def freezes(request: PersonRequest) -> HttpResponseBase:
    """The whole page."""
    draft = drafts.take(request, reverse("freezes"))
    form = FreezeForm(_names(), QueryDict(draft["form"])) if "form" in draft else None
    return _shown(request, form, draft=draft)


def _made(request: PersonRequest) -> Written:
    return Written(reverse("freezes"), {"form": drafts.whole_form(request)})


@action(_made)
def make(request: PersonRequest) -> HttpResponseBase:
    """A new freeze."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, _made(request))
    form = FreezeForm(_names(), request.POST)
    if not form.is_valid():
        return _shown(request, form, status=422)
    said = form.cleaned_data
    try:
        freezing.make_freeze(
            selectors.environment(said["environment"]),
            name=said["name"],
            times=form.times(),
            grounds=said["grounds"],
            by=request.user,
        )
    except BadInput as refusal:
        form.refuse(refusal)
        return _shown(request, form, status=422)
    except DomainError as refusal:
        return _shown(request, form, refusal, status=409)
    messages.info(request, f"{said['name']} freezes {said['environment']} from now on, whenever it is on.")
    return redirect("freezes")


def _removed(request: PersonRequest, name: str, pk: int) -> Written:
    return Written(reverse("freezes"), {"action": f"remove-{pk}", "grounds": request.POST.get("grounds", "")})


@action(_removed)
def remove(request: PersonRequest, name: str, pk: int) -> HttpResponseBase:
    """It does not come again."""
    written = _removed(request, name, pk)
    window = selectors.freeze_window(selectors.environment(name), pk)
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    try:
        removed = freezing.remove_freeze(window, grounds=written.words["grounds"], by=request.user)
    except DomainError as refusal:
        status = 422 if isinstance(refusal, BadInput) else 409
        return _shown(request, None, refusal, draft=written.words, status=status)
    lasts = (
        f" It is on now, and lasts until {removed.lasts_until:%d %b %H:%M} UTC."
        if removed.lasts_until
        else ""
    )
    messages.info(request, f"{removed.name} does not come again.{lasts}")
    return redirect("freezes")


def _shown(
    request: PersonRequest,
    form: FreezeForm | None,
    refusal: DomainError | None = None,
    *,
    draft: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    reason = policies.refuse_freezing(installation_access(request.user))
    places, said = [_place(each) for each in selectors.environments()], draft or {}
    wanted = f"do-{said.get('action', '')}"
    known = {line.dialog for place in places for line in place.lines}
    context = {
        "places": places,
        "form": form or FreezeForm(_names()),
        "kept": form is not None,
        "reason": reason,
        "refusal": refusal,
        "draft": said,
        "reopen": wanted if wanted in known and not reason else "",
    }
    return render(request, TEMPLATE, context, status=403 if reason and status != 200 else status)


def _names() -> list[str]:
    return [each.name for each in selectors.environments()]


def held(facts: policies.Facts) -> Held | None:
    """What a page says before anybody clicks."""
    if facts.freeze is None or facts.state not in (State.APPROVED, State.ROLLING_OUT):
        return None
    headline = f"This environment is {facts.freeze}"
    if facts.let_through:
        return Held(
            headline, "Two people have agreed: the next start, step or promotion is let through, once."
        )
    if facts.override_asked_by:
        return Held(headline, f"{facts.override_asked_by} {ASKED}")
    return Held(headline, policies.WAY_THROUGH)


def held_in(several: Mapping[int, policies.Facts]) -> Held | None:
    """The same of a rollout, by the numbers of the versions that are in it still."""
    found = [held(facts) for facts in several.values()]
    if len(found) < 2 or found[0] is None:
        return found[0] if found else None
    told = [_leave(number, facts) for number, facts in several.items()]
    if not any(told):
        return found[0]
    words = " ".join(filter(None, told))
    return Held(found[0].headline, f"{words} A step of all versions wants an override of each.")


def _leave(number: int, facts: policies.Facts) -> str:
    if facts.let_through:
        return f"Two people have agreed to let version {number} through, once."
    if facts.override_asked_by:
        return (
            f"{facts.override_asked_by} asks to let version {number} through: a second person has to agree."
        )
    return ""


def _place(environment: Environment) -> Place:
    rows, now = list(selectors.freeze_windows(environment)), timezone.now()
    names = log_words.names(row.made_by for row in rows)
    return Place(
        environment.name,
        [
            Line(
                row,
                _words(row),
                row.open_at(now),
                row.next_after(now),
                names.get(row.made_by, row.made_by.removeprefix("person/")),
            )
            for row in rows
        ],
    )


def _words(row: FreezeWindow) -> str:
    if row.minutes is None:
        return "once"
    hours, minutes = divmod(row.minutes, 60)
    long = " ".join(f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min")) if value)
    return f"for {long} by the clock of {row.zone}"


def _there(said: datetime | None, place: object) -> datetime | None:
    """A time as the form takes it has no zone: it is meant by the clock of the place."""
    return None if said is None else said.replace(tzinfo=place)  # type: ignore[arg-type]
