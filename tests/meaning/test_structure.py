"""Files with one thing of their structure changed: what is accepted looks as a browser shows the source."""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixlean
from meaning.mutations import mutated
from meaning.webpfile import DISPOSED, frame, webp
from pictures import animated, graphic, photo, saved, with_alpha
from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import Format

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
COUNT = int(os.environ.get("PIXLEAN_MUTATIONS", "40"))  # of each format
# Mean differences, of 255: those of quality 60 stay below the first one; a wrong meaning is beyond it.
MOST_MEAN = 9.0
# Larger ones only take longer.
MOST_PX = 100_000

# A bitmap is made of the first frame, whenever it is made.
_SHOW = """
async (files) => Promise.all(files.map(async ([kind, text]) => {
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
    const image = await createImageBitmap(new Blob([bytes], { type: kind }))
    const canvas = document.createElement('canvas')
    canvas.width = image.width
    canvas.height = image.height
    if (canvas.width * canvas.height > 4e6) return null
    canvas.getContext('2d').drawImage(image, 0, 0)
    return canvas.toDataURL('image/png').split(',')[1]
  } catch { return null }
}))
"""
Show = Callable[[list[tuple[str, bytes]]], list[np.ndarray | None]]


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    """What Chromium makes of files: RGBA, or ``None`` where it shows nothing."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    def pixels(text: str | None) -> np.ndarray | None:
        return None if text is None else np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"))

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page: Any = browser.new_page()

        def ask(files: list[tuple[str, bytes]]) -> list[np.ndarray | None]:
            sent = [[kind, base64.b64encode(data).decode()] for kind, data in files]
            return [pixels(text) for text in page.evaluate(_SHOW, sent)]

        yield ask
        browser.close()


def sources(name: str) -> list[bytes]:
    """Valid files of a format, of different kinds."""
    small, alpha, flat = photo().resize((64, 48)), with_alpha().resize((64, 48)), graphic().resize((64, 48))
    palette = flat.quantize(16)
    grey = small.convert("L")
    return {
        "png": lambda: [
            saved(small, "PNG"), saved(alpha, "PNG"), saved(palette, "PNG"), saved(grey, "PNG"),
            saved(palette, "PNG", transparency=0), saved(flat.convert("1"), "PNG"),
        ],
        "apng": lambda: [animated("PNG")],
        "jpeg": lambda: [
            saved(small, "JPEG", quality=85), saved(small, "JPEG", quality=85, progressive=True),
            saved(grey, "JPEG", quality=85), saved(small, "JPEG", quality=85, subsampling=0),
            saved(small.convert("CMYK"), "JPEG", quality=90),
        ],
        "gif": lambda: [saved(palette, "GIF"), animated("GIF"), saved(palette, "GIF", transparency=0)],
        "webp": lambda: [
            saved(small, "WEBP", quality=80), saved(alpha, "WEBP", quality=80), saved(flat, "WEBP", lossless=True),
        ],
        "awebp": lambda: [
            animated("WEBP"), webp(64, 48, frame(8, 6, small.resize((40, 30))), frame(0, 0, small)),
            webp(64, 48, frame(0, 0, small, DISPOSED), frame(8, 6, flat.resize((40, 30)))),
        ],
        "bmp": lambda: [saved(small, "BMP"), saved(palette, "BMP"), saved(flat.convert("1"), "BMP")],
    }[name]()  # fmt: skip


KINDS = {
    "png": "image/png",
    "apng": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "awebp": "image/webp",
    "bmp": "image/bmp",
}
WAYS: dict[str, dict[str, Any]] = {"smaller": {"quality": 60}, "png": {"quality": 90, "outputs": (Format.PNG,)}}


def over_grey(pixels: np.ndarray) -> np.ndarray:
    share = pixels[..., 3:].astype(float) / 255
    return pixels[..., :3] * share + 128 * (1 - share)


def area_of(data: bytes) -> int:
    """Pixels by the header, as Pillow reads it; 0 where it reads none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.width * image.height
    except Exception:  # noqa: BLE001 - files that are broken in any way
        return 0


def wrongs(name: str, seeds: range, show: Show) -> list[str]:
    """What was accepted and looks otherwise than the source does, in words."""
    found = []
    for way, options in WAYS.items():
        made: list[tuple[int, bytes, bytes]] = []
        for seed in seeds:
            kinds = sources(name)
            data = mutated(name, kinds[seed % len(kinds)], seed)
            if area_of(data) > MOST_PX:
                continue
            try:
                made.append((seed, data, pixlean.compress(data, **options).data))
            except PixleanError:
                continue
        before = show([(KINDS[name], data) for _, data, _ in made])
        after = show([("image/png" if way == "png" else KINDS[name], result) for _, _, result in made])
        for (seed, data, result), source, shown in zip(made, before, after, strict=True):
            if source is None or data == result:
                continue
            if shown is None or shown.shape != source.shape:
                found.append(f"{name} {seed} {way}: {source.shape} became {None if shown is None else shown.shape}")
                continue
            difference = float(np.abs(over_grey(source) - over_grey(shown)).mean())
            if difference > MOST_MEAN:
                found.append(f"{name} {seed} {way}: {difference:.1f} of 255 off on average")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_is_accepted_looks_as_a_browser_shows_the_source(name: str, show: Show) -> None:
    assert not wrongs(name, range(COUNT), show)
