"""Static files under names that carry a hash of their bytes, and answers that travel compressed.

There is nothing to collect: the hash is worked out where the file lies, once for each process, and a page
that was served before an upgrade still finds what it asks for. What stands on disk with a hash in its name
(a font, which a style sheet names) has it already.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.storage import Storage
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

HASHED = re.compile(r"\.[0-9a-f]{12}(?=\.[a-z0-9]+$)")
WORTH = ("text/", "application/json", "application/problem+json", "application/x-ndjson", "image/svg+xml")


def digest(content: bytes) -> str:
    """What stands in a name."""
    return hashlib.sha256(content).hexdigest()[:12]


def named(name: str) -> str:
    """The name with the hash of the file's bytes before its ending; as it is where there is no such file."""
    found = None if HASHED.search(name) else finders.find(name)
    if not found:
        return name
    return _named(name, str(found), Path(str(found)).stat().st_mtime_ns)


@cache
def _named(name: str, path: str, changed: int) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{digest(Path(path).read_bytes())}{dot}{ending}" if dot else name


class Names(StaticFilesStorage):
    """Where `{% static %}` gets its addresses from."""

    def url(self, name: str | None) -> str:
        return super().url(_once(name)) if name else super().url(name)


@cache
def _once(name: str) -> str:
    return named(name)


class HashedNames(BaseFinder):
    """Finds a file by its hashed name too, for servers that look for files anew at each request."""

    def find(  # type: ignore[override]
        self, path: str, find_all: bool = False, **_: object
    ) -> str | list[str]:
        plain = HASHED.sub("", path)
        found = finders.find(plain) if plain != path and named(plain) == path else None
        return [str(found)] if found and find_all else str(found) if found else []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        return iter(())


class Assets(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves each file also under its hashed name, for as long as a browser likes to keep it."""

    _found: ClassVar[dict[tuple[str, ...], dict[str, StaticFile]]] = {}
    """Folders -> their files by address, looked through once for all handlers of a process."""

    def add_files_from_finders(self) -> None:
        folders = self.static_prefix, *map(str, settings.STATICFILES_DIRS)
        if folders not in self._found:
            super().add_files_from_finders()
            self._found[folders] = dict(self.files)
        self.files.update(self._found[folders])

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: object = None) -> None:
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        hashed = self.static_prefix + named(url.removeprefix(self.static_prefix))
        if hashed != url:
            super().add_file_to_dictionary(hashed, path, stat_cache=stat_cache)

    def immutable_file_test(self, path: str, url: str) -> bool:
        return HASHED.search(url) is not None


class Compression(GZipMiddleware):
    """Gzip for what is text, and not for what may hold a secret beside words of a stranger.

    Whoever sees the sizes of compressed answers and can make a browser ask for pages with words of their own
    in them learns what else those pages say (BREACH). So only answers to GET are compressed, which no secret
    is ever told in; none that may not be stored; and none that another site made the browser ask for. The
    token in a page's forms is masked anew each time, and each answer is lengthened by chance. What carries a
    strong ETag over the API is left alone: clients send it back in `If-Match`, byte by byte.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not self.fits(request, response):
            return response
        return super().process_response(request, response)

    @staticmethod
    def fits(request: HttpRequest, response: HttpResponseBase) -> bool:
        kind = response.headers.get("Content-Type", "")
        told = request.method == "GET" and response.status_code != 206 and kind.startswith(WORTH)
        guarded = "no-store" in response.headers.get("Cache-Control", "")
        foreign = request.headers.get("Sec-Fetch-Site", "same-origin") in ("cross-site", "same-site")
        compared = request.path.startswith("/api/") and "ETag" in response.headers
        return told and not (guarded or foreign or compared)
