"""What the OpenAPI document says of every call beside its own shapes: how it is refused, and its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import FunctionType
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter
from rest_framework import serializers

from registry.api.permissions import Anybody

PROBLEM_TYPE = "application/problem+json"
ASKED = (400, 401, 403, 404, 406, 422)
SENT = (400, 401, 403, 404, 406, 409, 413, 415, 422)
BODIED = frozenset({"POST", "PUT", "PATCH"})
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[A-Za-z0-9_.:-]+$"},
    OpenApiParameter.HEADER,
    description="The same call again under the same key gets the same answer and does nothing twice."
    " A refused or failed call (4xx, 5xx) did nothing and leaves the key free for a mended one.",
)


class FieldProblem(serializers.Serializer[object]):
    """What is wrong with one value."""

    field = serializers.CharField()
    message = serializers.CharField()
    code = serializers.CharField(required=False)


class Problem(serializers.Serializer[object]):
    """RFC 9457 problem details. `code` is stable; `detail` says what was wrong and what to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    instance = serializers.CharField(required=False)
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]
    facts = serializers.DictField(required=False)


class Documented(AutoSchema):
    """Every operation says with which statuses it is refused, each as problem details.

    A view names more of them, by method, as `refusals`.
    """

    def get_override_parameters(self) -> list[Any]:
        own = list(super().get_override_parameters())
        return [*own, _KEY] if self._takes_a_key() else own

    def _get_request_body(self, direction: Direction = "request") -> dict[str, object] | None:
        """A view names in `bodied` what has a body though its method has none by custom."""
        if self.method not in getattr(self.view, "bodied", ()):
            return super()._get_request_body(direction)  # type: ignore[no-any-return, no-untyped-call]
        said, self.method = self.method, "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-any-return, no-untyped-call]
        finally:
            self.method = said

    def _map_response_type_hint(self, method: Callable[..., object]) -> dict[str, object]:
        """What a shape's method answers; its row's type is for mypy alone, and no name at run time."""
        answers = FunctionType(method.__code__, method.__globals__, method.__name__)
        answers.__dict__ |= method.__dict__
        answers.__annotations__ = {"return": method.__annotations__["return"]}
        return super()._map_response_type_hint(answers)  # type: ignore[no-any-return, no-untyped-call]

    def get_examples(self) -> list[OpenApiExample]:
        """The `example` that the body's shape names."""
        if self.method not in BODIED | getattr(self.view, "bodied", frozenset()):
            return []
        shape = self.get_request_serializer()
        example = getattr(getattr(shape, "child", shape), "example", None)
        return [OpenApiExample("Such as", value=example, request_only=True)] if example else []

    def _takes_a_key(self) -> bool:
        handler = getattr(self.view, self.method.lower(), None)
        return bool(getattr(handler, "idempotent", False))

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, object]:
        found: dict[str, object] = super()._get_response_bodies(direction)
        if direction != "response":
            return found
        problem = self.resolve_serializer(Problem, direction).ref
        refused = {
            str(status): {
                "content": {PROBLEM_TYPE: {"schema": problem}},
                "description": HTTPStatus(status).phrase,
            }
            for status in self._refusals()
        }
        return found | refused

    def _refusals(self) -> Iterator[int]:
        public = Anybody in self.view.permission_classes
        yield from getattr(self.view, "refusals", {}).get(self.method, ())
        for status in SENT if self.method in UNSAFE else ASKED:
            if not public or status in {406}:
                yield status
