"""Other eyes: a file as another library than its codec's own shows it, to judge results by what did not make them.

Views are small where a decoder scales while it decodes, and of animations two frames: enough to see that a picture is
the right one. A file that the other library can't read has no view, and is judged without.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from pixlean.imaging.colour import shown_without_profile
from pixlean.imaging.pixels import Array, as_rgb_array
from pixlean.imaging.vips import vips

Eyes = Callable[[bytes], tuple[Array, ...] | None]

_LEAST_SIDE_PX = 128


def vips_eyes(loader: str) -> Eyes:
    """By a loader of libvips, such as ``pngload``: the first frame and, of an animation, the one in its middle."""

    def look(data: bytes) -> tuple[Array, ...] | None:
        pyvips = vips()
        try:
            load = getattr(pyvips.Image, f"{loader}_buffer")
            first = load(data)
            count = first.get("n-pages") if first.get_typeof("n-pages") else 1
            return (_seen(first), *((_seen(load(data, page=count // 2)),) if count > 1 else ()))
        except pyvips.Error:
            return None

    return look


def vips_jpeg_eyes(data: bytes) -> tuple[Array, ...] | None:
    """By libvips, scaled down by the DCT while the shorter side stays at 128 pixels or more."""
    pyvips = vips()
    try:
        whole = pyvips.Image.jpegload_buffer(data)
        shorter = min(whole.width, whole.height)
        shrink = next((step for step in (8, 4, 2) if shorter // step >= _LEAST_SIDE_PX), 1)
        return (_seen(pyvips.Image.jpegload_buffer(data, shrink=shrink) if shrink > 1 else whole),)
    except pyvips.Error:
        return None


def _seen(image: Any) -> Array:
    if image.interpretation == "cmyk":
        image = shown_without_profile(image)
    pixels: Array = image.numpy()
    return pixels.reshape(image.height, image.width) if image.bands == 1 else pixels


def pillow_eyes(pillow_format: str) -> Eyes:
    """By a Pillow plug-in, for formats that are decoded by another library."""

    def look(data: bytes) -> tuple[Array, ...] | None:
        try:
            with Image.open(io.BytesIO(data), formats=[pillow_format]) as image:
                seen = as_rgb_array(image)
                return (seen,) if seen.dtype in (np.uint8, np.uint16) else None
        except MemoryError:
            raise
        except Exception:  # every plug-in fails in its own ways, and then has no view
            return None

    return look
