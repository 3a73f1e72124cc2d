"""What fails, in being made or in being checked, drops out with its reason; the request goes on with what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import pixlean
from pictures import exif, graphic, photo, saved
from pixlean.codecs import avif, webp
from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import EngineFailed
from pixlean.domain.formats import Format
from pixlean.imaging.contract import Codec
from pixlean.imaging.pixels import Picture

WEB = (Format.JPEG, Format.WEBP, Format.AVIF)


def written_by(codec: Codec, encode: Callable[[Picture, Encoding], bytes]) -> Codec:
    assert codec.writes is not None
    return replace(codec, writes=replace(codec.writes, encode=encode))


def fails(picture: Picture, wish: Encoding) -> bytes:
    raise RuntimeError("Encoding of color planes failed")


def test_an_encoder_that_fails_loses_its_candidate_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avif, "CODEC", written_by(avif.CODEC, fails))
    outcome = pixlean.compress(saved(photo(), "PNG"), outputs=WEB, auto=True)
    assert outcome.format in (Format.JPEG, Format.WEBP)
    dropped = {each.method: each.dropped for each in outcome.attempts if each.dropped}
    assert "RuntimeError" in str(dropped["avif"])


def test_a_result_that_fails_its_check_loses_to_the_next_best(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = avif.CODEC.writes.encode  # type: ignore[union-attr]
    private = exif(1).removeprefix(b"Exif\0\0")
    monkeypatch.setattr(
        avif, "CODEC", written_by(avif.CODEC, lambda picture, wish: encode(picture, replace(wish, exif=private)))
    )
    outcome = pixlean.compress(saved(photo(), "PNG"), outputs=(Format.AVIF, Format.JPEG), quality=40)
    assert outcome.format is Format.JPEG
    assert [each.dropped for each in outcome.attempts if each.dropped] == ["still has exif, gps"]


def test_where_the_only_target_fails_its_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webp, "CODEC", written_by(webp.CODEC, fails))
    with pytest.raises(EngineFailed) as caught:
        pixlean.compress(saved(photo(), "PNG"), outputs=(Format.WEBP,))
    assert any("RuntimeError" in str(each) for each in caught.value.facts["dropped"])  # type: ignore[attr-defined]


def test_the_original_stands_where_every_encode_of_its_own_format_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webp, "CODEC", written_by(webp.CODEC, fails))
    data = saved(graphic(), "WEBP", lossless=True)
    outcome = pixlean.compress(data, outputs=(Format.WEBP,), min_score=90.0)
    assert len(outcome.data) <= len(data) and outcome.format is Format.WEBP


def test_a_report_counts_everything_that_was_tried() -> None:
    outcome = pixlean.compress(saved(photo(), "PNG"), outputs=WEB, quality=70)
    report = outcome.report
    assert {each.method.split()[0] for each in report.attempts} == {"jpeg", "webp", "avif"}
    assert report.encodes >= 3 and report.size_bytes == len(outcome.data)
    assert (report.source_format, report.source_px, report.source_bytes) == (
        Format.PNG, (256, 192), len(saved(photo(), "PNG"))
    )  # fmt: skip


def test_a_size_can_be_reached_by_quality_alone() -> None:
    data = saved(photo(), "JPEG", quality=98)
    kept = pixlean.compress(data, target_bytes=3500, keeps_size=True)
    assert (kept.report.width_px, kept.report.height_px) == photo().size and not kept.report.resized
    assert pixlean.compress(data, target_bytes=1200).report.resized
    impossible = pixlean.compress(data, target_bytes=200, keeps_size=True)
    assert (impossible.report.width_px, impossible.report.height_px) == photo().size
    assert impossible.report.target_met is False
