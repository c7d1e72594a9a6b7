"""Artifacts in an S3 bucket, or in anything that speaks its protocol."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from registry.storage.base import CountedReader, Stored
from registry.storage.errors import DamagedArtifact, StoreFull, StoreUnavailable
from scoring.artifacts import blob_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PART_BYTES = 16 << 20
"""10,000 parts are S3's most, so that 160 GB fit; each upload holds a few in memory."""
AT_ONCE, MOST_PARTS = 4, 10_000
"""Parts under way together, each in memory; and as many as S3 takes in all."""
COPY_PART_BYTES = 1 << 30
"""S3 copies by itself, and takes up to 5 GiB a part; smaller ones run beside each other."""
MISSING = {"404", "NoSuchKey", "NotFound"}
ALREADY_THERE = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
FULL = {"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}


class S3Store:
    """Objects `prefix/sha256/..`, written once with If-None-Match; credentials come from the AWS variables.

    A small artifact is one checked PUT. A larger one goes up in parts under
    `prefix/incoming/`, because its key is known only when it has all been read,
    and is then copied inside the store to its own key.
    """

    keeps_the_file = False

    def __init__(self, bucket: str, prefix: str = "", endpoint_url: str | None = None) -> None:
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self.endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        # a session of its own: the default one is shared between threads and keeps old credentials
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"} if self.endpoint_url else {},
            ),
        )

    def put(self, stream: BinaryIO, *, limit: int | None = None) -> Stored:
        reader = CountedReader(stream, limit)
        parts = _filled(reader.chunks(), PART_BYTES)
        first = next(parts, b"")
        second = next(parts, b"")
        with self._said_plainly():
            if second:
                self._put_large(itertools.chain((first, second), parts), reader)
            else:
                self._put_small(first, reader.stored())
            return self._checked(reader.stored())

    def adopt(self, path: Path, stored: Stored) -> bool:
        """Its key is known, so it goes there at once: in parts, side by side, each with its checksum."""
        with self._said_plainly():
            if stored.size <= PART_BYTES:
                self._put_small(path.read_bytes(), stored)
            elif self._size(self._key(stored.digest)) != stored.size:
                self._put_known(path, stored)
            self._checked(stored)
        return True

    def open(self, digest: str) -> BinaryIO:
        with self._said_plainly():
            body = self._client.get_object(Bucket=self.bucket, Key=self._key(digest))["Body"]
            return cast("BinaryIO", io.BufferedReader(_Body(body), 1 << 20))

    def exists(self, digest: str) -> bool:
        with self._said_plainly():
            return self._size(self._key(digest)) is not None

    def forget(self, digest: str) -> None:
        with self._said_plainly():
            self._client.delete_object(Bucket=self.bucket, Key=self._key(digest))

    def note(self, name: str, content: bytes) -> None:
        with self._said_plainly(), _put_if_absent():
            self._client.put_object(**self._place(self._at(name)), Body=content, IfNoneMatch="*")

    def notes(self, start: str) -> Iterator[str]:
        with self._said_plainly():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._at(start)):
                for each in page.get("Contents", ()):
                    yield str(each["Key"]).removeprefix(self._at(""))

    def noted(self, name: str) -> bytes:
        with self._said_plainly():
            return bytes(self._client.get_object(**self._place(self._at(name)))["Body"].read())

    def _put_small(self, content: bytes, stored: Stored) -> None:
        with _put_if_absent():
            self._client.put_object(
                **self._place(self._key(stored.digest)),
                Body=content,
                IfNoneMatch="*",
                ChecksumSHA256=base64.b64encode(bytes.fromhex(stored.digest)).decode(),
            )

    def _put_known(self, path: Path, stored: Stored) -> None:
        target = self._place(self._key(stored.digest))
        step = max(PART_BYTES, -(-stored.size // MOST_PARTS))
        with (
            path.open("rb") as file,
            _put_if_absent(),
            self._multipart(target, IfNoneMatch="*") as (upload, done),
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):

            def send(number: int) -> dict[str, object]:
                begin = (number - 1) * step
                part = _PartOfFile(file.fileno(), begin, min(step, stored.size - begin))
                digest = hashlib.file_digest(part, "sha256").hexdigest()
                part.seek(0)
                return self._send_part(upload, number, part, digest)

            try:
                done.extend(pool.map(send, range(1, -(-stored.size // step) + 1)))
            finally:
                pool.shutdown(cancel_futures=True)

    def _send_part(
        self, upload: dict[str, str], number: int, body: bytes | _PartOfFile, digest: str
    ) -> dict[str, object]:
        """Refused by the store where what arrives has another digest."""
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        answer = self._client.upload_part(**upload, PartNumber=number, Body=body, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _put_large(self, parts: Iterator[bytes], reader: CountedReader) -> None:
        incoming = self._place(self._at(f"incoming/{uuid.uuid4().hex}"))
        try:
            with self._multipart(incoming) as (upload, done):
                for number, part in enumerate(parts, start=1):
                    done.append(self._send_part(upload, number, part, hashlib.sha256(part).hexdigest()))
            self._copy(incoming, reader.stored())
        finally:
            with suppress(ClientError, BotoCoreError):
                self._client.delete_object(**incoming)

    def _copy(self, source: dict[str, str], stored: Stored) -> None:
        """Inside the store, in parts: a single copy ends at 5 GiB."""
        if self._size(self._key(stored.digest)) == stored.size:
            return
        target = self._place(self._key(stored.digest))
        with _put_if_absent(), self._multipart(target, checked=False, IfNoneMatch="*") as (upload, done):
            for number, start in enumerate(range(0, stored.size, COPY_PART_BYTES), start=1):
                end = min(start + COPY_PART_BYTES, stored.size) - 1
                answer = self._client.upload_part_copy(
                    **upload, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={start}-{end}"
                )
                done.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})

    @contextmanager
    def _multipart(
        self, place: dict[str, str], *, checked: bool = True, **complete: str
    ) -> Iterator[tuple[dict[str, str], list[dict[str, object]]]]:
        """An open multipart upload and its list of parts: completed at the end, aborted after an error."""
        algorithm = {"ChecksumAlgorithm": "SHA256"} if checked else {}
        opened = self._client.create_multipart_upload(**place, **algorithm)
        upload = {**place, "UploadId": opened["UploadId"]}
        done: list[dict[str, object]] = []
        try:
            yield upload, done
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done}, **complete)
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**upload)
            raise

    def _checked(self, stored: Stored) -> Stored:
        """What stands at the key now, read back: a store that said yes must have it, and all of it."""
        size = self._size(self._key(stored.digest))
        if size is None:
            raise StoreUnavailable(
                "The store accepted the bytes but does not have them.", digest=stored.digest
            )
        if size != stored.size:
            raise DamagedArtifact(
                f"The store holds {size:,} bytes under {stored.digest}, not {stored.size:,}.",
                digest=stored.digest,
            )
        return stored

    def _size(self, key: str) -> int | None:
        try:
            return int(self._client.head_object(**self._place(key))["ContentLength"])
        except ClientError as error:
            if _code(error) in MISSING:
                return None
            raise

    def _key(self, digest: str) -> str:
        return self._at(blob_path(digest))

    def _at(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": key}

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        """S3's own errors in our words."""
        try:
            yield
        except ClientError as error:
            code = _code(error)
            if code in MISSING:
                raise FileNotFoundError(f"No such artifact in s3://{self.bucket}/{self.prefix}") from error
            if code in FULL:
                raise StoreFull(f"The bucket {self.bucket} has no room left.", bucket=self.bucket) from error
            raise StoreUnavailable(
                f"The bucket {self.bucket} refused the call: {code}.", bucket=self.bucket, reason=code
            ) from error
        except BotoCoreError as error:
            raise StoreUnavailable(
                f"The store of bucket {self.bucket} does not answer.", bucket=self.bucket, reason=str(error)
            ) from error


class _Body(io.RawIOBase):
    """botocore's stream as an ordinary raw stream: a broken connection is an error, never an early end."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        try:
            into = memoryview(buffer)
            chunk = self._body.read(len(into))
        except BotoCoreError as error:
            raise StoreUnavailable("The store broke off in the middle of an artifact.") from error
        into[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._body.close()
        super().close()


class _PartOfFile(io.RawIOBase):
    """A stretch of a file as a stream of its own, read by its own thread: nothing of it is held in memory."""

    def __init__(self, file: int, begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer)[: max(self._size - self._at, 0)]
        count = os.preadv(self._file, [room], self._begin + self._at)
        self._at += count
        return count


@contextmanager
def _put_if_absent() -> Iterator[None]:
    """Losing the race is winning: the same digest is there, put by somebody else."""
    try:
        yield
    except ClientError as error:
        if _code(error) not in ALREADY_THERE:
            raise


def _filled(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of exactly `size`, the last one shorter."""
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) >= size:
            yield bytes(pending[:size])
            del pending[:size]
    if pending:
        yield bytes(pending)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
