"""Files that real encoders make and that were once refused or shown wrongly, judged by a reader that did not make them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from pictures import saved
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress
from pixlean.engine.probe import probe


def halves() -> bytes:
    """An animation whose frames are red on nothing, each on another half: no frame's own rectangle has alpha."""
    frames = []
    for left in (0, 20):
        frame = np.zeros((30, 40, 4), np.uint8)
        frame[:, left : left + 20] = (255, 0, 0, 255)
        frames.append(Image.fromarray(frame))
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=500, disposal=2)


@pytest.mark.parametrize("quality", [60, 100])
def test_an_animation_of_opaque_rectangles_stays_transparent_elsewhere(quality: int) -> None:
    outcome = compress(halves(), Recipe(outputs=(Format.WEBP,), quality=quality))
    shown = pyvips.Image.webpload_buffer(outcome.data, n=-1).numpy()
    assert shown.shape == (60, 40, 4)
    for frame, left in ((shown[:30], 0), (shown[30:], 20)):
        assert frame[:, left : left + 20, 3].min() == 255 and frame[:, (left + 20) % 40 :][:, :20, 3].max() == 0


def test_a_second_gif_behind_the_first_is_junk_as_it_is_to_browsers() -> None:
    first = saved(Image.new("P", (30, 30), 1), "GIF")
    second = saved(Image.new("P", (30, 30), 2), "GIF")
    both = first.rstrip(b";") + second
    assert probe(both).frames == 1
    for target in (Format.WEBP, Format.AVIF, Format.PNG):
        outcome = compress(both, Recipe(outputs=(target,)))
        assert Image.open(io.BytesIO(outcome.data)).size == (30, 30)


def test_signed_samples_keep_their_meaning_at_every_strength() -> None:
    samples = np.arange(-120, 120, dtype=np.int8).reshape(12, 20).repeat(8, 0).repeat(8, 1)
    image = pyvips.Image.new_from_array(samples)
    source = image.tiffsave_buffer(compression="none")
    for quality in (40, 60, 80):
        shown = pyvips.Image.tiffload_buffer(compress(source, Recipe(quality=quality)).data)
        assert shown.format == "char" and np.array_equal(shown.numpy(), samples)
