"""Who asks: the client's address, judged by the proxies that are trusted, and the key that was shown."""

from __future__ import annotations

import base64
import binascii
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

_MOST_HOPS = 20


def client_address(request: Request, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """The client's address, an IPv6 one as its /64: what a rate limit counts.

    ``X-Forwarded-For`` is read from the right, and only past peers that are trusted.
    """
    address = _parsed(request.client.host if request.client else "")
    hops = [hop.strip() for hop in ",".join(request.headers.getlist("x-forwarded-for")).split(",") if hop.strip()]
    for hop in reversed(hops[-_MOST_HOPS:]):
        if address is None or not _is_in(address, trusted):
            break
        claimed = _parsed(hop)
        if claimed is None:
            break
        address = claimed
    return _counted(address)


def counted_address(text: str) -> str:
    """The address of a peer as limits count it: an IPv6 one as its /64."""
    return _counted(_parsed(text))


def is_trusted(text: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether a peer is one of the proxies that are trusted."""
    address = _parsed(text)
    return address is not None and _is_in(address, trusted)


def _counted(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address) if address else "unknown"


def bearer_key(request: Request) -> str | None:
    """The key of ``Authorization: Bearer``, or ``None``."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def basic_key(request: Request) -> str | None:
    """The password of ``Authorization: Basic`` (the user name does not count), or ``None``."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(given.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[2]


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    text = text.removeprefix("[").partition("]")[0] if text.startswith("[") else text
    if text.count(":") == 1:
        text = text.partition(":")[0]  # an IPv4 address with a port
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
