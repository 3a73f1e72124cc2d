"""SGI (``.rgb``, ``.sgi``): read, to be converted; nothing here writes it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.imaging.contract import Codec
from pixlean.imaging.pixels import Array, load_pixels, open_with_pillow

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_HEADER_BYTES = 512


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the header (Silicon Graphics' "The SGI Image File Format", 1.00)."""
    if len(data) <= _HEADER_BYTES:
        raise BadImage("the SGI file ends inside its header")
    coding, sample_bytes, dimension, width, height, channels = struct.unpack_from(">BBHHHH", data, 2)
    if dimension == 1:
        height = 1
    if dimension < 3:
        channels = 1
    if coding > 1 or sample_bytes not in (1, 2) or dimension not in (1, 2, 3) or channels not in _MODES:
        raise BadImage("the SGI file's header is not valid")
    if not width or not height:
        raise BadImage("the picture is empty")
    limits.check_picture(width, height, bytes_per_pixel=4 * sample_bytes)
    if coding == 0 and len(data) < _HEADER_BYTES + width * height * channels * sample_bytes:
        raise BadImage("the SGI file holds too little data for its size")
    return ImageInfo(
        format=Format.SGI, width_px=width, height_px=height, mode=_MODES[channels], bit_depth=8 * sample_bytes,
        has_alpha=channels == 4, lossless=True,
    )  # fmt: skip


def _frames(data: bytes) -> Iterator[Array]:
    """The one frame as L, RGB or RGBA."""
    yield np.asarray(load_pixels(open_with_pillow(data, "SGI")))


CODEC = Codec(probe=_probe, frames=_frames)
