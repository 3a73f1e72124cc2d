"""From a file to upright sRGB frames, edited: what conversions encode. libvips does the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from pixlean.domain.edits import Edits
from pixlean.domain.errors import BadImage, InvalidRequest, LimitExceeded
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.imaging.colour import is_press_profile, is_srgb, shown_without_profile
from pixlean.imaging.contract import Codec
from pixlean.imaging.hdr import is_plain, to_srgb
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.sizes import measured, sides_of, size_before_resize, whole_sides
from pixlean.imaging.steps import MOST_SIDE_PX, flat, scaled, through_steps, trimmed
from pixlean.imaging.vips import vips

_MOST_DRAWN_PX = 4096
# What a resize must still do after a decode at a fraction of the size, so that the filter is the resize's.
_LEFT_TO_RESIZE = 1.75


def edited(
    codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, quick: bool = False, all_pages: bool = False
) -> Picture:
    """The picture's frames (rows, columns[, channels]) in sRGB, upright and edited; uint8, or uint16 where it is deep.

    ``quick`` may resize less well; of pages the first is the picture, or with ``all_pages`` every one. Raises
    ``BadImage``, and ``InvalidRequest`` for a crop outside the picture.
    """
    check(info, edits)
    check_output(info, edits)
    frames = [
        _numbers(_stepped(_srgb(_upright(image, orientation), info, icc), _info_of(image, info), edits, quick=quick))
        for image, orientation, icc in _images(codec, data, info, edits, quick=quick, all_pages=all_pages)
    ]
    if not frames:
        raise BadImage("the file has no picture that decodes")
    durations = info.durations_ms if len(frames) > 1 else ()
    return Picture(frames=tuple(without_idle_alpha(frames)), durations_ms=durations, plays=info.plays)


def _stepped(image: Any, info: ImageInfo, edits: Edits, *, quick: bool) -> Any:
    """An upright sRGB image, edited; where ground is trimmed off, the rest of the edits see what is left."""
    if edits.trim is not None:
        image = trimmed(image, edits.trim)
        info = replace(info, width_px=image.width, height_px=image.height, orientation=1)
        edits = measured(replace(edits, trim=None), info)
        check_output(info, edits)
    return through_steps(image, info, edits, quick=quick)


def _info_of(page: Any, info: ImageInfo) -> ImageInfo:
    """Pages, unlike frames, have sizes of their own."""
    return info if info.pages == 1 else replace(info, width_px=page.width, height_px=page.height)


def _images(
    codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, quick: bool, all_pages: bool
) -> Iterator[tuple[Any, int, bytes | None]]:
    """The frames that will be edited, each with the orientation and the profile that it still needs."""
    for frame, orientation, icc in _frames(codec, data, info, edits, quick=quick, all_pages=all_pages):
        if isinstance(frame, np.ndarray):
            yield _image(_comparable(frame, info)), orientation, icc if info.cicp is None else None
        else:
            yield frame, orientation, icc


def _frames(
    codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, quick: bool, all_pages: bool
) -> Iterator[tuple[Any, int, bytes | None]]:
    shrunk = _shrunk_on_load(codec, data, info, edits, 1.0 if quick else _LEFT_TO_RESIZE)
    if shrunk is not None:
        yield shrunk, info.orientation, info.icc
    elif codec.draw is not None:
        yield codec.draw(data, *_drawn_at(info, edits)), 1, None
    elif codec.upright:
        picture = codec.decode(data)
        for frame in picture.frames[: max(1, info.frames)]:
            yield frame, 1, picture.icc or info.icc
    else:
        for frame in islice(codec.frames(data), 1 if info.pages > 1 and not all_pages else None):
            yield frame, info.orientation, info.icc


def _comparable(frame: Array, info: ImageInfo) -> Array:
    """A decoded frame as uint8 or full-range uint16, interleaved, on the canvas, in sRGB's curve and primaries."""
    if frame.dtype == np.bool_:
        frame = frame.astype(np.uint8) * np.uint8(255)
    elif frame.dtype not in (np.uint8, np.uint16):
        frame = _stretched(frame)
    if info.cicp is not None and frame.ndim == 3 and frame.shape[2] >= 3 and not is_plain(*info.cicp):
        frame = to_srgb(frame, *info.cicp)
    return frame


def _stretched(frame: Array) -> Array:
    """Samples of any other kind as 16 bit: unsigned ones by their range, others from their least to their greatest."""
    values = np.nan_to_num(frame.astype(np.float64), posinf=0.0, neginf=0.0)
    least, greatest = float(values.min()), float(values.max())
    if frame.dtype.kind == "u":
        least, greatest = 0.0, float(np.iinfo(frame.dtype).max)
    if np.issubdtype(frame.dtype, np.floating) and least >= 0 and greatest <= 1:
        least, greatest = 0.0, 1.0
    return np.rint((values - least) * (65_535 / ((greatest - least) or 1))).astype(np.uint16)


def _drawn_at(info: ImageInfo, edits: Edits) -> tuple[int, int]:
    """The size at which a drawing is rendered: its own, or as large as the resize wants it; 4096 pixels at most."""
    width, height = info.displayed_px
    if edits.resize is not None and edits.crop is None and edits.trim is None and not edits.rotate_degrees:
        wanted = whole_sides(edits.resize, width, height)
        factor = max(wanted[0] / width, wanted[1] / height)
        width, height = max(1, round(width * factor)), max(1, round(height * factor))
    shrink = min(1.0, _MOST_DRAWN_PX / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def check(info: ImageInfo, edits: Edits) -> None:
    """Refuse what can't be done, from the header alone. Raises ``InvalidRequest``."""
    width, height = info.displayed_px
    crop = edits.crop
    if crop is not None and (
        min(crop.left_px, crop.top_px) < 0
        or min(crop.width_px, crop.height_px) < 1
        or crop.left_px + crop.width_px > width
        or crop.top_px + crop.height_px > height
    ):
        raise InvalidRequest(f"the crop lies outside the picture, which is {width} x {height}")
    if edits.resize is not None and max(edits.resize.width_px or 0, edits.resize.height_px or 0) > MOST_SIDE_PX:
        raise InvalidRequest(f"no side may be longer than {MOST_SIDE_PX} pixels")


def check_output(info: ImageInfo, edits: Edits, limits: Limits | None = None) -> None:
    """Refuse a resize that makes more pixels than the source has and than are allowed. Raises ``LimitExceeded``.

    Few bytes may ask for them, and each costs as much as one that was sent.
    """
    resize = edits.resize
    if (resize is None and edits.frame is None) or edits.trim is not None:
        return  # what ground is trimmed off, only the pixels tell
    width, height = size_before_resize(info, edits) or (2 * max(info.displayed_px),) * 2
    sides = sides_of(resize, width, height) if resize is not None else (width, height)
    made = sides if resize is None else whole_sides(resize, width, height)
    framed = sides if edits.frame is None else edits.frame.place(*sides)[2:]
    frames = 1 if info.pages > 1 else max(1, info.frames)
    pixels = max(made[0] * made[1], framed[0] * framed[1]) * frames
    most = (limits or Limits()).max_output_pixels
    if pixels > max(most, width * height * frames):
        raise LimitExceeded(
            f"the resized image is too large: max_output_pixels is {most}, this one would have {pixels}",
            facts={"limit": most, "limit_name": "max_output_pixels", "value": pixels},
        )


def _shrunk_on_load(codec: Codec, data: bytes, info: ImageInfo, edits: Edits, left: float) -> Any | None:
    """A still decoded at a fraction of its size, where its codec can; the resize has a factor of ``left`` to go."""
    resize = edits.resize
    if codec.shrunk is None or resize is None or edits.crop is not None or edits.trim is not None:
        return None
    if info.frames > 1 or edits.rotate_degrees % 90 or info.bit_depth > 8:
        return None
    width, height = info.displayed_px
    if edits.rotate_degrees % 180:
        width, height = height, width
    wanted = whole_sides(resize, width, height)
    try:
        return codec.shrunk(data, min(width / wanted[0], height / wanted[1]), left)
    except vips().Error as error:
        raise BadImage("the picture data does not decode") from error


def _image(frame: Array) -> Any:
    """An array as a libvips image with the right interpretation."""
    bands = 1 if frame.ndim == 2 else frame.shape[2]
    deep = frame.dtype == np.uint16
    kind = ("grey16" if deep else "b-w") if bands <= 2 else ("rgb16" if deep else "srgb")
    return vips().Image.new_from_array(np.ascontiguousarray(frame), interpretation=kind)


def _upright(image: Any, orientation: int) -> Any:
    if orientation == 1:
        return image
    image = image.copy()
    image.set_type(vips().GValue.gint_type, "orientation", orientation)
    return image.autorot()


def _srgb(image: Any, info: ImageInfo, icc: bytes | None) -> Any:
    """The image in sRGB: by its profile, or by what its mode means without one."""
    pyvips = vips()
    if info.mode == "CMYK":
        image = image.copy(interpretation="cmyk")
    deep = image.format == "ushort"
    inks = info.mode == "CMYK"
    if icc and (is_press_profile(icc) if inks else not is_srgb(icc)):
        grey = image.interpretation in ("b-w", "grey16") and icc[16:20] == b"RGB "
        shown = (image.colourspace("rgb16" if deep else "srgb") if grey else image).copy()
        shown.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        try:
            shown = shown.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=not inks,
                                        depth=16 if deep else 8).copy_memory()  # fmt: skip
            return _grey_again(shown) if grey else shown
        except pyvips.Error:
            pass  # a profile of another kind of colour, or a broken one: the pixels count as they are
    if image.interpretation in ("b-w", "grey16"):
        return image
    if image.interpretation == "cmyk":
        return shown_without_profile(image)
    shown_as = "rgb16" if deep else "srgb"
    return image if image.interpretation == shown_as else image.colourspace(shown_as)


def _grey_again(image: Any) -> Any:
    """One of three bands that are alike, and alpha."""
    kind = "grey16" if image.format == "ushort" else "b-w"
    first = image.extract_band(0)
    return (first.bandjoin(image.extract_band(3)) if image.bands == 4 else first).copy(interpretation=kind)


def resized(frame: Array, sides: tuple[int, int]) -> Array:
    """A frame at exactly these sides (width, height)."""
    width, height = sides
    return _numbers(scaled(_image(frame), width, height, quick=False))


def _numbers(image: Any) -> Array:
    pyvips = vips()
    try:
        kind = "ushort" if image.format == "ushort" else "uchar"
        made: Array = image.cast(kind).numpy()
    except pyvips.Error as error:
        raise BadImage("the picture data does not decode") from error
    # The library gives a single grey pixel no axes at all.
    made = made.reshape(image.height, image.width, image.bands)
    return made[..., 0] if image.bands == 1 else made


def without_idle_alpha(frames: list[Array]) -> list[Array]:
    """Frames that are alike: without an alpha channel that is opaque everywhere, grey only where all are grey."""
    full = 65535 if frames[0].dtype == np.uint16 else 255
    idle = all(
        frame.ndim == 3 and frame.shape[2] in (2, 4) and bool((frame[..., -1] == full).all()) for frame in frames
    )
    if idle:
        frames = [frame[..., :-1] if frame.shape[2] == 4 else frame[..., 0] for frame in frames]
    return frames


def flattened(picture: Picture, background: tuple[int, int, int]) -> Picture:
    """The picture over a colour, without alpha; as it is where it has none."""
    return replace(picture, frames=tuple(_over(frame, background) for frame in picture.frames))


def _over(frame: Array, background: tuple[int, int, int]) -> Array:
    if frame.ndim == 2 or frame.shape[2] in (1, 3):
        return frame
    return _numbers(flat(_image(frame), background))


def as_8_bit(picture: Picture) -> Picture:
    """The picture with 8 bits a sample, rounded."""
    return replace(picture, frames=tuple(_rounded(frame) for frame in picture.frames))


def _rounded(frame: Array) -> Array:
    if frame.dtype != np.uint16:
        return frame
    return ((frame.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
