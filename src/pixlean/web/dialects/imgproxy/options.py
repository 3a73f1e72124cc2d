"""The options of a URL: each name with what it says, and those that are not done here by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pixlean.domain.errors import InvalidRequest, NotThere
from pixlean.web.dialects.imgproxy import bounds, shape, values, writing
from pixlean.web.dialects.imgproxy.values import Arguments
from pixlean.web.dialects.imgproxy.wanted import Wanted


def read(options: Sequence[tuple[str, tuple[str, ...]]]) -> Wanted:
    """What they say together; of two that say the same the later counts.

    Raises ``NotThere`` for what is no option or argument, ``InvalidRequest`` for what is not done here.
    """
    wanted = Wanted()
    for name, arguments in options:
        if name in _NOT_DONE:
            if _asks(arguments):
                raise InvalidRequest(f"'{name}' is not done here")
        elif name in bounds.READERS:
            wanted = replace(wanted, bounds=bounds.READERS[name](wanted.bounds, arguments))
        elif name not in _READERS:
            raise NotThere(f"unknown option: {name[:40]}")
        else:
            wanted = _READERS[name](wanted, arguments)
    return wanted


def _asks(arguments: Arguments) -> bool:
    """Whether an option is switched on at all."""
    return any(text not in values.OFF for text in arguments)


_READERS: Mapping[str, shape.Reader] = {**shape.READERS, **writing.READERS}
# Options of imgproxy that ask for what is not done here: watermarks, video, and what only its paid version does.
_NOT_DONE = frozenset({
    "watermark", "wm", "watermark_url", "wmu", "watermark_text", "wmt", "watermark_size", "wms", "watermark_shadow",
    "wmsh", "watermark_rotate", "wm_rot", "wmr", "style", "st", "video_thumbnail_second", "vts",
    "video_thumbnail_tile", "vtt", "video_thumbnail_animation", "vta", "page", "pg", "pages",
    "pgs", "disable_animation", "da", "adjust", "a", "brightness", "br", "contrast", "co",
    "saturation", "sa", "monochrome", "mc", "duotone", "dt", "unsharp_masking", "ush", "blur_detections", "bd",
    "draw_detections", "dd", "gradient", "gr", "colorize", "col", "dpi", "enforce_thumbnail", "eth",
    "fallback_image_url", "fiu", "max_animation_frames", "maf",
    "max_animation_frame_resolution", "mafr", "max_result_dimension", "mrd",
    "jpeg_options", "jpgo", "png_options", "pngo", "webp_options", "webpo", "avif_options", "avifo", "background_alpha",
    "bga", "resizing_algorithm", "ra", "video_thumbnail_keyframes", "vtk", "hashsum", "hs", "flip", "fl",
    "crop_aspect_ratio",
    "crop_ar", "car", "objects_position", "op", "color_profile", "cp", "icc", "allow_security_options",
})  # fmt: skip
