"""From a file to upright sRGB frames, edited: what conversions encode. libvips does the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import BadImage, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.imaging.colour import is_srgb
from pixlean.imaging.contract import Codec
from pixlean.imaging.cutout import with_room
from pixlean.imaging.hdr import is_plain, to_srgb
from pixlean.imaging.pixels import Array, Picture, to_rgba8
from pixlean.imaging.vips import vips

_MOST_SIDE_PX = 32_768
_MOST_DRAWN_PX = 4096
# What a resize must still do after a decode at a fraction of the size, so that the filter is the resize's.
_LEFT_TO_RESIZE = 1.75
_RIGHT_ANGLES = {0: "d0", 90: "d90", 180: "d180", 270: "d270"}
# A mild 3x3 sharpening: a sum of 24, so that flat areas stay.
_SHARPEN = [[-1, -1, -1], [-1, 32, -1], [-1, -1, -1]]


def edited(codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, upright: bool, quick: bool = False) -> Picture:
    """The picture's frames (rows, columns[, channels]) in sRGB, upright and edited; uint8, or uint16 where it is deep.

    ``upright`` where the codec's frames are turned already; ``quick`` may resize less well. Raises ``BadImage``, and
    ``InvalidRequest`` for a crop outside the picture.
    """
    check(info, edits)
    frames = [
        _numbers(_edit(_srgb(_upright(image, orientation), info, icc), edits, *info.displayed_px, quick=quick))
        for image, orientation, icc in _images(codec, data, info, edits, upright=upright, quick=quick)
    ]
    if not frames:
        raise BadImage("the file has no picture that decodes")
    durations = info.durations_ms if len(frames) > 1 else ()
    return Picture(
        frames=tuple(_without_idle_alpha(frames)), mode="RGB", durations_ms=durations, loop_count=info.loop_count
    )


def _images(
    codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, upright: bool, quick: bool
) -> Iterator[tuple[Any, int, bytes | None]]:
    """The frames that will be edited, each with the orientation and the profile that it still needs."""
    for frame, orientation, icc in _frames(codec, data, info, edits, upright=upright, quick=quick):
        if isinstance(frame, np.ndarray):
            yield _image(_comparable(frame, info)), orientation, icc if info.cicp is None else None
        else:
            yield frame, orientation, icc


def _frames(
    codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, upright: bool, quick: bool
) -> Iterator[tuple[Any, int, bytes | None]]:
    shrunk = _shrunk_on_load(data, info, edits, 1.0 if quick else _LEFT_TO_RESIZE)
    if shrunk is not None:
        yield shrunk, info.orientation, info.icc
    elif hasattr(codec, "rasterise"):
        yield codec.rasterise(data, *_drawn_at(info, edits)), 1, None
    elif upright:
        picture = codec.decode(data)
        for frame in picture.frames[: max(1, info.frames)]:
            yield frame, 1, picture.icc or info.icc
    else:
        # Of pages, unlike frames, the first one is the picture.
        for frame in islice(codec.frames(data), 1 if info.pages > 1 else None):
            yield frame, info.orientation, info.icc


def _comparable(frame: Array, info: ImageInfo) -> Array:
    """A decoded frame as uint8 or full-range uint16, interleaved, on the canvas, in sRGB's curve and primaries."""
    if frame.ndim == 3 and frame.shape[0] in (3, 4) and frame.shape[1:] == (info.height_px, info.width_px):
        frame = np.moveaxis(frame, 0, -1)  # planes one after the other
    if frame.dtype == np.bool_:
        frame = frame.astype(np.uint8) * np.uint8(255)
    elif frame.dtype == np.uint16 and info.format is Format.TIFF and info.bit_depth < 16:
        frame = (frame.astype(np.uint32) * 65_535 // ((1 << info.bit_depth) - 1)).astype(np.uint16)
    elif frame.dtype not in (np.uint8, np.uint16):
        frame = _stretched(frame)
    if info.format is Format.GIF and frame.shape[:2] != (info.height_px, info.width_px):
        frame = _on_canvas(frame, info)
    if info.cicp is not None and frame.ndim == 3 and frame.shape[2] >= 3 and not is_plain(*info.cicp):
        frame = to_srgb(frame, *info.cicp)
    return frame


def _stretched(frame: Array) -> Array:
    """Samples of any other kind (signed, 32 bit, floating) from their least to their greatest as 16 bit."""
    values = np.nan_to_num(frame.astype(np.float64), posinf=0.0, neginf=0.0)
    least, greatest = float(values.min()), float(values.max())
    if np.issubdtype(frame.dtype, np.floating) and least >= 0 and greatest <= 1:
        least, greatest = 0.0, 1.0
    return np.rint((values - least) * (65_535 / ((greatest - least) or 1))).astype(np.uint16)


def _on_canvas(frame: Array, info: ImageInfo) -> Array:
    """Early frames of some GIFs are smaller than the canvas that later ones need."""
    canvas = np.zeros((info.height_px, info.width_px, 4), frame.dtype)
    rows, columns = min(info.height_px, frame.shape[0]), min(info.width_px, frame.shape[1])
    canvas[:rows, :columns] = to_rgba8(frame)[:rows, :columns]
    return canvas


def _drawn_at(info: ImageInfo, edits: Edits) -> tuple[int, int]:
    """The size at which a drawing is rendered: its own, or as large as the resize wants it; 4096 pixels at most."""
    width, height = info.displayed_px
    if edits.resize is not None and edits.crop is None and not edits.rotate_degrees:
        wanted = _sides(edits.resize, width, height)
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
    if edits.resize is not None and max(edits.resize.width_px or 0, edits.resize.height_px or 0) > _MOST_SIDE_PX:
        raise InvalidRequest(f"no side may be longer than {_MOST_SIDE_PX} pixels")


def _shrunk_on_load(data: bytes, info: ImageInfo, edits: Edits, left: float) -> Any | None:
    """A JPEG or still WebP decoded at a fraction of its size; the resize has a factor of ``left`` at least to go."""
    resize = edits.resize
    if resize is None or edits.crop is not None or info.frames > 1 or edits.rotate_degrees % 90 or info.bit_depth > 8:
        return None
    width, height = info.displayed_px
    if edits.rotate_degrees % 180:
        width, height = height, width
    wanted = _sides(resize, width, height)
    factor = min(width / wanted[0], height / wanted[1])
    pyvips = vips()
    try:
        if info.format is Format.JPEG:
            step = next((step for step in (8, 4, 2) if factor >= left * step), 1)
            return None if step == 1 else pyvips.Image.jpegload_buffer(data, shrink=step, fail_on="truncated")
        if info.format is Format.WEBP and factor >= 1.5 * left:
            return pyvips.Image.webpload_buffer(data, scale=left / factor)
    except pyvips.Error as error:
        raise BadImage("the picture data does not decode") from error
    return None


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
    if icc and (info.mode == "CMYK" or not is_srgb(icc)):
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        try:
            return image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True,
                                       depth=16 if deep else 8).copy_memory()  # fmt: skip
        except pyvips.Error:
            pass  # a profile of another kind of colour, or a broken one: the pixels count as they are
    if image.interpretation in ("b-w", "grey16"):
        return image
    return image.colourspace("rgb16" if deep else "srgb")


def _edit(image: Any, edits: Edits, width: int, height: int, *, quick: bool = False) -> Any:
    """All edits in their order; ``width`` and ``height`` are the picture's before any shrinking."""
    crop = edits.crop
    if crop is not None:
        image = image.crop(crop.left_px, crop.top_px, crop.width_px, crop.height_px)
        width, height = crop.width_px, crop.height_px
    turn = edits.rotate_degrees % 360
    if turn in _RIGHT_ANGLES:
        image = image.rot(_RIGHT_ANGLES[int(turn)]) if turn else image
        width, height = (height, width) if turn % 180 else (width, height)
    else:
        image = _rotated(image, turn)
        width, height = image.width, image.height
    if edits.flip:
        image = image.flipver()
    if edits.flop:
        image = image.fliphor()
    if edits.resize is not None:
        image = _resized(image, edits.resize, width, height, quick=quick)
    return _grounded(_effects(image, edits), edits)


def _grounded(image: Any, edits: Edits) -> Any:
    if edits.ground is None or not image.hasalpha():
        return image
    if image.bands == 2:
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
    scale = 257 if image.format == "ushort" else 1
    return image.flatten(background=[scale * level for level in edits.ground])


def _rotated(image: Any, degrees: float) -> Any:
    pyvips = vips()
    if not image.hasalpha():
        image = image.addalpha()
    around = image.premultiply().rotate(degrees, interpolate=pyvips.Interpolate.new("bicubic"))
    return around.unpremultiply().cast(image.format)


def _sides(resize: Resize, width: int, height: int) -> tuple[int, int]:
    """The sides that a picture of ``width`` x ``height`` takes."""
    wanted_width, wanted_height = resize.width_px, resize.height_px
    if resize.fit in (Fit.EXACT, Fit.COVER, Fit.THUMB) and wanted_width and wanted_height:
        if resize.fit is Fit.EXACT or resize.enlarge:
            return wanted_width, wanted_height
        shrink = min(1.0, width / wanted_width, height / wanted_height)
        return max(1, round(shrink * wanted_width)), max(1, round(shrink * wanted_height))
    factors = [wanted / side for wanted, side in ((wanted_width, width), (wanted_height, height)) if wanted is not None]
    factor = min(factors, default=1.0)
    if resize.fit is Fit.INSIDE:
        factor = min(1.0, factor)
    made_width, made_height = max(1, round(width * factor)), max(1, round(height * factor))
    # The side that decided is met to the pixel.
    if wanted_width and factor == wanted_width / width:
        made_width = wanted_width
    if wanted_height and factor == wanted_height / height:
        made_height = wanted_height
    return made_width, made_height


def _resized(image: Any, resize: Resize, width: int, height: int, *, quick: bool) -> Any:
    """Lanczos in linear light (not where it must be ``quick``), alpha premultiplied."""
    wanted = _sides(resize, width, height)
    if wanted == (image.width, image.height) and resize.fit is not Fit.THUMB:
        return image
    if max(wanted) > _MOST_SIDE_PX:
        raise InvalidRequest(f"no side may be longer than {_MOST_SIDE_PX} pixels")
    if resize.fit is Fit.THUMB:
        image = with_room(image, wanted)
    if resize.fit in (Fit.COVER, Fit.THUMB) and resize.width_px and resize.height_px:
        return image.thumbnail_image(wanted[0], height=wanted[1], crop="attention", linear=not quick, no_rotate=True)
    return image.thumbnail_image(wanted[0], height=wanted[1], size="force", linear=not quick, no_rotate=True)


def size_before_resize(info: ImageInfo, edits: Edits) -> tuple[int, int] | None:
    """The sides of a picture once it is cropped and turned; ``None`` where it turns by another than a right angle."""
    width, height = info.displayed_px if edits.crop is None else (edits.crop.width_px, edits.crop.height_px)
    if edits.rotate_degrees % 90:
        return None
    return (height, width) if edits.rotate_degrees % 180 else (width, height)


def resized(frame: Array, sides: tuple[int, int]) -> Array:
    """A frame at exactly these sides (width, height)."""
    width, height = sides
    return _numbers(_image(frame).thumbnail_image(width, height=height, size="force", linear=True, no_rotate=True))


def _effects(image: Any, edits: Edits) -> Any:
    space, kind = image.interpretation, image.format
    middle = 32768 if kind == "ushort" else 128
    alpha = None
    coloured = any((edits.brightness != 1, edits.saturation != 1, edits.contrast != 1, edits.greyscale,
                    edits.blur_sigma > 0, edits.sharpen))  # fmt: skip
    if not coloured:
        return image
    if image.hasalpha():
        alpha, image = image[image.bands - 1], image.extract_band(0, n=image.bands - 1)
    if edits.brightness != 1 or edits.saturation != 1:
        # LCh, as sharp's modulate does: lightness and chroma are factors, the hue stays.
        image = (image.colourspace("lch") * [edits.brightness, edits.saturation, 1]).colourspace(space)
    if edits.contrast != 1:
        image = (image * edits.contrast + middle * (1 - edits.contrast)).cast(kind)
    if edits.greyscale:
        image = image.colourspace("grey16" if kind == "ushort" else "b-w")
        space = image.interpretation
    if edits.blur_sigma > 0:
        linear = (
            image.colourspace("scrgb").gaussblur(edits.blur_sigma).colourspace("rgb16" if kind == "ushort" else "srgb")
        )
        image = linear.colourspace(space)
        alpha = alpha.gaussblur(edits.blur_sigma).cast(kind) if alpha is not None else None
    if edits.sharpen:
        image = image.conv(vips().Image.new_from_array(_SHARPEN, scale=24), precision="integer").cast(kind)
    image = image.cast(kind).copy(interpretation=space)
    return image if alpha is None else image.bandjoin(alpha).copy(interpretation=space)


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


def _without_idle_alpha(frames: list[Array]) -> list[Array]:
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
    image = _image(frame)
    if image.bands == 2:
        image = image.colourspace("rgb16" if frame.dtype == np.uint16 else "srgb")
    scale = 257 if frame.dtype == np.uint16 else 1
    return _numbers(image.flatten(background=[scale * level for level in background]))


def as_8_bit(picture: Picture) -> Picture:
    """The picture with 8 bits a sample, rounded."""
    return replace(picture, frames=tuple(_rounded(frame) for frame in picture.frames))


def _rounded(frame: Array) -> Array:
    if frame.dtype != np.uint16:
        return frame
    return ((frame.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
