"""Which codec serves which format: one line each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from pixlean.domain.encoding import Encoding
from pixlean.domain.formats import Format
from pixlean.imaging.contract import Codec
from pixlean.imaging.pixels import Picture

_MODULES: dict[Format, str] = {
    Format.PNG: "png",
    Format.APNG: "png",
    Format.JPEG: "jpeg",
    Format.WEBP: "webp",
    Format.GIF: "gif",
    Format.SVG: "svg",
    Format.SVGZ: "svg",
    Format.AVIF: "avif",
    Format.HEIC: "heic",
    Format.TIFF: "tiff",
    Format.BMP: "bmp",
    Format.JXL: "jxl",
    Format.SGI: "sgi",
    Format.RAW: "raw",
}


def codec_for(file_format: Format) -> Codec:
    """The codec of a format; imported on first use, since some take long to load."""
    return cast(Codec, import_module(f"pixlean.codecs.{_MODULES[file_format]}"))


def encoder_for(file_format: Format) -> Callable[[Picture, Encoding], bytes]:
    """How new pictures are written in a format; only some codecs write them."""
    return cast(Callable[[Picture, Encoding], bytes], codec_for(file_format).encode)  # type: ignore[attr-defined]
