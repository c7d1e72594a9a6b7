"""The OpenAPI document, and a page made from it that loads nothing from anywhere else."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypedDict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView

from registry.api.permissions import Anybody

METHODS = ("get", "post", "put", "patch", "delete")

Schemas = dict[str, Any]
"""A part of the OpenAPI document, which the library gives as it comes."""


class Field(TypedDict):
    """One field of a body, as the page shows it."""

    name: str
    type: str
    needed: bool


class Call(TypedDict):
    """One call, as the page shows it; `words` is what a search looks through."""

    method: str
    address: str
    words: str
    curl: str
    text: str
    parameters: list[dict[str, object]]
    body: list[Field]
    answers: list[dict[str, object]]


@cache
def document() -> Schemas:
    """OpenAPI 3 of all calls. It is the same for whoever asks, and asks every view when it is made."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


class MadeOnce(SchemaGenerator):
    """What the library's view asks for its document."""

    def get_schema(self, request: object = None, public: bool = False) -> Schemas:
        return document()


class Schema(SpectacularJSONAPIView):
    """`/api/v1/schema`: the document as JSON."""

    permission_classes = [Anybody]
    authentication_classes = []
    generator_class = MadeOnce


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`/api/docs`: every call of the API with what it takes and answers; `search` finds words in it."""
    words = request.GET.get("search", "")[:200].lower().split()
    found = {
        group: calls
        for group, all_calls in groups().items()
        if (calls := [call for call in all_calls if all(word in call["words"] for word in words)])
    }
    shown = {"section": "docs", "groups": found, "search": " ".join(words)}
    return render(request, "api/docs/page.html", shown)


@cache
def groups() -> dict[str, list[Call]]:
    """The calls of the OpenAPI document by their first path segment."""
    whole, found = document(), dict[str, list[Call]]()
    for address, methods in whole["paths"].items():
        for method in METHODS:
            if method in methods:
                group = address.removeprefix("/api/v1").strip("/").partition("/")[0]
                found.setdefault(group, []).append(_call(whole, address, method, methods[method]))
    return found


def _call(document: Schemas, address: str, method: str, operation: Schemas) -> Call:
    parameters = [
        {
            "name": p["name"],
            "place": p["in"],
            "type": p.get("schema", {}).get("type", ""),
            "needed": p.get("required"),
        }
        for p in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "address": address,
        "words": json.dumps([method, address, operation]).lower(),
        "curl": _curl(method.upper(), address, content),
        "text": operation.get("description", ""),
        "parameters": parameters,
        "body": _fields(document, content),
        "answers": [
            {"status": status, "fields": _fields(document, answer.get("content", {}))}
            for status, answer in operation.get("responses", {}).items()
        ],
    }


def _curl(method: str, address: str, content: Schemas) -> str:
    """The call as one would type it; what stands in braces is for the reader to fill in."""
    line = 'curl -H "Authorization: Bearer $TOKEN"' + (f" -X {method}" if method != "GET" else "")
    if "multipart/form-data" in content:
        line += " -F manifest=@model.yaml -F model=@model.onnx"
    for example in content.get("application/json", {}).get("examples", {}).values():
        line += f" -H 'Content-Type: application/json' -d '{json.dumps(example['value'])}'"
    return f'{line} "$ASSAY{address}"'


def _fields(document: Schemas, content: Schemas) -> list[Field]:
    for media in content.values():
        shape, needed = _resolved(document, media.get("schema", {})), set()
        needed = set(shape.get("required", []))
        return [
            {"name": name, "type": _type(field), "needed": name in needed}
            for name, field in shape.get("properties", {}).items()
        ]
    return []


def _resolved(document: Schemas, shape: Schemas) -> Schemas:
    while "items" in shape or "$ref" in shape:
        shape = shape.get("items", shape)
        if "$ref" in shape:
            shape = document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def _type(field: Schemas) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("format") or field.get("type") or "any")
