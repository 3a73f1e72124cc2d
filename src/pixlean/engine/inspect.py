"""What a picture is: its header in words, its main colour, and two placeholders for it."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image, ImageCms

from pixlean.domain.edits import Edits, Resize
from pixlean.domain.facts import Facts
from pixlean.domain.formats import FORMATS, Audience, Format
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress_source
from pixlean.engine.probe import open_source
from pixlean.engine.registry import writes_of
from pixlean.imaging.blurhash import blurhash
from pixlean.imaging.contract import Source
from pixlean.imaging.pixels import Array
from pixlean.imaging.thumbhash import thumbhash

# The smallest of what most viewers show.
_TINY = next(name for name, row in FORMATS.items() if row.audience is Audience.MOST)
# ThumbHash asks for at most 100 pixels a side; a placeholder of 16 is some hundred bytes.
_HASHED_PX, _PLACEHOLDER_PX, _PLACEHOLDER_QUALITY = 100, 16, 40
# Colours are counted in cubes of this many levels.
_CUBE, _MOST_COLOURS = 32, 6


def inspect(data: bytes, limits: Limits | None = None) -> Facts:
    """What the picture in ``data`` is. Raises ``BadImage`` and ``LimitExceeded``."""
    return inspect_source(open_source(data, limits), Deadline())


def inspect_source(source: Source, deadline: Deadline) -> Facts:
    """The same for a picture whose header is read."""
    info = source.info
    width_px, height_px = info.displayed_px
    small = _small(source, _exact_format(), _HASHED_PX, deadline)
    with Image.open(io.BytesIO(small)) as image:
        pixels = np.asarray(image.convert("RGBA"))
    colours = _colours(pixels)
    tiny = _small(source, _TINY, _PLACEHOLDER_PX, deadline)
    return Facts(
        format=info.format,
        size_bytes=len(source.data),
        width_px=width_px,
        height_px=height_px,
        mode=info.mode,
        bit_depth=info.bit_depth,
        has_alpha=info.has_alpha,
        orientation=info.orientation,
        frames=info.frames,
        pages=info.pages,
        duration_ms=sum(info.durations_ms),
        loop_count=info.loop_count,
        profile=_profile_name(info.icc),
        metadata=tuple(sorted(info.metadata)),
        lossless=info.lossless,
        quality=info.quality,
        chroma_subsampling=info.chroma_subsampling,
        progressive=info.progressive,
        dominant_colour=colours[0],
        palette=colours,
        blurhash=blurhash(pixels),
        thumbhash=base64.b64encode(thumbhash(pixels)).decode(),
        lqip=f"data:{FORMATS[_TINY].media_type};base64,{base64.b64encode(tiny).decode()}",
    )


def _small(source: Source, target: Format, side_px: int, deadline: Deadline) -> bytes:
    """The first look at a picture: upright, sRGB, small."""
    edits = Edits(resize=Resize(width_px=side_px, height_px=side_px))
    recipe = Recipe(
        outputs=(target,), edits=edits, quality=_PLACEHOLDER_QUALITY if target is _TINY else 100, preview=True
    )
    data = compress_source(source, recipe, deadline).data
    if source.info.frames == 1:
        return data
    with Image.open(io.BytesIO(data)) as image:
        image.seek(0)
        out = io.BytesIO()
        image.convert("RGBA").save(out, str(target).upper(), quality=_PLACEHOLDER_QUALITY)
        return out.getvalue()


def _exact_format() -> Format:
    """What every viewer shows, and what keeps every pixel."""
    return next(
        name for name, row in FORMATS.items()
        if row.audience is Audience.ALL and writes_of(name).abilities.lossless
    )  # fmt: skip


def _colours(pixels: Array) -> tuple[str, ...]:
    """The means of the largest groups of like colours, of the pixels that can be seen; the largest first."""
    seen = pixels[pixels[..., 3] > 127][:, :3].astype(np.int64)
    if not len(seen):
        return ("#000000",)
    cubes = seen // _CUBE
    number = cubes @ np.array([1 << 16, 1 << 8, 1])
    names, counts = np.unique(number, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:_MOST_COLOURS]
    means = (seen[number == name].mean(axis=0).round().astype(int) for name in largest)
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in means)


def _profile_name(icc: bytes | None) -> str:
    if not icc:
        return ""
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unreadable"
    return "".join(sign for sign in name.strip() if sign.isprintable())[:100] or "unnamed"
