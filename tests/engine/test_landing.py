"""Where a search by score ends: just above what was wanted, and early where another format's file stays smaller."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

import pixlean
from pictures import graphic, photo, saved
from pixlean.domain.encoding import Encoding
from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.domain.recipe import Recipe
from pixlean.engine.canvas import make_canvas
from pixlean.engine.landing import Hint, by_score
from pixlean.engine.plan import make_plan
from pixlean.engine.probe import open_source
from pixlean.engine.registry import writes_of
from pixlean.imaging.pixels import Picture


@pytest.mark.parametrize("name", ["jpeg", "webp"])
@pytest.mark.parametrize("wanted", [65, 75])
def test_photographs_land_within_a_point(name: str, wanted: int) -> None:
    cat = saved(Image.fromarray(samples.chelsea()), "PNG")
    outcome = pixlean.compress(cat, format=name, min_score=wanted)
    assert outcome.score is not None and wanted <= outcome.score <= wanted + 1.0 and outcome.report.encodes <= 5


def test_where_halved_colours_look_worse_than_wanted_they_stay_whole() -> None:
    """Halved ones alone take this one down to 63; only the highest qualities would do, at twice the bytes."""
    outcome = pixlean.compress(saved(photo(), "PNG"), format="jpeg", min_score=75)
    assert outcome.score is not None and 75 <= outcome.score < 77 and len(outcome.data) < 27_000
    assert pixlean.probe(outcome.data).chroma_subsampling == "444"


def landed(best_bytes: float) -> tuple[int, bool, int]:
    source = open_source(saved(photo(), "PNG"))
    plan = make_plan(source, Recipe(outputs=(Format.WEBP,), min_score=75))
    canvas = make_canvas(source, plan)
    found = by_score(canvas, Format.WEBP, canvas.picture, 75, Deadline(), Hint(best_bytes=best_bytes, quality=40))
    return found.encodes, found.beaten, len(found.data)


def test_a_search_that_cannot_come_below_another_formats_file_ends_at_once() -> None:
    encodes, beaten, size_bytes = landed(float("inf"))
    assert encodes > 1 and not beaten
    assert landed(1000)[:2] == (1, True)
    # What can still be smaller is searched to its end.
    assert landed(size_bytes + 1) == (encodes, False, size_bytes)


def test_a_draft_shows_the_very_pixels_of_the_packed_file() -> None:
    picture = Picture(frames=(np.asarray(photo()),))
    draft, packed = (
        writes_of(Format.PNG).encode(picture, Encoding(quality=60, draft=draft)) for draft in (True, False)
    )
    assert len(packed) < len(draft)
    left, right = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in (draft, packed))
    assert np.array_equal(left, right)


def test_drawings_keep_whole_chroma_in_avif_at_low_qualities_and_photographs_do_not() -> None:
    def chroma(picture: Image.Image) -> str | None:
        outcome = pixlean.compress(saved(picture, "PNG"), format="avif", quality=30)
        box = outcome.data.index(b"av1C") + 4
        return "420" if outcome.data[box + 2] & 0b1100 == 0b1100 else "444"

    assert chroma(graphic().resize((400, 300), Image.Resampling.NEAREST)) == "444" and chroma(photo()) == "420"
