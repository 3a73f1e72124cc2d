"""A corpus out of nothing: every format, all kinds of content, the same bytes wherever the libraries are the same."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

VERSION = "2"


def make_corpus(folder: Path) -> Path:
    """Write the corpus, unless it is there already, and return its folder."""
    mark = folder / "VERSION"
    if mark.exists() and mark.read_text() == VERSION:
        return folder
    pictures = {"photo": photo(640, 480), "graphic": _graphic(480, 320), "text": _text(560, 420)}
    for name, image in pictures.items():
        for kind, data in _still_formats(image).items():
            _write(folder / "synthetic" / f"{name}.{kind}", data)
    _write(folder / "synthetic" / "drawing.svg", _SVG)
    _write(folder / "synthetic" / "drawing.svgz", gzip.compress(_SVG, mtime=0))
    for kind, data in _animations().items():
        _write(folder / "animated" / f"square.{kind}", data)
    _write(folder / "deep_color" / "photo16.png", _deep_png(photo(320, 240)))
    _write(folder / "deep_color" / "photo16.tiff", _deep_tiff(photo(320, 240)))
    _write(mark, VERSION.encode())
    return folder


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def photo(width: int, height: int) -> Image.Image:
    """Smooth shapes, a horizon, texture on several scales and a little sensor noise."""
    noise = np.random.default_rng(7)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    sky = np.stack([120 + 60 * rows / height, 150 + 50 * rows / height, 210 - 30 * rows / height], axis=-1)
    ground = np.stack(
        [90 + 30 * np.sin(columns / 37), 110 + 25 * np.sin(columns / 53 + rows / 29), 60 + 0 * rows], axis=-1
    )
    picture = np.where((rows > height * (0.55 + 0.05 * np.sin(columns / 90)))[..., None], ground, sky)
    for size in (4, 16, 64):
        grain = noise.normal(0, 1, (height // size + 2, width // size + 2))
        wide = np.kron(grain, np.ones((size, size)))[:height, :width]
        picture += 1.5 * np.log2(size) * wide[..., None]
    distance = np.hypot(rows - height * 0.3, columns - width * 0.7)
    picture += 90 * np.exp(-((distance / (0.12 * width)) ** 2))[..., None]
    picture += noise.normal(0, 2.5, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _graphic(width: int, height: int) -> Image.Image:
    """Flat colours with sharp edges and one gradient."""
    image = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for number in range(12):
        left = 20 + number * (width - 60) // 12
        top = height - 30 - (37 * (number + 3) ** 2) % (height - 80)
        draw.rectangle((left, top, left + 22, height - 30), fill=(40 + 15 * number, 90, 200 - 12 * number))
    draw.ellipse((width - 130, 20, width - 30, 120), fill=(220, 60, 60), outline=(90, 20, 20), width=3)
    for column in range(width):
        draw.line((column, 0, column, 12), fill=(255 * column // width, 120, 255 - 255 * column // width))
    return image


def _text(width: int, height: int) -> Image.Image:
    """Lines of writing."""
    image = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "the",
        "lazy",
        "dog",
        "and",
        "packs",
        "my",
        "box",
        "with",
        "five",
        "dozen",
        "liquor",
        "jugs",
    ]
    for line in range(height // 16 - 1):
        draw.text((12, 8 + 16 * line), " ".join(words[(line + n) % len(words)] for n in range(12)), fill=(20, 20, 25))
    return image


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _still_formats(image: Image.Image) -> dict[str, bytes]:
    import imagecodecs

    found = {
        "png": _saved(image, "PNG", compress_level=6),
        "jpg": _saved(image, "JPEG", quality=92, subsampling=0),
        "webp": _saved(image, "WEBP", quality=90),
        "gif": _saved(image.quantize(256), "GIF"),
        "avif": _saved(image, "AVIF", quality=85, speed=8, max_threads=1),
        "tiff": _saved(image, "TIFF"),
        "bmp": _saved(image, "BMP"),
        "jxl": bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=0.6, effort=3, numthreads=1)),
    }
    heic = _heic(image)
    return found if heic is None else {**found, "heic": heic}


def _heic(image: Image.Image) -> bytes | None:
    try:
        import pillow_heif
    except ImportError:
        return None
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=85)
    return out.getvalue()


def _animations() -> dict[str, bytes]:
    frames = []
    for number in range(8):
        image = _graphic(200, 150)
        ImageDraw.Draw(image).rectangle((10 + 20 * number, 60, 40 + 20 * number, 90), fill=(30, 160, 60))
        frames.append(image)
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 80, "loop": 0}
    return {
        "apng": _saved(frames[0], "PNG", **options),
        "gif": _saved(frames[0], "GIF", **options),
        "webp": _saved(frames[0], "WEBP", quality=85, **options),
    }


def _deep(image: Image.Image) -> np.ndarray[Any, Any]:
    noise = np.random.default_rng(3).integers(0, 256, (image.height, image.width, 3), dtype=np.uint16)
    return np.asarray(image).astype(np.uint16) * 256 + noise


def _deep_png(image: Image.Image) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(_deep(image), level=6))


def _deep_tiff(image: Image.Image) -> bytes:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, _deep(image), photometric="rgb", metadata=None, datetime=None)
    return out.getvalue()


_SVG = (
    """<?xml version="1.0" encoding="UTF-8"?>
<!-- a drawing as an editor leaves it -->
<svg xmlns="http://www.w3.org/2000/svg" width="320.0000" height="200.0000" viewBox="0 0 320 200">
  <metadata><author>nobody</author></metadata>
  <defs><linearGradient id="sky"><stop offset="0.000" stop-color="#88ccff"/><stop offset="1.000" stop-color="#ffffff"/></linearGradient></defs>
  <g id="layer1"><g><rect x="0.00000" y="0.00000" width="320.00000" height="200.00000" fill="url(#sky)"/></g>
"""
    + "".join(
        f'  <g style="fill:#{40 + 5 * n:02x}{120 - 3 * n:02x}50;stroke:none"><path d="M {10 + 12.0 * n:.6f} 180.000000 '
        f'L {16 + 12.0 * n:.6f} {60.0 + (37 * n) % 90:.6f} L {22 + 12.0 * n:.6f} 180.000000 Z"/></g>\n'
        for n in range(24)
    )
    + "</g></svg>\n"
).encode()
