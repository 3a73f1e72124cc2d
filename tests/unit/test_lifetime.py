"""What a ``Cache-Control`` means to a cache that many share, and how we write one."""

from __future__ import annotations

import pytest

from pixlean.domain.lifetime import NOT_KEPT, Lifetime, read


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("", None),
        ("public", None),
        ("max-age=60", Lifetime(seconds=60)),
        ("Max-Age = 60", Lifetime(seconds=60)),
        ('public, max-age="60"', Lifetime(seconds=60)),
        ("max-age=60, s-maxage=600", Lifetime(seconds=600)),
        ("max-age=60, stale-while-revalidate=30", Lifetime(seconds=60, stale_seconds=30)),
        ("max-age=99999999999", Lifetime(seconds=31_536_000)),
        ("max-age=4000000000, immutable", Lifetime(seconds=31_536_000, immutable=True)),
        ("no-cache, max-age=60", Lifetime(seconds=0)),
        ("private, max-age=60", NOT_KEPT),
        ("no-store", NOT_KEPT),
        ("max-age=-1", None),
    ],
)
def test_what_origins_say(text: str, lifetime: Lifetime | None) -> None:
    assert read(text) == lifetime


def test_what_we_say_is_read_as_it_was_meant() -> None:
    for lifetime in (Lifetime(seconds=5), Lifetime(seconds=5, stale_seconds=9, immutable=True), NOT_KEPT):
        assert read(lifetime.text) == lifetime
