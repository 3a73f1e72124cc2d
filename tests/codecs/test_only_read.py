"""Formats that are read to be converted: SGI, and camera RAW by its extra."""

from __future__ import annotations

import numpy as np
import pytest

import pixlean
from pictures import dng, opened, photo, sgi, with_alpha
from pixlean.domain.errors import BadImage, ErrorCode, LimitExceeded
from pixlean.domain.formats import Format, detect
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress

READ = {"sgi": sgi(), "raw": dng()}


@pytest.mark.parametrize("name", READ)
def test_they_are_known_by_their_bytes(name: str) -> None:
    assert detect(READ[name]) == Format(name) == pixlean.probe(READ[name]).format


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP])
@pytest.mark.parametrize("name", READ)
def test_they_become_other_formats_and_look_the_same(name: str, target: Format) -> None:
    outcome = pixlean.compress(READ[name], outputs=(target,), quality=90)
    made = opened(outcome.data).convert("RGB")
    size = (256, 192) if name == "sgi" else (320, 240)
    assert made.size == size and outcome.format == target
    difference = np.abs(np.asarray(made, float) - np.asarray(photo().resize(size), float)).mean()
    assert difference < (3 if name == "sgi" else 16), difference


def test_an_sgi_keeps_its_alpha_and_every_mode_is_read() -> None:
    made = opened(pixlean.compress(sgi(with_alpha()), outputs=(Format.PNG,), quality=100).data)
    assert np.array_equal(np.asarray(made.convert("RGBA"))[..., 3], np.asarray(with_alpha())[..., 3])
    assert pixlean.probe(sgi(photo().convert("L"))).mode == "L"


@pytest.mark.parametrize("name", READ)
def test_they_are_not_kept_as_they_are(name: str) -> None:
    with pytest.raises(BadImage) as caught:
        pixlean.compress(READ[name])
    assert caught.value.code is ErrorCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("share", [0.01, 0.3])
@pytest.mark.parametrize("name", READ)
def test_a_truncated_one_is_a_bad_image(name: str, share: float) -> None:
    with pytest.raises(BadImage):
        pixlean.compress(READ[name][: int(share * len(READ[name]))], outputs=(Format.JPEG,))


@pytest.mark.parametrize("name", READ)
def test_too_many_pixels_are_refused(name: str) -> None:
    with pytest.raises(LimitExceeded):
        compress(READ[name], Recipe(outputs=(Format.JPEG,)), Limits(max_pixels=100))


def test_a_tiff_with_a_makers_name_is_a_tiff() -> None:
    from pictures import exif, saved

    data = saved(photo(), "TIFF", exif=exif(1))
    assert detect(data) is Format.TIFF
