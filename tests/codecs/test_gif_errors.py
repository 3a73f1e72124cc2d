"""GIFs lose only what their worst frame can bear, and pixels that hardly change cost nothing."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import photo

pytestmark = pytest.mark.skipif(shutil.which("gifsicle") is None, reason="gifsicle is not installed")


def moving(frames: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=70, loop=0, optimize=False)
    return out.getvalue()


def test_noise_between_frames_is_not_paid_for() -> None:
    """A picture that stands still under a camera's noise: most of its pixels only seem to change."""
    random = np.random.default_rng(3)
    still = np.asarray(photo().resize((128, 96)).convert("L")).astype(int)
    frames = [np.clip(still + random.integers(-2, 3, still.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    source = moving([Image.fromarray(frame) for frame in frames])
    outcome = pixlean.compress(source, quality=40)
    assert "libvips" in outcome.method and len(outcome.data) < 0.35 * len(source)
    assert pixlean.probe(outcome.data).frames == 8 and pixlean.score(source, outcome.data) >= 60


@pytest.mark.parametrize(("quality", "least"), [(40, 60), (60, 66)])
def test_the_worst_frame_of_a_photograph_keeps_its_look(quality: int, least: float) -> None:
    frames = [photo().rotate(4 * number).quantize(256) for number in range(4)]
    source = moving(frames)
    outcome = pixlean.compress(source, quality=quality)
    assert pixlean.score(source, outcome.data) >= least - 0.5 and len(outcome.data) < len(source)


def test_large_animations_are_not_tried_in_every_way() -> None:
    frames = [Image.new("P", (1200, 900), number % 7) for number in range(60)]
    outcome = pixlean.compress(moving(frames), quality=40)
    tried = [attempt.method for attempt in outcome.report.attempts]
    assert sum("--lossy" in method for method in tried) <= 2
