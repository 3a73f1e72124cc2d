"""The native dialect's additions: format, sides, target size, score, effort."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples
from test_optimize import assert_error, post

from pictures import animated, exif, opened, photo, saved
from pixlean.imaging.perception import Judge
from serving import Server

PNG = saved(Image.fromarray(samples.astronaut()).resize((384, 384)), "PNG")


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif", "jxl", "gif"])
def test_format_converts(server: Server, target: str) -> None:
    answer = post(
        server, saved(photo(), "JPEG", quality=95, exif=exif(6)), {"optimization": {"format": target, "quality": 70}}
    )
    assert answer.status_code == 200 and answer.headers["x-original-format"] == "jpeg"
    assert answer.headers["x-output-format"] == target and answer.headers["content-type"] == f"image/{target}"
    assert "Accept" not in answer.headers.get("vary", "")


def test_auto_follows_accept_and_says_so(server: Server) -> None:
    options = {"optimization": {"format": "auto"}}
    formats = {
        accept: post(server, PNG, options, Accept=accept).headers["x-output-format"]
        for accept in ("image/avif,image/webp,*/*", "image/webp,*/*", "image/jpeg,image/png", "*/*")
    }
    assert formats["image/avif,image/webp,*/*"] == "avif"
    assert formats["image/webp,*/*"] in ("webp", "jpeg") and formats["*/*"] in ("webp", "jpeg")
    assert formats["image/jpeg,image/png"] in ("jpeg", "png")
    assert "Accept" in post(server, PNG, options).headers["vary"]
    assert post(server, animated("GIF"), options, Accept="image/avif,image/webp").headers["x-output-format"] in (
        "webp",
        "avif",
    )


def test_sides_shrink_and_never_enlarge(server: Server) -> None:
    small = post(server, PNG, {"optimization": {"max_width": 100}})
    assert opened(small.content).size == (100, 100) and small.headers["x-output-format"] == "png"
    same = post(server, PNG, {"optimization": {"max_width": 5000}})
    assert opened(same.content).size == (384, 384)


def test_min_score_is_kept_and_shown(server: Server) -> None:
    answer = post(server, PNG, {"optimization": {"format": "webp", "min_score": 85}})
    made = np.asarray(opened(answer.content).convert("RGB"))
    score = Judge((np.asarray(opened(PNG)),)).score((made,))
    assert 84.5 <= score <= 88 and float(answer.headers["x-quality-score"]) == pytest.approx(score, abs=0.6)


def test_target_size_is_a_bound(server: Server) -> None:
    answer = post(server, PNG, {"optimization": {"format": "jpeg", "target_size": 9000}})
    assert 0.95 * 9000 <= len(answer.content) <= 9000 and answer.headers["x-target-met"] == "true"
    assert post(server, PNG, {"optimization": {"target_size": 30}}).headers["x-target-met"] == "false"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"format": "tiff"}, "format"), ({"format": 5}, "format"), ({"max_width": 0}, "max_width"),
        ({"max_height": "x"}, "max_height"), ({"target_size": 0}, "target_size"), ({"min_score": 101}, "min_score"),
        ({"effort": 10}, "effort"),
    ],
)  # fmt: skip
def test_a_bad_word_is_400_and_named(server: Server, options: dict[str, object], field: str) -> None:
    assert field in assert_error(post(server, PNG, {"optimization": options}), 400, "bad_request")["message"]
