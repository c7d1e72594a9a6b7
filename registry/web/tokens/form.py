"""What a new token is asked for by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry import selectors
from registry.policies import carried

if TYPE_CHECKING:
    from django.forms.renderers import BaseRenderer

    from registry.models import Person, RegisteredModel

SCOPES = [
    ("upload", "upload: register versions and their files"),
    ("read", "read: facts and files of versions, held-out sets too"),
    ("score", "score: ask for predictions of what is released"),
    ("score-version", "score-version: ask a version by its number"),
    ("feedback", "feedback: send rewards and labels"),
    ("release", "release: open releases (never approve them)"),
    ("audit-read", "audit-read: read the event log"),
]
LIFETIMES = [
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "does not expire"),
]


class Names(forms.SelectMultiple):
    """A choice among many names, each its own label: a template for every option would take the most of
    the page's time."""

    def render(
        self,
        name: str,
        value: Iterable[object] | None,
        attrs: dict[str, object] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        chosen = {str(one) for one in value or ()}
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((str(one), " selected" if str(one) in chosen else "", label) for one, label in self.choices),
        )
        own = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name, "multiple": True}))
        return format_html("<select{}>\n{}\n</select>", own, options)


class Offered(forms.MultipleChoiceField):
    """Shows what can be chosen; why something else is refused is for the service to say."""

    def valid_value(self, value: object) -> bool:
        return True


class TokenForm(forms.Form):
    """What a new token is for, and how long."""

    name = forms.CharField(
        max_length=80,
        label="What it is for",
        widget=forms.TextInput(attrs={"placeholder": "fraud pipeline, nightly"}),
    )
    scopes = Offered(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    models: forms.ModelMultipleChoiceField[RegisteredModel] = forms.ModelMultipleChoiceField(
        queryset=None,
        required=False,
        widget=Names,
        label="On which models",
        to_field_name="name",
        help_text="None chosen means all models. Hold Ctrl or Cmd to choose several.",
    )
    days = forms.ChoiceField(choices=LIFETIMES, required=False, initial="90", label="Expires after")

    def __init__(self, asker: Person, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = carried(selectors.access(asker).roles)
        self.fields["scopes"].choices = [(scope, says) for scope, says in SCOPES if scope in given]  # type: ignore[attr-defined]
        self.fields["models"].queryset = selectors.visible_models(asker).only("name", "title")  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
