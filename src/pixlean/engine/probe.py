"""What the header says, and the source that everything else is done with."""

from __future__ import annotations

import struct

from pixlean.domain.errors import BadImage, ErrorCode, PixleanError
from pixlean.domain.formats import detect
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.engine.registry import codec_for
from pixlean.imaging.contract import Source


def probe(data: bytes, limits: Limits | None = None) -> ImageInfo:
    """Read the header of ``data`` without decoding a pixel.

    Raises ``BadImage`` (``unsupported_format`` where no magic fits) and ``LimitExceeded``.
    """
    return open_source(data, limits).info


def glimpse(head: bytes, total_bytes: int, limits: Limits | None = None) -> ImageInfo | None:
    """What the first bytes of a file of ``total_bytes`` say of the picture, or ``None``. Raises ``LimitExceeded``."""
    name = detect(head)
    if name is None:
        return None
    codec = codec_for(name)
    try:
        if codec.glimpse is not None:
            return codec.glimpse(head, limits or Limits())
        # Most headers say all they have to say however the rest of the file may look.
        return open_source(head.ljust(total_bytes, b"\0"), limits).info
    except BadImage:
        return None


def open_source(data: bytes, limits: Limits | None = None) -> Source:
    """The bytes with their codec and their header; nothing is decoded. Raises as ``probe`` does."""
    if not data:
        raise BadImage("the file is empty", code=ErrorCode.UNSUPPORTED_FORMAT)
    name = detect(data)
    if name is None:
        raise BadImage("the bytes match no supported format", code=ErrorCode.UNSUPPORTED_FORMAT)
    codec = codec_for(name)
    try:
        return Source(codec, data, codec.probe(data, limits or Limits()))
    except PixleanError:
        raise
    except (struct.error, IndexError, ValueError, OverflowError, KeyError, RecursionError) as error:
        raise BadImage(f"the {name} header is not valid") from error
