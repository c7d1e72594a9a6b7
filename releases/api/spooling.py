"""A multipart upload, streamed to disk: hashed and counted while it comes in, never held in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from registry.disk import is_full
from registry.errors import BadInput, DigestMismatch, TooLarge
from registry.manifest import FILE_KEYS, MAX_BYTES, Manifest, is_file_key, parse
from registry.sandbox.folders import held_folder, sweep_abandoned
from registry.services.uploads import SpooledFile
from registry.storage.arriving import ArrivingFile
from registry.storage.errors import StoreFull
from registry.stores import sync_early
from scoring.crashpoints import crashpoint

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

MANIFEST = "manifest"
PREFIX = "upload-"
UNKNOWN_LENGTH = 2**62
"""What the web server puts where a client sends its body in chunks, without saying how long it is."""
_TAIL = 512
"""The boundary's end is in it: browsers and curl write some 60 bytes."""
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """What came: the manifest's text, and one spooled file for each key."""

    manifest_text: bytes
    spooled: Mapping[str, SpooledFile]

    @property
    def fingerprint(self) -> str:
        """The same for the same manifest and files, however they were put into parts."""
        parts = [f"{key}:{file.sha256}" for key, file in sorted(self.spooled.items())]
        return sha256("\n".join([sha256(self.manifest_text).hexdigest(), *parts]).encode()).hexdigest()

    def manifest(self) -> Manifest:
        """The manifest, after comparing it with the parts that came.

        Raises BadManifest, BadInput naming every part that is missing or too many, DigestMismatch.
        """
        manifest = parse(self.manifest_text)
        errors = [
            {"field": f"files.{key}", "message": f"The manifest names {name}, but no part {key!r} came."}
            for key, name in manifest.files.items()
            if key not in self.spooled
        ]
        errors += [
            {"field": key, "message": f"A part {key!r} came, but the manifest does not name it under files."}
            for key in self.spooled
            if key not in manifest.files
        ]
        if errors:
            raise BadInput(errors[0]["message"], errors=errors)
        self._compare(manifest)
        return manifest

    def _compare(self, manifest: Manifest) -> None:
        for key, promised in manifest.declared.items():
            came = self.spooled[key]
            if promised.sha256 not in (None, came.sha256):
                raise DigestMismatch(
                    f"The manifest promises SHA-256 {promised.sha256}, what came has {came.sha256}.",
                    field=f"files.{key}",
                )
            if promised.size not in (None, came.size):
                raise DigestMismatch(
                    f"The manifest promises {promised.size} bytes, {came.size} came.", field=f"files.{key}"
                )


def upload_of(request: Request) -> Upload:
    """What came. Raises BadInput where nothing did: no parser is asked about an empty body."""
    if not isinstance(request.data, Upload):
        raise BadInput(
            "The body is empty: send multipart/form-data with the part manifest and one part per file.",
            field="body",
        )
    return request.data


class SpoolingParser(BaseParser):
    """`multipart/form-data` into a fresh folder; the view removes it when it has answered."""

    media_type = "multipart/form-data"

    def parse(  # type: ignore[override]  # the library knows mappings alone
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Upload:
        """Raises TooLarge, BadInput for a part, ParseError where the body ends early, StoreFull."""
        context = parser_context or {}
        request = context["request"]
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if settings.UPLOAD_LIMIT_BYTES < length < UNKNOWN_LENGTH:
            raise _too_large()
        spool = Spool(context["view"].spool_folder(), settings.UPLOAD_LIMIT_BYTES)
        counted = _Counted(stream, settings.UPLOAD_LIMIT_BYTES)
        try:
            fields, _ = MultiPartParser(request.META, counted, [spool], "utf-8").parse()  # type: ignore[arg-type]
        except MultiPartParserError as error:
            raise ParseError(f"This is not multipart/form-data: {error}") from error
        finally:
            spool.close()
        _refuse_early_end(counted, length, str(request.META.get("CONTENT_TYPE", "")))
        crashpoint("upload.spooled")
        return Upload(_manifest_text(spool, fields), spool.files)


class Spool(FileUploadHandler):
    """Writes each part to a file named by its key; refuses unknown, repeated and oversized parts."""

    chunk_size = 1 << 18

    def __init__(self, folder: Path, limit: int) -> None:
        super().__init__()
        self.files: dict[str, SpooledFile] = {}
        self.manifest_text: bytes | None = None
        self._folder = folder
        self._left = limit
        self._out: ArrivingFile | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        key = self.field_name
        if key != MANIFEST and not is_file_key(key):
            raise BadInput(_unknown(key), field=key[:80])
        if key in self.files or (key == MANIFEST and self.manifest_text is not None):
            raise BadInput(f"The part {key!r} came twice.", field=key)
        self._out = ArrivingFile(self._folder / key, sync=sync_early())

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        limit = MAX_BYTES if self.field_name == MANIFEST else self._left
        if start + len(raw_data) > limit:
            raise _too_large(self.field_name, limit)
        try:
            assert self._out is not None  # noqa: S101 - new_file has opened it
            self._out.write(raw_data)
        except OSError as error:
            raise _no_room(error) from error
        crashpoint("upload.arriving")

    def file_complete(self, file_size: int) -> None:
        path = self._folder / self.field_name
        try:
            assert self._out is not None  # noqa: S101 - new_file has opened it
            stored = self._out.finish()
        except OSError as error:
            raise _no_room(error) from error
        self._out = None
        if self.field_name == MANIFEST:
            self.manifest_text = path.read_bytes()
            return
        self._left -= stored.size
        self.files[self.field_name] = SpooledFile.of(path, stored)

    def close(self) -> None:
        """Close the part that is being written, if there is one."""
        if self._out is not None:
            try:
                self._out.close()
            except OSError as error:
                raise _no_room(error) from error
            finally:
                self._out = None


class SpoolFolder:
    """Mix-in of a view: one folder per request, gone when the answer is made, whatever happened.

    What a killed process could not delete, the next upload on this machine does.
    """

    _spool: Path | None = None

    def spool_folder(self) -> Path:
        """The request's folder, made on first use."""
        if self._spool is None:
            settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
            sweep_abandoned(PREFIX, settings.WORK_DIR)
            self._spool = self._ending.enter_context(held_folder(PREFIX, settings.WORK_DIR))
        return self._spool

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        with ExitStack() as self._ending:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]


class _Counted:
    """Counts what is read and keeps the last bytes, which say whether the body came whole."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.count = 0
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self.count += len(data)
        if self.count > self._limit:
            raise _too_large()
        self.tail = (self.tail + data)[-_TAIL:]
        return data


def _refuse_early_end(counted: _Counted, length: int, content_type: str) -> None:
    """Django reads a body that was cut off as if it had ended there."""
    match = _BOUNDARY.search(content_type)
    closing = f"--{match[1]}--".encode("latin-1") if match else b"--"
    whole = counted.count == length or length >= UNKNOWN_LENGTH
    if not whole or closing not in counted.tail:
        raise ParseError(f"The body ended early, after {counted.count} bytes.")


def _manifest_text(spool: Spool, fields: Any) -> bytes:
    for key in fields:
        if key != MANIFEST:
            hint = f"send it as a file: -F {key}=@..." if is_file_key(key) else _unknown(key)
            raise BadInput(f"The part {key[:80]!r} is a plain field: {hint}", field=key[:80])
    texts = fields.getlist(MANIFEST)
    if len(texts) + (spool.manifest_text is not None) > 1:
        raise BadInput("The part 'manifest' came twice.", field=MANIFEST)
    if texts:
        return str(texts[0]).encode()
    if spool.manifest_text is None:
        raise BadInput("No part 'manifest' came: send model.yaml as -F manifest=@model.yaml.", field=MANIFEST)
    return spool.manifest_text


def _unknown(key: str) -> str:
    return f"There is no part {key[:80]!r}: parts are manifest, {', '.join(FILE_KEYS)}, weights."


def _too_large(key: str = "", limit: int | None = None) -> TooLarge:
    most = settings.UPLOAD_LIMIT_BYTES if limit is None else limit
    what = f"The part {key!r}" if key else "The upload"
    return TooLarge(f"{what} is larger than the limit of {most:,} bytes.", field=key or "body", limit=most)


def _no_room(error: OSError) -> Exception:
    if is_full(error):
        return StoreFull("There is no room left here for this upload: tell whoever runs Assay.")
    return error
