"""What a header says about a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixlean.domain.formats import Format


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """The facts of a picture's header, read without decoding a pixel.

    ``width_px`` and ``height_px`` are as stored; ``orientation`` is the EXIF number (1-8) that a viewer
    applies. ``metadata`` names the private kinds present (``exif``, ``gps``, ``xmp``, ``iptc``, ``comment``,
    ``text``, ``thumbnail``). ``loop_count`` is the number in the file, ``None`` where it does not say; ``plays``
    how often an animation is shown, 0 for ever, ``None`` for a still (formats count plays, or repetitions).
    ``cicp`` are the code points of primaries and transfer curve (ITU-T H.273) where the file has them.
    ``untouchable`` names structures that no encoder here can carry: such a picture is never re-encoded. ``quality`` is
    what a lossy file was encoded at, on its format's own scale, where it tells; ``density_dpi`` its dots per inch.
    What ``must_rewrite`` is never returned as it came: a reader might see more in it than was noticed.
    """

    format: Format
    width_px: int
    height_px: int
    mode: str
    bit_depth: int = 8
    frames: int = 1
    pages: int = 1
    durations_ms: tuple[int, ...] = ()
    loop_count: int | None = None
    plays: int | None = None
    orientation: int = 1
    has_alpha: bool = False
    icc: bytes | None = field(default=None, repr=False)
    metadata: frozenset[str] = frozenset()
    lossless: bool | None = None
    quality: int | None = None
    chroma_subsampling: str | None = None
    progressive: bool = False
    untouchable: frozenset[str] = frozenset()
    cicp: tuple[int, int] | None = None
    density_dpi: tuple[float, float] | None = None
    dangerous: bool = False
    must_rewrite: bool = False

    @property
    def displayed_px(self) -> tuple[int, int]:
        """Width and height as a viewer shows the picture, orientation applied."""
        if self.orientation >= 5:
            return self.height_px, self.width_px
        return self.width_px, self.height_px

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.width_px * self.height_px
