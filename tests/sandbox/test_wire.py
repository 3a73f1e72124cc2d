"""What a child says arrives as it was said."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest

from pixlean.domain.formats import Format
from pixlean.domain.report import Attempt, Report
from pixlean.sandbox import wire

FULL = Report(
    format=Format.WEBP, method="libwebp", size_bytes=5, width_px=30, height_px=20, source_format=Format.JPEG,
    source_bytes=9, source_px=(60, 40), score=81.25, quality=77, encodes=4, target_met=False, resized=True,
    attempts=(Attempt(method="a", size_bytes=7), Attempt(method="b", size_bytes=None, dropped="larger")),
    seconds={"encode": 0.125, "verify": 0.5},
)  # fmt: skip
BARE = Report(
    format=Format.PNG, method="none", size_bytes=0, width_px=1, height_px=1, source_format=Format.PNG, source_bytes=0,
    source_px=(1, 1),
)  # fmt: skip


@pytest.mark.parametrize("report", [FULL, BARE], ids=["full", "bare"])
def test_a_report_crosses_the_wire_as_it_is(report: Report) -> None:
    frame = wire.Compressed(report=report)
    assert wire.decode(wire.encode(frame)) == frame


def test_the_full_report_says_something_in_every_field() -> None:
    """Else a field that got lost on the way would not be missed."""
    assert not [field.name for field in fields(Report) if getattr(FULL, field.name) == field.default]


def test_a_report_of_a_format_that_nobody_knows_is_garbage() -> None:
    packet = wire.encode(wire.Compressed(report=BARE)).replace(b'"png"', b'"exe"')
    with pytest.raises(msgspec.ValidationError):
        wire.decode(packet)
