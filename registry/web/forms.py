"""What people type into the registry's own pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from registry.web import freshness, throttle

WAIT = "Too many wrong passwords from here. Wait five minutes, then try again."


class LogInForm(AuthenticationForm):
    """Name and password. Says the same sentence for an unknown name and a wrong password."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "This name and this password do not go together."
    }

    def clean(self) -> dict[str, Any]:
        name, address = self.cleaned_data.get("username", ""), _address(self.request)
        if throttle.is_shut(name, address):
            raise ValidationError(WAIT, code="throttled")
        try:
            cleaned = super().clean()
        except ValidationError:
            throttle.count_failure(name, address)
            raise
        throttle.forget(name, address)
        return dict(cleaned or {})

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.is_machine:
            raise ValidationError("Machine accounts use tokens and cannot log in.", code="machine")


class PasswordAgainForm(forms.Form):
    """The password of the person who is already logged in."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        person, password = self.request.user, str(self.cleaned_data["password"])
        name, address = person.get_username(), _address(self.request)
        if throttle.is_shut(name, address):
            raise ValidationError(WAIT, code="throttled")
        if not person.check_password(password):
            throttle.count_failure(name, address)
            raise ValidationError("This is not the password of the account you are logged in with.")
        throttle.forget(name, address)
        freshness.mark(self.request)
        return password


def _address(request: HttpRequest | None) -> str:
    return str(request.META.get("REMOTE_ADDR", "")) if request else ""
