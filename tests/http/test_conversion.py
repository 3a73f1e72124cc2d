"""The native dialect's additions: format, sides, target size, score, effort."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples
from test_optimize import assert_error, post

from pictures import animated, every_format, exif, opened, photo, saved, with_alpha
from pixlean.imaging.perception import Judge
from serving import Server

PNG = saved(Image.fromarray(samples.astronaut()).resize((384, 384)), "PNG")


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif", "jxl", "gif", "tiff", "bmp", "heic"])
def test_format_converts(server: Server, target: str) -> None:
    answer = post(
        server, saved(photo(), "JPEG", quality=95, exif=exif(6)), {"optimization": {"format": target, "quality": 70}}
    )
    assert answer.status_code == 200 and answer.headers["x-original-format"] == "jpeg"
    assert answer.headers["x-output-format"] == target and answer.headers["content-type"] == f"image/{target}"
    assert "Accept" not in answer.headers.get("vary", "")


def test_a_photograph_in_png_loses_half_at_the_defaults_and_looks_the_same(server: Server) -> None:
    sent = {"file": ("photo.png", PNG)}
    shrunk = server.client.post("/shrink", content=PNG).json()["output"]["url"]
    answers = {
        "native": post(server, PNG),
        "optipic": server.client.post("/v1/compress", files=sent),
        "compressorize": server.client.post("/api/v1/compress", files=sent),
        "tinify": server.client.get(shrunk),
    }
    for dialect, answer in answers.items():
        made = np.asarray(opened(answer.content).convert("RGB"))
        assert opened(answer.content).format == "PNG" and len(answer.content) < 0.5 * len(PNG), dialect
        assert Judge((np.asarray(opened(PNG)),)).score((made,)) >= 70, dialect
    for lossless in ({"quality": 100}, {"png_lossy": False}):
        exact = post(server, PNG, {"optimization": lossless})
        assert np.array_equal(np.asarray(opened(exact.content)), np.asarray(opened(PNG)))


def test_a_png_that_a_palette_spoils_stays_lossless(server: Server) -> None:
    ramp = np.linspace(0, 255, 512 * 512 * 3).reshape(512, 512, 3) + np.random.default_rng(1).normal(
        0, 90, (512, 512, 3)
    )
    spoiled = Image.fromarray(ramp.clip(0, 255).astype(np.uint8))
    for source, wish in ((saved(spoiled, "PNG"), {}), (saved(spoiled, "BMP"), {"format": "png"})):
        answer = post(server, source, {"optimization": wish})
        made = np.asarray(opened(answer.content).convert("RGB"))
        assert np.array_equal(made, np.asarray(spoiled)), answer.headers["x-optimization-method"]


@pytest.mark.parametrize("target", ["tiff", "bmp"])
def test_tiff_and_bmp_hold_every_pixel_with_its_alpha(server: Server, target: str) -> None:
    answer = post(server, saved(with_alpha(), "PNG"), {"optimization": {"format": target, "quality": 30}})
    assert np.array_equal(np.asarray(opened(answer.content)), np.asarray(with_alpha()))
    grey = post(server, saved(photo().convert("L"), "PNG"), {"optimization": {"format": target}})
    assert np.array_equal(np.asarray(opened(grey.content).convert("L")), np.asarray(photo().convert("L")))


def test_deep_pictures_stay_deep_as_tiff(server: Server) -> None:
    import imagecodecs
    import tifffile

    deep = np.linspace(0, 65535, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint16)
    answer = post(server, bytes(imagecodecs.png_encode(deep)), {"optimization": {"format": "tiff"}})
    assert np.array_equal(tifffile.imread(io.BytesIO(answer.content)), deep)


def test_exif_travels_into_tiff(server: Server) -> None:
    wish = {"optimization": {"format": "tiff", "strip_metadata": False}}
    made = opened(post(server, saved(photo(), "JPEG", exif=exif(6)), wish).content)
    assert made.getexif()[0x010F] == "SecretCam" and made.getexif().get(0x0112, 1) == 1 and made.size == (192, 256)


def test_edited_tiffs_and_bmps_stay_what_they_are_with_all_their_pages(server: Server) -> None:
    pages = [photo(), photo().resize((200, 300)), photo().convert("L")]
    tiff = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    answer = post(server, tiff, {"optimization": {"max_width": 100}})
    made = Image.open(io.BytesIO(answer.content))
    sizes = []
    for number in range(made.n_frames):
        made.seek(number)
        sizes.append(made.size)
    assert answer.headers["x-output-format"] == "tiff" and sizes == [(100, 75), (100, 150), (100, 75)]
    bmp = post(server, every_format()["bmp"], {"optimization": {"max_width": 100}})
    assert bmp.headers["x-output-format"] == "bmp" and opened(bmp.content).size == (100, 75)


@pytest.mark.parametrize("name", ["png", "apng", "gif", "bmp", "tiff"])
@pytest.mark.parametrize("wish", [{"quality": 100}, {"quality": 30, "png_lossy": False, "min_score": 40}])
def test_no_pixel_changes_where_none_may(server: Server, name: str, wish: dict[str, object]) -> None:
    photograph = saved(photo().quantize(200), name.upper()) if name in ("gif", "bmp") else every_format()[name]
    for source in (photograph, every_format()[name]):
        answer = post(server, source, {"optimization": wish})
        assert answer.headers["x-output-format"] == name
        before, after = Image.open(io.BytesIO(source)), Image.open(io.BytesIO(answer.content))
        for number in range(getattr(before, "n_frames", 1)):
            before.seek(number)
            after.seek(number)
            assert np.array_equal(np.asarray(before.convert("RGBA")), np.asarray(after.convert("RGBA")))


def test_a_target_size_without_loss_takes_pixels_and_no_colours(server: Server) -> None:
    wish = {"optimization": {"png_lossy": False, "target_size": 20_000}}
    answer = post(server, saved(photo(), "PNG"), wish)
    assert len(answer.content) <= 20_000 and answer.headers["x-target-met"] == "true"
    assert answer.headers["x-optimization-method"] == "png (lossless)" and opened(answer.content).width < 256


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
        ({"format": "svg"}, "format"), ({"format": 5}, "format"), ({"max_width": 0}, "max_width"),
        ({"max_height": "x"}, "max_height"), ({"target_size": 0}, "target_size"), ({"min_score": 101}, "min_score"),
        ({"effort": 10}, "effort"),
    ],
)  # fmt: skip
def test_a_bad_word_is_400_and_named(server: Server, options: dict[str, object], field: str) -> None:
    assert field in assert_error(post(server, PNG, {"optimization": options}), 400, "bad_request")["message"]
