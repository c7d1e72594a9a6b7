"""What the web server itself answers where no view is asked: in words, as a problem under /api/."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from http import HTTPStatus

from registry import disk

API = "/api/"
RETRY_AFTER_S = 2
"""A few inspections or pages later there is room; longer would leave it empty."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, the stable code that `config.errors` has for it, and one sentence."""

    status: int
    code: str
    sentence: str

    def headers(self, path: str) -> list[tuple[bytes, bytes]]:
        """All but the length."""
        kind = b"application/problem+json" if path.startswith(API) else b"text/plain; charset=utf-8"
        found = [(b"content-type", kind), (b"x-content-type-options", b"nosniff")]
        if self.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE):
            found.append((b"retry-after", b"%d" % RETRY_AFTER_S))
        if self.status == HTTPStatus.UNAUTHORIZED:
            found.append((b"www-authenticate", b"Bearer"))
        return found

    def body(self, path: str) -> bytes:
        if not path.startswith(API):
            return f"{self.sentence}\n".encode()
        document = {
            "type": f"urn:assay:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.sentence,
            "instance": path,
        }
        return json.dumps(document).encode()

    def written(self, path: str) -> bytes:
        """The whole answer, after which the connection closes."""
        body = self.body(path)
        fields = [*self.headers(path), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (
            self.status,
            HTTPStatus(self.status).phrase.encode(),
            lines,
            body,
        )


BUSY = Refusal(503, "busy", "Too many requests are waiting here: try again in a moment.")
SHARE_TAKEN = Refusal(
    503,
    "busy",
    "As many requests of yours are under way here as one may have: try again when one is answered.",
)
CROWDED = Refusal(503, "busy", "Too many connections are open here: try again in a moment.")
NO_ROOM = Refusal(507, "no_room", "The server's disk is full, and this answer needs room there.")
READ_ONLY = Refusal(503, "read_only", "The server's disk takes no writes, and this answer needs one.")
OF_A_DISK = {**dict.fromkeys(disk.FULL, NO_ROOM), errno.EROFS: READ_ONLY}
"""By the system's number of the error."""
TOO_SLOW = Refusal(408, "too_slow", "The request did not arrive in time: send it again, without pauses.")
ENDED_EARLY = Refusal(400, "bad_request", "The request ended before its body was complete.")
HEAD_TOO_LARGE = Refusal(431, "head_too_large", "The request's head is larger than what is read here.")


def malformed(why: object) -> Refusal:
    return Refusal(400, "bad_request", f"This is not an HTTP request: {why}.")


def unasked(path: str, most: int) -> Refusal:
    """A stranger's body that is too large to be taken in before anybody knows who sends it."""
    sentence = f"Show a valid token or session first: without one, no more than {most:,} bytes are read here."
    if path.startswith(API):
        return Refusal(401, "unauthenticated", sentence)
    return Refusal(413, "too_large", sentence)
