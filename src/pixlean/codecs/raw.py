"""Camera RAW by the optional extra ``raw`` (LibRaw): developed by the camera's white balance, to be converted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.imaging.contract import Codec
from pixlean.imaging.pixels import Array

# LibRaw's "flip": a quarter turn to the left or to the right.
_TURNED = (5, 6)


@lru_cache(maxsize=1)
def _library() -> Any:
    try:
        import rawpy
    except ImportError as error:
        raise BadImage(
            "camera RAW needs the optional extra: install pixlean[raw]", code=ErrorCode.UNSUPPORTED_FORMAT
        ) from error
    return rawpy


def _opened(data: bytes) -> Any:
    library = _library()
    try:
        return library.imread(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # LibRaw's errors, and those of the binding
        raise BadImage("the RAW file does not decode") from error


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """The developed picture's size, from the header."""
    with _opened(data) as raw:
        sizes = raw.sizes
        width, height = int(sizes.width), int(sizes.height)
        if sizes.flip in _TURNED:
            width, height = height, width
    if not width or not height:
        raise BadImage("the picture is empty")
    # Sensor values, and three channels of 16 bit while they are developed.
    limits.check_picture(width, height, bytes_per_pixel=8)
    return ImageInfo(
        format=Format.RAW, width_px=width, height_px=height, mode="RGB", lossless=True, metadata=frozenset({"exif"})
    )


def _frames(data: bytes) -> Iterator[Array]:
    """The developed picture, upright, 8 bit sRGB."""
    with _opened(data) as raw:
        try:
            pixels = raw.postprocess(use_camera_wb=True, output_bps=8, output_color=_library().ColorSpace.sRGB)
        except MemoryError:
            raise
        except Exception as error:
            raise BadImage("the RAW file does not decode") from error
    yield np.asarray(pixels)


CODEC = Codec(probe=_probe, frames=_frames, upright=True)
