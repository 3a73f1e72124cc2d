"""What the header says."""

from __future__ import annotations

import struct

from pixlean.domain.errors import BadImage, ErrorCode, PixleanError
from pixlean.domain.formats import detect
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.engine.registry import codec_for


def probe(data: bytes, limits: Limits | None = None) -> ImageInfo:
    """Read the header of ``data`` without decoding a pixel.

    Raises ``BadImage`` (``unsupported_format`` where no magic fits) and ``LimitExceeded``.
    """
    if not data:
        raise BadImage("the file is empty", code=ErrorCode.UNSUPPORTED_FORMAT)
    found = detect(data)
    if found is None:
        raise BadImage("the bytes match no supported format", code=ErrorCode.UNSUPPORTED_FORMAT)
    try:
        return codec_for(found).probe(data, limits or Limits())
    except PixleanError:
        raise
    except (struct.error, IndexError, ValueError, OverflowError, KeyError, RecursionError) as error:
        raise BadImage(f"the {found} header is not valid") from error
