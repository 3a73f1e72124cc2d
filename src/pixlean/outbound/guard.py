"""Which URLs and which addresses may be reached.

Sources: RFC 6890 and the IANA special-purpose registries; RFC 6052 (NAT64), 3056 (6to4), 4380 (Teredo), 5214 (ISATAP),
9637 (documentation). Addresses that carry an IPv4 address inside are refused as a whole, except IPv4-mapped ones,
which are judged by what they carry.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit

from pixlean.domain.errors import ErrorCode, SourceFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MOST_URL_CHARACTERS = 4096
_CLEAN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*\.?")
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
_WEB_PORTS = {80, 443}
# Ports above 1023 behind which no web server stands, but things that obey what looks like HTTP.
_OTHER_SERVICES = {1433, 1521, 2049, 2375, 2376, 2379, 3306, 5432, 5672, 6000, 6379, 6443, 9042, 9200, 11211, 27017}
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)
_ISATAP = {0x00005EFE, 0x02005EFE}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be reached. ``allowed_nets`` are networks that are allowed although private."""

    require_https: bool = True
    allowed_nets: tuple[Network, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Url:
    """A URL that passed: ``text`` is what is asked for."""

    text: str
    host: str
    port: int
    secure: bool = field(default=True)


def blocked(why: str) -> SourceFailed:
    """The error for a place that must not be reached."""
    return SourceFailed(f"the URL is not allowed: {why}", code=ErrorCode.SOURCE_BLOCKED)


def check_url(text: str, settings: Settings) -> Url:
    """Take a URL apart strictly. Raises ``SourceFailed`` (blocked) for everything that is not plainly a web URL."""
    if not text or len(text) > _MOST_URL_CHARACTERS or not _CLEAN.fullmatch(text) or "\\" in text:
        raise blocked("it is empty, too long or has characters that no URL has")
    if re.search(r"%0[ad]|%00", text, re.IGNORECASE):
        raise blocked("it has encoded control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise blocked("it can't be parsed") from error
    if parts.scheme.lower() not in ("http", "https") or not text[len(parts.scheme) :].startswith("://"):
        raise blocked("only https is fetched" if settings.require_https else "only http and https are fetched")
    secure = parts.scheme.lower() == "https"
    if settings.require_https and not secure:
        raise blocked("only https is fetched")
    if "@" in parts.netloc:
        raise blocked("it holds a user name or password")
    port = (443 if secure else 80) if port is None else port
    if port == 0 or (port < 1024 and port not in _WEB_PORTS) or port in _OTHER_SERVICES:
        raise blocked(f"port {port} is no web server's")
    return Url(text=text, host=_check_host(parts.hostname or "", settings), port=port, secure=secure)


def _check_host(host: str, settings: Settings) -> str:
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise blocked("its host is no address") from error
        check_address(address, settings)
        return host
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise blocked("its host is no host name")
    try:
        check_address(ipaddress.IPv4Address(host.rstrip(".")), settings)
    except ipaddress.AddressValueError:
        # A name is judged when it has become an address; a number in another notation is no name (WHATWG URL,
        # "ends in a number"), and resolvers disagree about what it means.
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise blocked("its host is a number and no address") from None
    return host


def check_redirect(base: Url, location: str | None, settings: Settings) -> Url:
    """The next URL of a redirect. Raises ``SourceFailed``."""
    if not location:
        raise SourceFailed("the origin redirects to nowhere")
    if not _CLEAN.fullmatch(location):
        raise blocked("a redirect has characters that no URL has")
    return check_url(urljoin(base.text, location), settings)


def check_within(url: Url, beginnings: tuple[str, ...]) -> None:
    """Raise ``SourceFailed`` (blocked) where a URL has none of some beginnings; where there are none, all will do.

    ``*`` in a beginning stands for anything without a slash.
    """
    if not beginnings:
        return
    # As servers read it: a path that climbs is another one than it seems.
    segments = unquote(urlsplit(url.text).path).split("/")
    if not begins_with(url.text, beginnings) or ".." in segments or "." in segments:
        raise blocked("it leads out of the place that it was asked from")


def begins_with(text: str, beginnings: tuple[str, ...]) -> bool:
    """Whether a URL has one of some beginnings, in which ``*`` stands for anything without a slash."""
    return any(re.match(re.escape(one).replace(r"\*", "[^/]*"), text) for one in beginnings)


def check_address(address: Address, settings: Settings) -> None:
    """Raise ``SourceFailed`` (blocked) where an address must not be connected to."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in settings.allowed_nets if network.version == address.version):
        return
    if not _is_public(address):
        raise blocked("it leads to a private or reserved address")


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        return False
    if (int(address) >> 32 & 0xFFFFFFFF) in _ISATAP:
        return False
    return not any(address in network for network in _REFUSED_V6)
