"""Decoded pictures as arrays, and the questions that are asked of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.errors import BadImage

Image.MAX_IMAGE_PIXELS = None  # our own limits are checked from the header, before Pillow sees the file

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Decoded frames: arrays of (rows, columns) or (rows, columns, channels), uint8, uint16 or float.

    Channels are grey, grey+alpha, RGB, RGBA or CMYK. ``plays`` is how often an
    animation is shown, 0 for ever. ``icc`` where only decoding tells it.
    """

    frames: tuple[Array, ...]
    durations_ms: tuple[int, ...] = ()
    plays: int | None = None
    icc: bytes | None = None

    @property
    def first(self) -> Array:
        """The first frame."""
        return self.frames[0]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the first frame."""
        return int(self.first.shape[1]), int(self.first.shape[0])


def open_with_pillow(data: bytes, pillow_format: str) -> Image.Image:
    """Open bytes with one named Pillow plug-in and no other.

    Raises ``BadImage`` where the plug-in refuses; every way it has of doing so is caught here.
    """
    try:
        return Image.open(io.BytesIO(data), formats=[pillow_format])
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(f"the {pillow_format} data does not decode") from error


def load_pixels(image: Image.Image) -> Image.Image:
    """Decode all pixels of an opened Pillow image, or raise ``BadImage``."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(f"the {image.format or 'image'} data does not decode") from error
    return image


def has_alpha(image: Image.Image) -> bool:
    """Whether a Pillow image carries transparency in any of its ways."""
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def as_rgb_array(image: Image.Image) -> Array:
    """A Pillow image as L, RGB or RGBA uint8 (palette and transparency resolved), or I;16 as uint16."""
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return np.asarray(image) if "transparency" not in image.info else np.asarray(image.convert("RGBA"))
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "LA":
        return np.asarray(image.convert("RGBA"))
    if image.mode in ("I", "F"):
        return np.asarray(image)
    return np.asarray(image.convert("RGBA" if has_alpha(image) else "RGB"))


def spread_grey(frame: Array) -> Array:
    """Grey with alpha as RGBA, of the same depth: many readers know no other alpha. Anything else as it is."""
    return frame[..., (0, 0, 0, 1)] if frame.ndim == 3 and frame.shape[2] == 2 else frame


def distinct(numbers: Array) -> int:
    """How many different ones there are.

    By sorting them: NumPy's ``unique`` takes twenty times as long for a picture's words, and a hundred for its rows.
    """
    if not numbers.size:
        return 0
    ordered = np.sort(numbers, axis=None)
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def words_of(frame: Array) -> NDArray[np.uint64]:
    """One number a pixel, the same for the same colour: up to four channels of 8 or 16 bits, others as shown."""
    if frame.dtype not in (np.uint8, np.uint16, np.bool_):
        frame = to_rgba8(frame)
    planes = frame if frame.ndim == 3 else frame[..., np.newaxis]
    words = planes[..., 0].astype(np.uint64)
    for channel in range(1, planes.shape[2]):
        words = words << np.uint64(16) | planes[..., channel]
    return words


def to_rgba8(frame: Array) -> NDArray[np.uint8]:
    """Any frame as 8-bit RGBA, for looking at: 16 bit is scaled down, grey is spread."""
    array = frame
    if array.dtype == np.uint16:
        array = np.right_shift(array.astype(np.uint16), 8).astype(np.uint8)
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype != np.uint8:
        least, most = float(np.nanmin(array)), float(np.nanmax(array))
        array = np.nan_to_num((array.astype(np.float64) - least) * (255.0 / ((most - least) or 1.0))).astype(np.uint8)
    if array.ndim == 2:
        array = np.stack([array] * 3, axis=-1)
    channels = array.shape[2]
    if channels == 1:
        array = np.concatenate([array] * 3, axis=-1)
    elif channels == 2:
        array = np.concatenate([array[..., :1]] * 3 + [array[..., 1:]], axis=-1)
    if array.shape[2] == 3:
        opaque = np.full((*array.shape[:2], 1), 255, np.uint8)
        array = np.concatenate([array, opaque], axis=-1)
    return np.ascontiguousarray(array[..., :4], dtype=np.uint8)


def same_pixels(a: Array, b: Array) -> bool:
    """Whether two frames look exactly the same: equal, or equal wherever they are not fully transparent."""
    if a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b):
        return True
    if a.shape[:2] != b.shape[:2] or (a.dtype != b.dtype and np.uint16 in (a.dtype, b.dtype)):
        return False
    left, right = to_rgba8(a), to_rgba8(b)
    visible = left[..., 3:] != 0
    return bool(np.array_equal(left[..., 3], right[..., 3]) and np.array_equal(left * visible, right * visible))


def flatness(frame: Array) -> float:
    """The share of pixels that equal their left neighbour: photographs lie below 0.2, drawings above 0.5."""
    shown = frame if frame.ndim == 3 else frame[..., np.newaxis]
    return float((shown[:, 1:] == shown[:, :-1]).all(axis=-1).mean()) if shown.shape[1] > 1 else 1.0


def is_opaque(frame: Array) -> bool:
    """Whether a frame has no alpha channel or one that is fully opaque."""
    if frame.ndim == 2 or frame.shape[2] in (1, 3):
        return True
    full = 65535 if frame.dtype == np.uint16 else 255
    return bool((frame[..., -1] == full).all())
