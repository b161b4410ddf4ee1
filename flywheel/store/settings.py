"""How to reach S3: endpoint, region, trust and credentials, as the environment gives them."""

from collections.abc import Mapping
from configparser import Error as ConfigFileError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import urllib3
from minio.credentials.providers import AWSConfigProvider, IamAwsProvider, Provider, StaticProvider

from flywheel.core.errors import ConfigError
from flywheel.store.retries import Patience

DEFAULT_REGION = "us-east-1"
CONNECT_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 16
"""Kept open for later requests."""
ROLE_TIMEOUT_S = 2.0
"""Where a machine has no role, nobody answers."""

WAYS = """no credentials for S3. Give them in one of these ways:
  AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) in the environment
  a profile of ~/.aws/credentials, or of the file AWS_SHARED_CREDENTIALS_FILE; AWS_PROFILE names it
  a role of the machine, container or service account"""


@dataclass(frozen=True, kw_only=True)
class S3Settings:
    """Shows no secrets: credentials are asked for when a request is signed, and are in no text."""

    endpoint: str
    """host or host:port"""
    secure: bool
    """TLS."""
    region: str
    ca_file: str | None
    """Certificates to trust instead of the system's."""
    credentials: Provider = field(repr=False, compare=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """ConfigError: something is missing, half given or not there."""
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
        endpoint, secure = _endpoint(environ, region)
        return cls(
            endpoint=endpoint, secure=secure, region=region, ca_file=_ca_file(environ), credentials=_provider(environ)
        )

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"

    def pool(self, patience: Patience) -> urllib3.PoolManager:
        """Connections that try once: whoever calls knows what may be repeated."""
        return urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_timeout_s(patience), read=patience.attempt_s),
            maxsize=MAX_CONNECTIONS,
            retries=False,
            ca_certs=self.ca_file,
        )


def connect_timeout_s(patience: Patience) -> float:
    """A store that is there accepts a connection sooner than it answers."""
    return min(CONNECT_TIMEOUT_S, patience.attempt_s)


def _endpoint(environ: Mapping[str, str], region: str) -> tuple[str, bool]:
    url = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if not url:
        return f"s3.{region}.amazonaws.com", True
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or "@" in parts.netloc:
        raise ConfigError("AWS_ENDPOINT_URL: must be http://host:port or https://host:port, with nothing after it")
    return parts.netloc, parts.scheme == "https"


def _ca_file(environ: Mapping[str, str]) -> str | None:
    path = environ.get("FLYWHEEL_S3_CA_FILE")
    if path and not Path(path).is_file():
        raise ConfigError(f"FLYWHEEL_S3_CA_FILE: there is no file {path}")
    return path or None


def _provider(environ: Mapping[str, str]) -> Provider:
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return StaticProvider(key, secret, environ.get("AWS_SESSION_TOKEN") or None)
    if key or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise ConfigError(f"{missing} is not set, but its counterpart is: both are needed")
    return _profile(environ) or _role(environ)


def _profile(environ: Mapping[str, str]) -> Provider | None:
    """None where there is none and none was asked for."""
    home = environ.get("HOME") or str(Path.home())
    path = environ.get("AWS_SHARED_CREDENTIALS_FILE") or f"{home}/.aws/credentials"
    profile = environ.get("AWS_PROFILE") or "default"
    provider = AWSConfigProvider(filename=path, profile=profile)
    try:
        provider.retrieve()
    except (ValueError, ConfigFileError, OSError) as failure:
        if environ.get("AWS_SHARED_CREDENTIALS_FILE") or environ.get("AWS_PROFILE") or Path(path).is_file():
            # The parser's own text shows the line that it does not understand, which may be a secret.
            raise ConfigError(f"{path}: has no usable profile {profile} with an access key and a secret key") from (
                failure if isinstance(failure, OSError) else None
            )
        return None
    return provider


def _role(environ: Mapping[str, str]) -> Provider:
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise ConfigError(WAYS)
    client = urllib3.PoolManager(timeout=ROLE_TIMEOUT_S, retries=urllib3.Retry(total=1))
    provider = IamAwsProvider(
        custom_endpoint=environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        http_client=client,
    )
    try:
        provider.retrieve()
    except (ValueError, KeyError, OSError, urllib3.exceptions.HTTPError) as failure:
        raise ConfigError(WAYS) from failure
    return provider
