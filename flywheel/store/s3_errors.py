"""What S3's errors mean: which pass by themselves, and what to do about the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError

from flywheel.core.errors import NotFoundError, RecordExistsError, StoreError, StoreUnavailableError

TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
TRANSIENT_CODES = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
    }
)
MEANINGS = {
    "NoSuchBucket": "there is no such bucket: create it, or correct the store's URL",
    "InvalidAccessKeyId": "the access key is unknown: check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "access is denied: these credentials need to read, write, list and delete there",
    "ExpiredToken": "the session token has expired: get new credentials",
    "InvalidToken": "the session token is not valid: get new credentials",
    "RequestTimeTooSkewed": "this machine's clock differs too much from the store's: set it, for example by NTP",
    "RequestExpired": "this machine's clock differs too much from the store's: set it, for example by NTP",
    "QuotaExceeded": "the store's quota is used up: make room",
    "InsufficientStorage": "the store is full: make room",
    "AuthorizationHeaderMalformed": "the region is wrong: check AWS_REGION",
    "PermanentRedirect": "the bucket is in another region: check AWS_REGION and AWS_ENDPOINT_URL",
}
"""Code -> what it means and what to do. Trying again would not help."""


@contextmanager
def translated(name: str) -> Iterator[None]:
    """`name` says which object. StoreUnavailableError: may be over soon; its text does not name the object."""
    try:
        yield
    except S3Error as failure:
        raise _of_code(name, failure.response.status, failure.code or "", failure.message or "") from failure
    except ServerError as failure:
        raise _of_status(name, failure.status_code) from failure
    except InvalidResponseError as failure:
        raise _of_status(name, failure._code) from failure
    except urllib3.exceptions.SSLError as failure:
        raise StoreError(
            f"{name}: the store's certificate is not trusted ({failure}): "
            "give the file of the authority that signed it as FLYWHEEL_S3_CA_FILE"
        ) from failure
    except (urllib3.exceptions.HTTPError, OSError) as failure:
        raise StoreUnavailableError(f"the store does not answer: {failure}") from failure
    except ValueError as failure:
        raise StoreError(f"{name}: {failure}") from failure


def check_answer(answer: urllib3.BaseHTTPResponse) -> None:
    """Raises what the SDK would have raised, for a request that it did not send itself."""
    if answer.status != 200:
        try:
            raise S3Error.fromxml(answer)
        except ParseError:
            raise ServerError("not XML", answer.status) from None


def _of_code(name: str, status: int, code: str, message: str) -> StoreError:
    if code == "NoSuchKey":
        return NotFoundError(f"{name}: no such object")
    if status == 412:
        return RecordExistsError(f"{name}: is already there")
    if code in MEANINGS:
        return StoreError(f"{name}: {MEANINGS[code]} ({code})")
    if status in TRANSIENT_STATUSES or code in TRANSIENT_CODES:
        return StoreUnavailableError(f"the store answers {status} {code}: {message}")
    return StoreError(f"{name}: the store refuses: {status} {code}: {message}")


def _of_status(name: str, status: int) -> StoreError:
    """Of an answer that is not S3's: a proxy's, or another service's."""
    if status == 412:
        return RecordExistsError(f"{name}: is already there")
    if status in TRANSIENT_STATUSES:
        return StoreUnavailableError(f"the store answers {status}")
    return StoreError(f"{name}: what answers with {status} does not speak S3: check AWS_ENDPOINT_URL")
