"""BMP pixels that are told by bit masks, of any order and width: Pillow knows a dozen of them."""

from __future__ import annotations

import struct

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.imaging.pixels import Array

_BITFIELDS, _ALPHABITFIELDS = 3, 6
_INFO_HEADER, _ALPHA_HEADER = 40, 56  # the least with a coding, and with a mask of alpha
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_MASKS_AT = 54  # in the headers that have them, and behind the one that has not (BITMAPINFOHEADER)


def has_fields(data: bytes) -> bool:
    """Whether the pixels are 16 or 32 bits whose meaning masks tell, or whose fourth byte a header calls alpha."""
    header, bits = int.from_bytes(data[14:18], "little"), int.from_bytes(data[28:30], "little")
    compression = int.from_bytes(data[30:34], "little")
    if header < _INFO_HEADER or bits not in (16, 32):
        return False
    return compression in (_BITFIELDS, _ALPHABITFIELDS) or (compression == 0 and bits == 32 and _names_alpha(data))


def _names_alpha(data: bytes) -> bool:
    header = int.from_bytes(data[14:18], "little")
    return header >= _ALPHA_HEADER and data[_MASKS_AT + 12 : _MASKS_AT + 16] not in (b"", bytes(4))


def field_masks(data: bytes) -> tuple[int, int, int, int]:
    """The masks of red, green, blue and alpha; 0 where there is none. Raises ``BadImage``."""
    if len(data) < _MASKS_AT + 16:
        raise BadImage("the BMP ends inside its masks")
    compression = int.from_bytes(data[30:34], "little")
    if compression == 0:
        return _USUAL_MASKS  # alpha is the fourth byte to browsers, whatever its mask says
    red, green, blue, alpha = struct.unpack_from("<4I", data, _MASKS_AT)
    return red, green, blue, alpha if _names_alpha(data) or compression == _ALPHABITFIELDS else 0


def field_pixels(data: bytes) -> Array:
    """The picture as RGB or, with an alpha mask, RGBA (rows, columns, channels), uint8. Raises ``BadImage``."""
    start = int.from_bytes(data[10:14], "little")
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    rows, stride = abs(height), (width * bits + 31) // 32 * 4
    body = data[start : start + rows * stride]
    if len(body) < rows * stride:
        raise BadImage("the BMP holds too little data for its size")
    kind = np.dtype("<u2" if bits == 16 else "<u4")
    words = np.frombuffer(body, np.uint8).reshape(rows, stride)[:, : width * kind.itemsize]
    values = np.ascontiguousarray(words).view(kind).astype(np.uint32)
    if height > 0:
        values = values[::-1]
    masks = field_masks(data)
    channels = [_channel(values, mask) for mask in (masks if masks[3] else masks[:3])]
    return np.stack(channels, axis=-1)


def _channel(values: Array, mask: int) -> Array:
    """What a mask covers, spread over 0 to 255."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    if most & (most + 1):
        raise BadImage("the BMP has a mask with gaps")
    part = ((values & np.uint32(mask)) >> np.uint32(shift)).astype(np.float64)
    return np.rint(part * (255.0 / most)).astype(np.uint8)
