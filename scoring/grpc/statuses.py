"""What an HTTP answer of the node is called in gRPC. One table, as `scoring/statuses.py` has for HTTP."""

from __future__ import annotations

from grpc import StatusCode

CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    405: StatusCode.UNIMPLEMENTED,
    408: StatusCode.CANCELLED,
    409: StatusCode.FAILED_PRECONDITION,
    411: StatusCode.INVALID_ARGUMENT,
    413: StatusCode.RESOURCE_EXHAUSTED,
    415: StatusCode.INVALID_ARGUMENT,
    429: StatusCode.RESOURCE_EXHAUSTED,
    431: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
RETRY_MS = 1000
"""When to come again, where the node does not say."""


def code_of(status: int) -> StatusCode:
    return CODES.get(status, StatusCode.INTERNAL if status >= 500 else StatusCode.INVALID_ARGUMENT)
