"""Reports that are kept beside their bytes."""

from __future__ import annotations

from dataclasses import replace

from pixlean.domain.formats import Format
from pixlean.domain.report import Attempt, Report
from pixlean.service.compress import notes_of, report_of

REPORT = Report(
    format=Format.PNG, method="oxipng", size_bytes=5, width_px=3, height_px=2, source_format=Format.PNG,
    source_bytes=9, source_px=(3, 2), attempts=(Attempt(method="oxipng", size_bytes=5),), seconds={"encode": 1.5},
)  # fmt: skip


def test_a_kept_report_is_the_same_without_its_seconds() -> None:
    assert report_of(notes_of(REPORT)) == replace(REPORT, seconds={})


def test_notes_of_another_version_are_no_report() -> None:
    assert report_of(b'{"data":"","format":"png","method":"oxipng","score":null,"seconds":{}}') is None
    assert report_of(b"\0\0\0") is None
