"""What people type into the registry's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from registry.services import attempts
from registry.web import devices, freshness

if TYPE_CHECKING:
    from registry.models import Person

WAIT = "Too many wrong passwords from here. Wait five minutes, then try again."


class LogInForm(AuthenticationForm):
    """Name and password. Says the same sentence for an unknown name and a wrong password."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "This name and this password do not go together."
    }

    def clean(self) -> dict[str, object]:
        name = self.cleaned_data.get("username", "")
        limits = _limits(self.request, name)
        if not attempts.take(limits):
            raise ValidationError(WAIT, code="throttled")
        cleaned = super().clean()
        attempts.give_back(limits)
        if self.user_cache is not None and self.request is not None:
            devices.remember(self.request, name)
        return dict(cleaned or {})

    def confirm_login_allowed(self, user: Person) -> None:
        super().confirm_login_allowed(user)
        if user.is_machine:
            raise ValidationError("Machine accounts use tokens and cannot log in.", code="machine")


class PasswordTries(forms.Form):
    """A form that takes the password of whoever is logged in; wrong ones are counted as at the log-in."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def right_password(self, password: str) -> str:
        """The password, where it is the right one. Raises ValidationError."""
        if not try_password(self.request, password):
            raise ValidationError("This is not the password of the account you are logged in with.")
        return password


class PasswordAgainForm(PasswordTries):
    """The password of the person who is already logged in."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})
    )

    def clean_password(self) -> str:
        password = self.right_password(str(self.cleaned_data["password"]))
        freshness.mark(self.request)
        return password


def try_password(request: HttpRequest, password: str) -> bool:
    """Whether it is theirs who is logged in. Raises ValidationError after too many wrong ones."""
    limits = _limits(request, request.user.get_username())
    if not attempts.take(limits):
        raise ValidationError(WAIT, code="throttled")
    if not request.user.check_password(password):
        return False
    attempts.give_back(limits)
    return True


def _limits(request: HttpRequest | None, name: str) -> list[attempts.Limit]:
    address = str(request.META.get("REMOTE_ADDR", "")) if request else ""
    return attempts.limits(name, address, devices.device(request, name))
