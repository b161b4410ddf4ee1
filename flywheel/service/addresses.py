"""Addresses: where a webhook may point to.

Who creates webhooks may make this service send requests to whatever it can reach. What is sent is JSON of ours, no
answer is ever shown, and private addresses are where receivers usually are. So only those are refused at which a
request alone does harm: link-local addresses, the metadata services of clouds, and those of nobody in particular. The
address that was checked is the one that is connected to: a name that means another one a moment later gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx2

from flywheel.core.errors import ConfigError

Address = IPv4Address | IPv6Address

METADATA: Final = frozenset(
    ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Services of Alibaba, Azure, Oracle, AWS and Google that are not link-local."""
TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""An IPv4 address in its last 32 bits (RFC 6052)."""


def check_url(url: str) -> httpx2.URL:
    """ConfigError: not the URL of a receiver. Looks nothing up."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as failure:
        raise ConfigError(f"{url!r}: not a URL: {failure}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigError(f"{url!r}: a URL that begins with https:// or http:// is needed")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise ConfigError(f"{url!r}: {parsed.port} is no TCP port")
    if parsed.userinfo:
        raise ConfigError(f"the URL of {parsed.host} holds a name or password: receivers know us by the signature")
    if parsed.fragment:
        raise ConfigError(f"{url!r}: a fragment (#...) is sent to nobody")
    return parsed


def resolved(url: httpx2.URL, *, allow_link_local: bool) -> list[str]:
    """The addresses of the URL's host, in the order to try them. ConfigError: one of them is refused. OSError: none."""
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    found = socket.getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    texts = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for text in texts:
        if not allow_link_local and is_refused(ip_address(text)):
            raise ConfigError(
                f"{url.host} is {text}, a link-local or metadata address: control.webhooks.allow_link_local allows it"
            )
    return texts


def is_refused(address: Address) -> bool:
    """Whether only a setting allows it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_refused(inner)
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in METADATA
