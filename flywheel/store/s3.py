"""Objects in S3, through the minio SDK."""

import io
import mimetypes
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, timedelta
from functools import cached_property, partial
from hashlib import sha256
from itertools import islice
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import urllib3
from minio import Minio
from minio.datatypes import Part
from minio.error import S3Error
from minio.signer import sign_v4_s3
from minio.time import to_amz_date, utcnow

from flywheel.core.errors import ConfigError, RecordExistsError, StoreError
from flywheel.store.calls import Operation, told
from flywheel.store.keys import ObjectEntry, check_key
from flywheel.store.ranges import RangeFile
from flywheel.store.retries import Patience, persist
from flywheel.store.s3_errors import check_answer, translated
from flywheel.store.settings import S3Settings, connect_timeout_s

PART_BYTES = 16 << 20
"""Larger objects go in parts of this size."""
TAIL_BYTES = 64 << 10
"""Fetched when an object is opened: a Parquet footer usually fits."""

Result = TypeVar("Result")


class S3Bucket:
    """Objects under a prefix of a bucket. Every call has a deadline, and is repeated where that may help.

    It travels to other processes without its settings: they take those of their own environment, so that secrets
    stay where they are.
    """

    def __init__(self, *, bucket: str, prefix: str, settings: S3Settings, patience: Patience) -> None:
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self._settings, self._patience = settings, patience

    @classmethod
    def from_environment(cls, url: str, patience: Patience, environ: Mapping[str, str] = os.environ) -> Self:
        """`s3://bucket/prefix`. ConfigError: not such a URL, or the environment does not say how to reach S3."""
        match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?", url)
        if match is None:
            raise ConfigError(
                f"store {url}: must be s3://bucket/prefix, the bucket in lower case, "
                "the prefix of letters, digits and . _ - = in names that do not begin with a dot"
            )
        settings = S3Settings.from_environment(environ)
        if settings.ca_file is not None and environ is os.environ:
            # Delta Lake's client, which reads no vaults, learns of private authorities in this way only.
            os.environ.setdefault("SSL_CERT_FILE", settings.ca_file)
        return cls(bucket=match[1], prefix=match[2].strip("/"), settings=settings, patience=patience)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self).from_environment, (self._shown("").rstrip("/"), self._patience)

    def __repr__(self) -> str:
        return f"S3Bucket({self._shown('')!r})"

    def put(self, key: str, data: bytes) -> None:
        self._call(
            Operation.PUT,
            key,
            lambda name: self._client.put_object(
                self._bucket, name, io.BytesIO(data), len(data), content_type=_kind(key), part_size=PART_BYTES
            ),
        )

    def put_blocks(self, key: str, content: Iterable[bytes]) -> None:
        waiting = iter(content)
        ahead = deque(islice(waiting, 2))
        if len(ahead) < 2:
            self.put(key, b"".join(ahead))
        else:
            self._put_parts(key, _then(ahead, waiting))

    def put_if_absent(self, key: str, data: bytes) -> None:
        num_attempts = 0

        def attempt(name: str) -> None:
            nonlocal num_attempts
            num_attempts += 1
            self._put_new(name, data)

        try:
            self._call(Operation.PUT, key, attempt)
        except RecordExistsError:
            # An attempt whose answer was lost may have succeeded.
            if num_attempts == 1 or self.get(key) != data:
                raise

    def get(self, key: str) -> bytes:
        return self._call(Operation.GET, key, lambda name: self._fetch(name, None)[0])

    def get_range(self, key: str, start: int, length: int) -> bytes:
        # S3 has no empty ranges.
        wanted = f"bytes={start}-{start + max(length, 1) - 1}"
        return self._call(Operation.GET, key, lambda name: self._fetch(name, wanted)[0])[:length]

    def open(self, key: str) -> pa.NativeFile:
        tail, size = self._call(Operation.GET, key, lambda name: self._fetch(name, f"bytes=-{TAIL_BYTES}"))
        file = RangeFile(fetch=lambda start, length: self.get_range(key, start, length), size=size, tail=tail)
        return pa.PythonFile(file, mode="r")

    def keys(self, prefix: str) -> Iterator[str]:
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        # Not every S3 lists in the order of keys.
        return iter(sorted(self._listed(prefix), key=lambda entry: entry.key))

    def delete(self, key: str) -> None:
        self._call(Operation.DELETE, key, lambda name: self._client.remove_object(self._bucket, name))

    def url(self, key: str) -> str:
        check_key(key)
        return self._shown(key)

    def presign(self, key: str, *, expires_s: float) -> str:
        return self._call(
            Operation.GET,
            key,
            lambda name: self._client.presigned_get_object(self._bucket, name, expires=timedelta(seconds=expires_s)),
        )

    @property
    def options(self) -> Mapping[str, str]:
        settings, patience = self._settings, self._patience
        with translated(self._shown("")):
            credentials = settings.credentials.retrieve()
        options = {
            "AWS_ENDPOINT_URL": settings.url,
            "AWS_REGION": settings.region,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_CONDITIONAL_PUT": "etag",
            "timeout": f"{patience.attempt_s}s",
            "connect_timeout": f"{connect_timeout_s(patience)}s",
            "retry_timeout": f"{patience.deadline_s}s",
            "max_retries": "1000" if patience.deadline_s else "0",
        }
        if credentials.session_token:
            options["AWS_SESSION_TOKEN"] = credentials.session_token
        if not settings.secure:
            options["AWS_ALLOW_HTTP"] = "true"
        return options

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return self._settings.pool(self._patience)

    @cached_property
    def _client(self) -> Minio:
        settings = self._settings
        return Minio(
            settings.endpoint,
            secure=settings.secure,
            region=settings.region,
            credentials=settings.credentials,
            http_client=self._http,
        )

    def _call(self, operation: Operation, key: str, attempt: Callable[[str], Result]) -> Result:
        """The attempt gets the object's name in the bucket."""
        check_key(key)
        shown = self._shown(key)

        def translated_attempt() -> Result:
            call.num_attempts += 1
            with translated(shown):
                return attempt(f"{self._prefix}{key}")

        with told(operation) as call:
            return persist(translated_attempt, what=shown, patience=self._patience)

    def _fetch(self, name: str, wanted: str | None) -> tuple[bytes, int]:
        """Bytes of an object and its whole size."""
        try:
            answer = self._client.get_object(
                self._bucket, name, request_headers={"Range": wanted} if wanted is not None else None
            )
        except S3Error as failure:
            if failure.code == "InvalidRange":  # It begins at the object's end or later.
                return b"", 0
            raise
        try:
            data = answer.read()
        finally:
            answer.release_conn()
        whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return data, int(whole) if whole.isdigit() else len(data)

    def _put_parts(self, key: str, content: Iterable[bytes]) -> None:
        """Each part is repeated by itself, which the SDK's own put cannot: what was read of a stream is gone."""
        client, bucket, headers = self._client, self._bucket, {"Content-Type": _kind(key)}
        upload = self._call(Operation.PUT, key, lambda name: client._create_multipart_upload(bucket, name, {**headers}))
        try:
            parts = [
                Part(number, self._call(Operation.PUT, key, partial(self._put_part, upload, number, block)))
                for number, block in enumerate(content, start=1)
            ]
            self._call(Operation.PUT, key, lambda name: client._complete_multipart_upload(bucket, name, upload, parts))
        except BaseException:
            with suppress(StoreError):  # It costs room until the bucket's rules take it away.
                self._call(Operation.DELETE, key, lambda name: client._abort_multipart_upload(bucket, name, upload))
            raise

    def _put_part(self, upload: str, number: int, block: bytes, name: str) -> str:
        return self._client._upload_part(self._bucket, name, block, None, upload, number)

    def _put_new(self, name: str, data: bytes) -> None:
        """A signed conditional request: the SDK's own put would make `If-None-Match` metadata of the object."""
        signed = self._client.get_presigned_url("PUT", self._bucket, name)
        url = urlsplit(signed)._replace(query="")
        date, digest = utcnow(), sha256(data).hexdigest()
        credentials = self._settings.credentials.retrieve()
        headers: dict[str, Any] = {
            "Host": url.netloc,
            "If-None-Match": "*",
            "Content-Type": _kind(name),
            "x-amz-content-sha256": digest,
            "x-amz-date": to_amz_date(date),
        }
        if credentials.session_token:
            headers["X-Amz-Security-Token"] = credentials.session_token
        sign_v4_s3(
            method="PUT",
            url=url,
            region=self._settings.region,
            headers=headers,
            credentials=credentials,
            content_sha256=digest,
            date=date,
        )
        check_answer(self._http.request("PUT", url.geturl(), body=data, headers=headers))

    def _listed(self, prefix: str) -> list[ObjectEntry]:
        shown = self._shown(prefix)

        def attempt() -> list[ObjectEntry]:
            call.num_attempts += 1
            with translated(shown):
                found = self._client.list_objects(self._bucket, prefix=f"{self._prefix}{prefix}", recursive=True)
                return [
                    ObjectEntry(
                        key=(entry.object_name or "").removeprefix(self._prefix),
                        num_bytes=entry.size or 0,
                        modified_at=entry.last_modified.astimezone(UTC),
                    )
                    for entry in found
                    if entry.last_modified is not None and not entry.is_dir
                ]

        with told(Operation.LIST) as call:
            return persist(attempt, what=shown, patience=self._patience)

    def _shown(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"


def _then(ahead: deque[bytes], waiting: Iterable[bytes]) -> Iterator[bytes]:
    """What was looked at goes first, and stays in memory no longer than the rest."""
    while ahead:
        yield ahead.popleft()
    yield from waiting


def _kind(name: str) -> str:
    """Media type, for those who read it without us."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
