"""The options of a URL: each name with what it says, and those that are not done here by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixlean.web.dialects.imgproxy import bounds, shape, values, writing
from pixlean.web.dialects.imgproxy.grammar import Option
from pixlean.web.dialects.imgproxy.reading import Refused, folded
from pixlean.web.dialects.imgproxy.wanted import Wanted


def read(options: Sequence[Option]) -> Wanted:
    """What they say together. Raises what ``folded`` raises."""
    return folded(options, Wanted(), _READERS, _NOT_DONE)


_READERS: Mapping[str, shape.Reader] = {**shape.READERS, **writing.READERS, **bounds.readers(Wanted)}
# Options of imgproxy that ask for what is not done here: watermarks, video, and what only its paid version does.
_NOT_DONE = Refused(idle=values.OFF, words="is not done here", names={
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
