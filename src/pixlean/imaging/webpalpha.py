"""The alpha of lossy WebP, packed apart from its colours.

libwebp's highest method searches alpha for 5 to 20 seconds a megapixel, in every encode, to save 3 % of it; this
takes a tenth of a second. The chunk's form is RFC 9649's, section 2.7.1.2: a head byte, and a lossless stream without
its own head whose green is the alpha.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.limits import Limits
from pixlean.imaging.riff import chunk, chunks, riff

# Bits of the head byte: packed without loss; each pixel less what its neighbours let expect.
_PACKED, _GRADIENT = 0x01, 0x0C
_STREAM_HEAD_BYTES = 5


def with_alpha(encoded: bytes, alpha: NDArray[np.uint8]) -> bytes:
    """A lossy WebP with this alpha (rows, columns) in place of the one it has; without any where it has none."""
    parts = list(chunks(encoded, Limits()))
    if all(kind != b"ALPH" for kind, _ in parts):
        return encoded
    return riff([chunk(kind, packed(alpha) if kind == b"ALPH" else body) for kind, body in parts])


def packed(alpha: NDArray[np.uint8]) -> bytes:
    """The body of an ALPH chunk, as it is or by the gradient of its neighbours, whichever is smaller."""
    plain = bytes([_PACKED]) + _stream(alpha)
    gradient = bytes([_PACKED | _GRADIENT]) + _stream(_less_gradient(alpha))
    return min(plain, gradient, key=len)


def _stream(values: NDArray[np.uint8]) -> bytes:
    shown = np.zeros((*values.shape, 3), np.uint8)
    shown[..., 1] = values
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "WEBP", lossless=True, quality=75, method=4, exact=True)
    (stream,) = (body for kind, body in chunks(out.getvalue(), Limits()) if kind == b"VP8L")
    return stream[_STREAM_HEAD_BYTES:]


def _less_gradient(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each value less the clipped left + above - above left; of the first row and column less the one before."""
    wide = alpha.astype(np.int16)
    expected = np.zeros_like(wide)
    expected[0, 1:] = wide[0, :-1]
    expected[1:, 0] = wide[:-1, 0]
    expected[1:, 1:] = np.clip(wide[1:, :-1] + wide[:-1, 1:] - wide[:-1, :-1], 0, 255)
    return (wide - expected).astype(np.uint8)
