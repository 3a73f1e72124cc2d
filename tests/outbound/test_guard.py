"""No URL leads to a private place, however it is written."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from pixlean.domain.errors import ErrorCode, SourceFailed
from pixlean.domain.memory import MemoryFile
from pixlean.outbound import guard
from pixlean.outbound.fetch import Fetcher, Settings
from unsafeurls import NEVER


@pytest.mark.parametrize("url", NEVER)
def test_a_url_that_is_not_plainly_public_is_never_connected_to(url: str) -> None:
    async def story() -> SourceFailed:
        async with Fetcher(Settings(timeout_seconds=5)) as fetcher:
            with pytest.raises(SourceFailed) as caught:
                with MemoryFile("test") as file:
                    await fetcher.fetch(url, file)
            return caught.value

    error = asyncio.run(story())
    # A name in /etc/hosts may be missing on some machines; it then fails to resolve, which is as good.
    assert error.code is ErrorCode.SOURCE_BLOCKED or "localhost" in url.lower()


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_pass(text: str) -> None:
    guard.check_address(ipaddress.ip_address(text), guard.Settings())


def test_an_allowed_network_opens_only_itself() -> None:
    settings = guard.Settings(allowed_nets=(ipaddress.ip_network("10.1.0.0/16"),))
    guard.check_address(ipaddress.ip_address("10.1.2.3"), settings)
    guard.check_address(ipaddress.ip_address("::ffff:10.1.2.3"), settings)
    for text in ("10.2.0.1", "127.0.0.1", "::1"):
        with pytest.raises(SourceFailed):
            guard.check_address(ipaddress.ip_address(text), settings)


def test_a_plain_public_url_passes_with_and_without_port() -> None:
    assert guard.check_url("https://example.com/a.png?x=1", guard.Settings()).port == 443
    assert guard.check_url("http://example.com:8080/", guard.Settings(require_https=False)).port == 8080
