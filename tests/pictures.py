"""Pictures that the tests make: small, real pixels, every format."""

from __future__ import annotations

import gzip
import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from skimage import data as samples


@lru_cache(maxsize=1)
def photo() -> Image.Image:
    """A photograph, 256 x 192."""
    return Image.fromarray(samples.astronaut()).resize((256, 192), Image.Resampling.LANCZOS)


def graphic() -> Image.Image:
    """Flat colours with sharp edges."""
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:] = (250, 250, 250)
    pixels[10:50, 10:60] = (200, 30, 30)
    pixels[40:90, 50:120] = (20, 60, 200)
    return Image.fromarray(pixels)


def page() -> Image.Image:
    """A scanned page of text, black on white without greys."""
    return Image.fromarray((samples.page() > 130).astype(np.uint8) * 255)


def with_alpha() -> Image.Image:
    """A photograph that fades out to the right."""
    image = photo().convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 256).astype(np.uint8), (192, 1))))
    return image


def exif(orientation: int = 6) -> bytes:
    """EXIF with a camera, a GPS position and an orientation."""
    made = Image.Exif()
    made[0x010F], made[0x0112] = "SecretCam", orientation
    made.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return made.tobytes()


@lru_cache(maxsize=1)
def wide_icc() -> bytes:
    """sRGB's profile with red's and green's colorants exchanged: valid, and plainly not sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    at = {bytes(profile[132 + 12 * n : 136 + 12 * n]): 136 + 12 * n for n in range(count)}
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile)


def saved(image: Image.Image, pillow_format: str, **options: Any) -> bytes:
    """An image as a file."""
    out = io.BytesIO()
    image.save(out, pillow_format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file as an image."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def moving() -> list[Image.Image]:
    """Five frames in which a square moves over a flat ground."""
    frames = []
    for number in range(5):
        pixels = np.full((64, 80, 3), 240, np.uint8)
        pixels[20:40, 8 + 12 * number : 24 + 12 * number] = (180, 20 + 40 * number, 60)
        frames.append(Image.fromarray(pixels))
    return frames


DURATIONS = [40, 100, 70, 500, 90]
SVG = b"""<?xml version="1.0"?><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg" width="120" height="80">
  <metadata><x>secret</x></metadata>
  <rect x="10.00000" y="10.0000" width="50.000000" height="40.000" fill="#ff0000"/>
  <g><g><circle cx="80" cy="40" r="20" style="fill:#0000ff;stroke:none"/></g></g></svg>"""


@lru_cache(maxsize=1)
def jxl() -> bytes:
    """A lossy JPEG XL."""
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(np.asarray(photo()), distance=0.5, effort=3, numthreads=1))


def heic(**options: Any) -> bytes:
    """A HEIC of the photograph."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(out, quality=95, **options)
    return out.getvalue()


def animated(pillow_format: str, **options: Any) -> bytes:
    """The moving square as an animation that loops three times."""
    frames = moving()
    return saved(
        frames[0], pillow_format, save_all=True, append_images=frames[1:], duration=DURATIONS, loop=3, **options
    )


@lru_cache(maxsize=1)
def every_format() -> dict[str, bytes]:
    """One file of each format, each with room to shrink."""
    return {
        "png": saved(photo(), "PNG", compress_level=1),
        "apng": animated("PNG"),
        "jpeg": saved(photo(), "JPEG", quality=95),
        "webp": saved(photo(), "WEBP", quality=95),
        "gif": animated("GIF"),
        "svg": SVG,
        "svgz": gzip.compress(SVG, 1),
        "avif": saved(photo(), "AVIF", quality=95, speed=9),
        "heic": heic(),
        "tiff": saved(photo(), "TIFF"),
        "bmp": saved(graphic(), "BMP"),
        "jxl": jxl(),
    }


FORMATS = list(every_format())


@lru_cache(maxsize=1)
def dng() -> bytes:
    """A camera RAW: the photograph as a sensor with a Bayer pattern (RGGB) sees it, 12 bit, in a DNG."""
    import tifffile

    pixels = np.asarray(photo().resize((320, 240))).astype(np.float64) / 255
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    sensor = linear[..., 1].copy()
    sensor[0::2, 0::2], sensor[1::2, 1::2] = linear[0::2, 0::2, 0], linear[1::2, 1::2, 2]
    # sRGB's primaries by their inverse (IEC 61966-2-1), as the camera's own; a white balance of one.
    matrix = (32405, 10000, -15371, 10000, -4985, 10000, -9693, 10000, 18760, 10000, 416, 10000, 556, 10000, -2040, 10000,
              10572, 10000)  # fmt: skip
    tags = [
        (271, 2, 0, "pixlean", True), (272, 2, 0, "test camera", True), (50706, 1, 4, bytes((1, 4, 0, 0)), True),
        (50707, 1, 4, bytes((1, 1, 0, 0)), True), (50708, 2, 0, "pixlean test camera", True),
        (33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True), (50717, 3, 1, 4095, True),
        (50721, 10, 9, matrix, True), (50728, 5, 3, (1, 1, 1, 1, 1, 1), True), (50778, 3, 1, 21, True),
    ]  # fmt: skip
    out = io.BytesIO()
    tifffile.imwrite(out, (4095 * sensor).astype(np.uint16), photometric=32803, extratags=tags, metadata=None)
    return out.getvalue()


def sgi(image: Image.Image | None = None) -> bytes:
    """An SGI picture."""
    return saved(image or photo(), "SGI")
