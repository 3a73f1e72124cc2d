"""Which codec serves which format: one line each."""

from __future__ import annotations

from importlib import import_module

from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.imaging.contract import Codec, Writes

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


def codec_for(name: Format) -> Codec:
    """The codec of a format; imported on first use, since some take long to load."""
    codec: Codec = import_module(f"pixlean.codecs.{_MODULES[name]}").CODEC
    return codec


def writes_of(name: Format) -> Writes:
    """How new pictures are written in a format. Raises ``InvalidRequest`` where they are not."""
    writes = codec_for(name).writes
    if writes is None:
        raise InvalidRequest(f"{name} is not written")
    return writes
