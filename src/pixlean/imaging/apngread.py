"""The frames of an APNG as a player shows them, composed by hand: each is decoded as a PNG of its own.

Pillow's own animation forgets a transparent colour from the second frame on, and takes frames of 16 bits, of one bit
and those that go back to what was before otherwise than browsers do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits
from pixlean.imaging.pixels import Array, as_rgb_array, load_pixels, open_with_pillow, to_rgba8
from pixlean.imaging.pngfile import SIGNATURE, chunk, chunks_of

_CLEAR, _BACK, _OVER = 1, 2, 1
_SHARED = {b"PLTE", b"tRNS"}


@dataclass(frozen=True)
class Control:
    """An ``fcTL``: a frame's place in pixels, how long it stands, what becomes of it and whether it is laid over."""

    width: int
    height: int
    left: int
    top: int
    delay: tuple[int, int]
    dispose: int
    blend: int

    @property
    def duration_ms(self) -> int:
        """How long it stands; APNG counts in hundredths where it names no unit."""
        return round(1000 * self.delay[0] / (self.delay[1] or 100))

    def clears(self, columns: int, rows: int, *, first: bool) -> bool:
        """Whether one sees through the canvas at or after this frame, whatever its pixels are."""
        is_partial = first and (self.left, self.top, self.width, self.height) != (0, 0, columns, rows)
        return is_partial or self.dispose == _CLEAR or (first and self.dispose == _BACK)


def read_control(body: bytes) -> Control:
    """The body of an ``fcTL``, 26 bytes."""
    width, height, left, top, delay, per, dispose, blend = struct.unpack_from(">IIIIHHBB", body, 4)
    return Control(width, height, left, top, (delay, per), dispose, blend)


def controls_of(data: bytes) -> list[Control] | None:
    """Those of all frames; ``None`` where a still that is no frame stands first."""
    controls: list[Control] = []
    for kind, body in chunks_of(data, Limits()):
        if kind == b"fcTL" and len(body) == 26:
            controls.append(read_control(body))
        elif kind == b"IDAT" and not controls:
            return None
    return controls


def composed(data: bytes, *, has_alpha: bool) -> Iterator[Array]:
    """The frames (rows, columns, 4 or, without alpha, 3), uint8. Raises ``BadImage``."""
    canvas: Array | None = None
    for number, (control, picture) in enumerate(_stills(data)):
        if canvas is None:
            columns, rows = struct.unpack_from(">II", data, 16)
            canvas = np.zeros((rows, columns, 4), np.uint8)
        place = np.s_[control.top : control.top + control.height, control.left : control.left + control.width]
        before = canvas
        canvas = canvas.copy()
        drawn = _decoded(picture)
        canvas[place] = _over(canvas[place], drawn) if control.blend == _OVER else drawn
        yield canvas if has_alpha else np.ascontiguousarray(canvas[..., :3])
        if control.dispose == _BACK and number:
            canvas = before
        elif control.dispose in (_CLEAR, _BACK):
            canvas = canvas.copy()
            canvas[place] = 0


def _over(below: Array, above: Array) -> Array:
    return np.asarray(Image.alpha_composite(Image.fromarray(np.ascontiguousarray(below)), Image.fromarray(above)))


def _decoded(picture: bytes) -> Array:
    try:
        return np.ascontiguousarray(to_rgba8(as_rgb_array(load_pixels(open_with_pillow(picture, "PNG")))))
    except BadImage as error:
        raise BadImage("the APNG has a frame that does not decode") from error


def _stills(data: bytes) -> Iterator[tuple[Control, bytes]]:
    """Each frame as a PNG of its own."""
    head = b""
    shared: list[bytes] = []
    control: Control | None = None
    body: list[bytes] = []
    number = 0
    for kind, content in chunks_of(data, Limits()):
        if kind in (b"fcTL", b"fdAT"):
            if int.from_bytes(content[:4], "big") != number:
                raise BadImage("the APNG's frames are not in order")
            number += 1
        if kind == b"IHDR":
            head = content
        elif kind in _SHARED:
            shared.append(chunk(kind, content))
        elif kind == b"fcTL" and len(content) == 26:
            if control is not None:
                yield control, _still(head, shared, control, body)
            control, body = read_control(content), []
        elif kind == b"IDAT" and control is not None:
            body.append(content)
        elif kind == b"fdAT" and control is not None:
            body.append(content[4:])
    if control is not None:
        yield control, _still(head, shared, control, body)


def _still(head: bytes, shared: list[bytes], control: Control, body: list[bytes]) -> bytes:
    size = struct.pack(">II", control.width, control.height)
    return b"".join([
        SIGNATURE, chunk(b"IHDR", size + head[8:]), *shared, chunk(b"IDAT", b"".join(body)), chunk(b"IEND", b""),
    ])  # fmt: skip
