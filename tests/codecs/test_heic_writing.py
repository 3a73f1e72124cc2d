"""HEIC written anew: any size, with alpha."""

from __future__ import annotations

import pytest

import pixlean
from pictures import every_format, opened, photo, saved, with_alpha
from pixlean.domain.edits import Edits, Resize
from pixlean.domain.formats import Format


@pytest.mark.parametrize("width", [200, 127, 65, 48, 20])
def test_a_smaller_heic_has_the_size_that_was_asked_for(width: int) -> None:
    outcome = pixlean.compress(every_format()["heic"], edits=Edits(resize=Resize(width_px=width)))
    assert outcome.format == "heic" and opened(outcome.data).width == width == outcome.report.width_px
    assert pixlean.probe(outcome.data).displayed_px == opened(outcome.data).size
    again = pixlean.compress(outcome.data)
    assert opened(again.data).size == opened(outcome.data).size


def test_alpha_and_photographs_become_heic() -> None:
    for image in (with_alpha(), photo()):
        made = pixlean.compress(saved(image, "PNG"), outputs=(Format.HEIC,), quality=70)
        assert made.format == "heic" and opened(made.data).size == image.size
        assert (opened(made.data).mode == "RGBA") == (image.mode == "RGBA")
