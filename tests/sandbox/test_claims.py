"""What a child says of its result is compared with the result."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import pixlean
from pictures import every_format, photo, saved
from pixlean.domain.formats import Format
from pixlean.domain.report import Attempt, Outcome
from pixlean.sandbox import claims
from pixlean.sandbox.dimensions import header_px

DATA = saved(photo(), "PNG")


def honest() -> Outcome:
    outcome = pixlean.compress(DATA, quality=60)
    assert claims.checked(outcome, len(DATA)) is not None
    return outcome


@pytest.mark.parametrize(
    "lie",
    [
        {"format": Format.GIF}, {"size_bytes": 5}, {"width_px": 5}, {"height_px": 5}, {"source_bytes": 5},
        {"method": "x\r\nSet-Cookie: a=1"}, {"method": ""}, {"method": "<script>"}, {"method": "x" * 100},
        {"score": math.nan}, {"quality": 101}, {"encodes": -1}, {"seconds": {"a b": 1.0}}, {"seconds": {"a": math.inf}},
        {"seconds": {"a;desc": 1.0}}, {"source_px": (0, 1)},
        {"attempts": (Attempt(method="a\nb", size_bytes=1),)}, {"attempts": (Attempt(method="a", size_bytes=-1),)},
    ],
    ids=str,
)  # fmt: skip
def test_a_lie_is_seen(lie: dict[str, object]) -> None:
    outcome = honest()
    report = replace(outcome.report, **lie)  # type: ignore[arg-type]
    assert claims.checked(Outcome(data=outcome.data, report=report), len(DATA)) is None


def test_other_bytes_are_seen() -> None:
    outcome = honest()
    script = b"<script>alert(1)</script>".ljust(len(outcome.data))
    assert claims.checked(Outcome(data=script, report=outcome.report), len(DATA)) is None


def test_the_text_of_a_dropped_attempt_is_cleaned() -> None:
    outcome = honest()
    attempts = (Attempt(method="a", size_bytes=None, dropped="a\x1b[31m\nb"),)
    checked = claims.checked(Outcome(data=outcome.data, report=replace(outcome.report, attempts=attempts)), len(DATA))
    assert checked is not None and checked.attempts[0].dropped == "a [31m b"


@pytest.mark.parametrize("name", ["png", "apng", "jpeg", "webp"])
def test_sides_are_read_from_headers(name: str) -> None:
    data = every_format()[name]
    info = pixlean.probe(data)
    assert header_px(data) == (info.width_px, info.height_px)
    for size in range(40):
        header_px(data[:size])


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 50}, {"quality": 50, "exif": b"Exif\0\0II*\0\0\0\0\0"}]
)
def test_all_three_kinds_of_webp_are_known(options: dict[str, object]) -> None:
    assert header_px(saved(photo(), "WEBP", **options)) == (256, 192)
