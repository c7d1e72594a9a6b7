"""The edge's one table from a stable code to an HTTP status, and RFC 9457 problem details made from it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict, TypeVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template import loader
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from registry import disk
from registry.errors import DomainError

CONTENT_TYPE = "application/problem+json"
API = "/api/"

STATUS: Mapping[str, int] = {
    "domain_error": 400,
    "not_json": 400,
    "bad_request": 400,
    "unauthenticated": 401,
    "not_allowed": 403,
    "csrf_failed": 403,
    "stale_login": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "conflict": 409,
    "already_exists": 409,
    "illegal_transition": 409,
    "nothing_open": 409,
    "nothing_to_restore": 409,
    "cannot_return": 409,
    "already_live": 409,
    "rollout_open": 409,
    "condemned_version": 409,
    "slot_taken": 409,
    "proposal_open": 409,
    "proposal_decided": 409,
    "stale_policy": 409,
    "in_progress": 409,
    "stale_edit": 412,
    "too_large": 413,
    "unsupported_media_type": 415,
    "bad_input": 422,
    "bad_manifest": 422,
    "digest_mismatch": 422,
    "refused_artifact": 422,
    "key_reused": 422,
    "throttled": 429,
    "internal_error": 500,
    "damaged_artifact": 500,
    "bad_store_address": 500,
    "nodes_failed": 502,
    "database_away": 503,
    "no_sandbox": 503,
    "read_only": 503,
    "store_unavailable": 503,
    "no_room": 507,
    "store_full": 507,
}
RETRY_AFTER_S: Mapping[str, int] = {
    "database_away": 5,
    "store_unavailable": 5,
    "read_only": 60,
    "no_room": 60,
    "store_full": 60,
}
"""Trouble of ours that passes: by itself, or when somebody makes room."""

_OF_FRAMEWORK: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.NotAuthenticated, "unauthenticated"),
    (exceptions.AuthenticationFailed, "unauthenticated"),
    (exceptions.ParseError, "not_json"),
    (exceptions.ValidationError, "bad_input"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
    (exceptions.Throttled, "throttled"),
    (exceptions.NotFound, "not_found"),
    (exceptions.PermissionDenied, "not_allowed"),
    (PermissionDenied, "not_allowed"),
    (Http404, "not_found"),
    (RequestDataTooBig, "too_large"),
    (SuspiciousOperation, "bad_request"),
)

log = logging.getLogger(__name__)
Answered = TypeVar("Answered", bound=HttpResponseBase)


class Details(TypedDict):
    """Problem details, as they leave."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: NotRequired[str]
    errors: NotRequired[list[dict[str, str]]]
    facts: NotRequired[dict[str, object]]


def status_of(error: DomainError) -> int:
    """The HTTP status of a refusal; an error that is not in the table yet is a plain 400."""
    return STATUS.get(error.code, 400)


def problem(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: every error of the API leaves as problem details."""
    request = context.get("request")
    error = error if isinstance(error, DomainError) else disk.told(error) or error
    document = _document(error)
    document["instance"] = request.path if request is not None else ""
    response = Response(document, status=document["status"], content_type=CONTENT_TYPE)
    if isinstance(error, exceptions.APIException):
        for name, value in _headers(error).items():
            response.headers[name] = value
    _say_when(response, document["code"])
    if document["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s answered %s", document["instance"], document["code"], exc_info=error)
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for an address that nobody serves: problem details under /api/, a page elsewhere."""
    if not request.path.startswith(API):
        return defaults.page_not_found(request, exception)
    return _plain(request, "not_found", "There is no such address.")


def failed(request: HttpRequest) -> HttpResponse:
    """What no view has answered: 507 or 503 where a disk or the database is to blame, else 500.

    The page of it asks nobody: neither database nor session.
    """
    trouble = disk.told(sys.exc_info()[1])
    if request.path.startswith(API):
        if trouble is not None:
            return _plain(request, trouble.code, str(trouble))
        return _plain(request, "internal_error", "Something went wrong here; it has been logged.")
    if trouble is None:
        return defaults.server_error(request)
    page = loader.render_to_string("500.html", {"sentence": str(trouble)})
    return _say_when(HttpResponse(page, status=status_of(trouble)), trouble.code)


def _plain(request: HttpRequest, code: str, detail: str) -> HttpResponse:
    document = details(code, detail)
    document["instance"] = request.path
    response = JsonResponse(document, status=document["status"], content_type=CONTENT_TYPE)
    return _say_when(response, code)


def _say_when(response: Answered, code: str) -> Answered:
    """The same, with how long to wait where that helps."""
    if code in RETRY_AFTER_S:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_S[code]))
    return response


def details(code: str, detail: str, errors: list[dict[str, str]] | None = None) -> Details:
    """A problem document. `errors` holds `{field, message}` for every value that is wrong."""
    status = STATUS.get(code, 400)
    document: Details = {
        "type": f"urn:assay:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    return document


def _document(error: Exception) -> Details:
    if isinstance(error, DomainError):
        return _of_domain(error)
    if isinstance(error, exceptions.ValidationError):
        errors = _flattened(error.detail)
        first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "The request is not valid."
        return details("bad_input", first, errors)
    for kind, code in _OF_FRAMEWORK:
        if isinstance(error, kind):
            return details(_sharper(error, code), _sentence(error))
    return details("internal_error", "Something went wrong here; it has been logged.")


def _of_domain(error: DomainError) -> Details:
    facts = {key: value for key, value in error.facts.items() if key not in ("errors", "field")}
    errors = error.facts.get("errors")
    if not isinstance(errors, list) and "field" in error.facts:
        errors = [{"field": str(error.facts["field"]), "message": str(error)}]
    document = details(error.code, str(error), errors if isinstance(errors, list) else None)
    if facts:
        document["facts"] = facts
    return document


def _sharper(error: Exception, code: str) -> str:
    return "csrf_failed" if code == "not_allowed" and str(error).startswith("CSRF") else code


def _sentence(error: Exception) -> str:
    if isinstance(error, exceptions.APIException):
        return str(error.detail)
    if isinstance(error, Http404):
        return "There is no such thing, or you may not see it."
    if isinstance(error, RequestDataTooBig):
        return "The request is larger than what is read here."
    return str(error) or "This is not allowed."


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _flattened(detail: Any, field: str = "") -> list[dict[str, str]]:
    """DRF's nested error detail as `{field, message}` pairs with dotted field names."""
    if isinstance(detail, Mapping):
        named = ((key if key != "non_field_errors" else "", value) for key, value in detail.items())
        return [
            pair
            for key, value in named
            for pair in _flattened(value, ".".join(filter(None, (field, str(key)))))
        ]
    if isinstance(detail, list):
        nested = all(isinstance(item, Mapping | list) for item in detail)
        return [
            pair
            for index, item in enumerate(detail)
            for pair in _flattened(item, f"{field}[{index}]" if nested else field)
        ]
    return [{"field": field or "body", "message": str(detail)}]
