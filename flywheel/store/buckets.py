"""A bucket to keep stores in."""

from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, LifecycleConfig, Rule

from flywheel.store.retries import Patience, persist
from flywheel.store.s3_errors import translated
from flywheel.store.settings import S3Settings

UNFINISHED_DAYS = 2
"""Parts of uploads that were never finished are in no listing, but cost their space."""


def ensure_bucket(url: str, settings: S3Settings, patience: Patience) -> None:
    """Makes the bucket of `s3://bucket/prefix` where it is not there, with a rule that clears unfinished uploads."""
    bucket = urlsplit(url).netloc
    client = Minio(
        settings.endpoint,
        secure=settings.secure,
        region=settings.region,
        credentials=settings.credentials,
        http_client=settings.pool(patience),
    )

    def attempt() -> None:
        with translated(f"s3://{bucket}"):
            if not client.bucket_exists(bucket):
                _make(client, bucket)

    persist(attempt, what=f"s3://{bucket}", patience=patience)


def _make(client: Minio, bucket: str) -> None:
    try:
        client.make_bucket(bucket)
    except S3Error as failure:
        if failure.code != "BucketAlreadyOwnedByYou":  # Somebody was faster, or the answer to an attempt was lost.
            raise
    abort = AbortIncompleteMultipartUpload(days_after_initiation=UNFINISHED_DAYS)
    rule = Rule(ENABLED, rule_filter=Filter(prefix=""), rule_id="unfinished", abort_incomplete_multipart_upload=abort)
    client.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))
