"""What may be spent on one picture."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from pixlean.domain.errors import EngineFailed, ErrorCode, LimitExceeded


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds decided from the header, before anything is decoded.

    The defaults are the bounds that hostile files showed to be needed; each is named in the error that it
    causes. ``max_total_pixels`` counts the pixels that the frames or pages of a file bring, ``max_canvas_pixels``
    those that showing all of them on their canvas takes.
    ``max_output_pixels`` is what a resize may make of all frames together, where that is more than the source has.
    """

    max_pixels: int = 100_000_000
    max_side_px: int = 1 << 31
    max_total_pixels: int = 100_000_000
    max_canvas_pixels: int = 1_000_000_000
    max_raw_bytes: int = 1 << 30
    max_output_pixels: int = 40_000_000
    max_frames: int = 1500
    max_pages: int = 100
    max_jpeg_scans: int = 200
    max_text_bytes: int = 8 << 20
    max_icc_bytes: int = 4 << 20
    max_chunks: int = 10_000
    max_box_items: int = 4096  # a grid of 512-pixel tiles has one for each: the limit of pixels is met first
    max_box_depth: int = 16
    max_svg_bytes: int = 10 << 20
    max_svgz_bytes: int = 32 << 20
    max_svg_depth: int = 256
    max_svg_elements: int = 200_000

    @classmethod
    def of_pixels(cls, pixels: int) -> Limits:
        """The usual bounds, with ``pixels`` for a picture and for all its frames together."""
        return cls(max_pixels=pixels, max_total_pixels=pixels, max_canvas_pixels=10 * pixels)

    def with_pixels_of(self, other: Limits) -> Limits:
        """These bounds, with the fewer pixels of both."""
        names = ("max_pixels", "max_total_pixels", "max_canvas_pixels")
        return replace(self, **{name: min(getattr(self, name), getattr(other, name)) for name in names})

    def check(self, name: str, value: int) -> None:
        """Raise ``LimitExceeded`` where ``value`` is over the limit called ``name``."""
        limit = getattr(self, name)
        if value > limit:
            raise LimitExceeded(
                f"the image is too large: {name} is {limit}, this image has {value}",
                facts={"limit": limit, "limit_name": name, "value": value},
            )

    def check_picture(self, width_px: int, height_px: int, *, frames: int = 1, bytes_per_pixel: int = 4) -> None:
        """Check the size of a canvas, of all frames together and of their raw bytes."""
        pixels = width_px * height_px
        self.check("max_side_px", max(width_px, height_px))
        self.check("max_pixels", pixels * frames if frames <= 1 else pixels)
        if frames > 1:
            self.check("max_canvas_pixels", pixels * frames)
        self.check("max_raw_bytes", pixels * bytes_per_pixel)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock; a value that is handed down and asked before each dear step."""

    at: float = field(default=float("inf"))

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_seconds(self) -> float:
        """Seconds that remain; negative when it has passed."""
        return self.at - time.monotonic()

    def check(self) -> None:
        """Raise ``EngineFailed`` (timeout) once it has passed."""
        if self.left_seconds <= 0:
            raise EngineFailed("the picture took too long", code=ErrorCode.TIMEOUT)
