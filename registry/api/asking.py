"""Who asks and what they sent, in the words that services and selectors take."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

if TYPE_CHECKING:
    from registry.models import ApiToken, Person


class PersonRequest(Request):
    """What a view behind `LoggedIn` gets: somebody asks, and a token speaks for them or a session does.

    For types alone: who asks is found by the classes of authentication.py.
    """

    user: Person
    auth: ApiToken | None


def actor_of(request: PersonRequest) -> str:
    """How the log names whoever calls: the token where one is used, else the person."""
    return (request.auth or request.user).actor


class Strict(serializers.Serializer[object]):
    """A body in which unknown fields are refused, with the nearest known one.

    `example` is one that is taken, for the OpenAPI document.
    """

    example: ClassVar[Any] = None

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, Mapping):
            unknown = {str(key): [self._hint(str(key))] for key in data if key not in self.fields}
            if unknown:
                raise ValidationError(unknown)
        return super().to_internal_value(data)

    def _hint(self, key: str) -> str:
        near = get_close_matches(key, list(self.fields), n=1)
        return "This field is not known" + (f": did you mean {near[0]!r}?" if near else ".")


def body(shape: type[Strict], request: Request) -> dict[str, Any]:
    """The request's body, checked against its shape. Raises ValidationError naming fields."""
    checked = shape(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def query(shape: type[Strict], request: Request) -> dict[str, Any]:
    """The query's parameters, checked against their shape; each may come once."""
    repeated = {
        key: ["This parameter may come once."] for key, all in request.query_params.lists() if len(all) > 1
    }
    if repeated:
        raise ValidationError(repeated)
    checked = shape(data=request.query_params.dict())
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)
