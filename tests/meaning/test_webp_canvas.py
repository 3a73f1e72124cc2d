"""A WebP animation's canvas as browsers take it: where no frame is, one sees through, whatever the header says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pixlean
from meaning.webpfile import DISPOSED, frame, webp
from pictures import opened, photo
from pixlean.domain.formats import Format
from pixlean.domain.limits import Limits
from pixlean.engine.probe import open_source

WHOLE = photo().resize((64, 48))
OTHER = photo().transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((64, 48))
PART = photo().resize((40, 30))


def alpha_at_the_corners(data: bytes) -> list[tuple[int, int]]:
    """Of each frame, the alpha at the upper left and the lower right."""
    image = opened(data)
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        found.append((int(alpha[1, 1]), int(alpha[-2, -2])))
    return found


# What Chromium 156 shows of the same files.
@pytest.mark.parametrize("target", [{"quality": 60}, {"outputs": (Format.PNG,)}, {"outputs": (Format.AVIF,)}])
@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (webp(64, 48, frame(0, 0, PART), frame(2, 4, PART)), [(255, 0), (255, 0)]),
        (webp(64, 48, frame(0, 0, WHOLE, DISPOSED), frame(24, 18, PART)), [(255, 255), (0, 255)]),
        (webp(64, 48, frame(0, 0, WHOLE), frame(24, 18, PART)), [(255, 255), (255, 255)]),
        (webp(64, 48, frame(0, 0, WHOLE, DISPOSED), frame(0, 0, OTHER)), [(255, 255), (255, 255)]),
        (webp(64, 48, frame(0, 0, PART, DISPOSED), frame(0, 0, WHOLE)), [(255, 0), (255, 255)]),
    ],
)
def test_what_no_frame_covers_is_transparent(
    data: bytes, seen: list[tuple[int, int]], target: dict[str, object]
) -> None:
    assert alpha_at_the_corners(pixlean.compress(data, **target).data) == seen  # type: ignore[arg-type]


def test_limits_that_were_raised_hold_for_such_files_too() -> None:
    colours = ((number % 256, number // 256, 90) for number in range(1600))
    data = webp(64, 48, *(frame(0, 0, Image.new("RGB", (40, 30), colour)) for colour in colours))
    picture = open_source(data, Limits(max_frames=2000)).picture
    assert len(picture.frames) == 1600 and [int(picture.frames[9][at, at, 3]) for at in (1, -2)] == [255, 0]


def test_a_smaller_one_is_made_of_it() -> None:
    data = webp(64, 48, frame(0, 0, Image.new("RGB", (40, 30), "red")), frame(2, 4, PART))
    assert pixlean.probe(data).has_alpha
    assert pixlean.compress(data, quality=40).method == "libwebp"
