"""The options of a URL: each name with what it says, and those that are not done here by name."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pixlean.domain.edits import CENTRE
from pixlean.domain.errors import InvalidRequest, NotThere
from pixlean.domain.recipe import QUALITY, SIDE_PX, TARGET_BYTES
from pixlean.web.dialects.imgproxy import values
from pixlean.web.dialects.imgproxy.values import Arguments
from pixlean.web.dialects.imgproxy.wanted import Wanted

_TYPES = ("fit", "fill", "fill-down", "force", "auto")
_MOST_BLUR_SIGMA = 100.0
_MOST_DPR = 8.0


def read(options: Sequence[tuple[str, tuple[str, ...]]]) -> Wanted:
    """What they say together; of two that say the same the later counts.

    Raises ``NotThere`` for what is no option or argument, ``InvalidRequest`` for what is not done here.
    """
    wanted = Wanted()
    for name, arguments in options:
        if name in _NOT_DONE:
            if _asks(arguments):
                raise InvalidRequest(f"'{name}' is not done here")
        elif name not in _READERS:
            raise NotThere(f"unknown option: {name[:40]}")
        else:
            wanted = _READERS[name](wanted, arguments)
    if wanted.expires_at and time.time() > wanted.expires_at:
        raise NotThere("the URL has expired")
    return wanted


# Each reader gets what was said so far, and the arguments of one option.
def _type(wanted: Wanted, arguments: Arguments) -> Wanted:
    (name,) = values.few(arguments, 1)
    if name and name not in _TYPES:
        raise NotThere(f"invalid resizing type: {name[:40]}")
    return replace(wanted, fit=name) if name else wanted


def _size(wanted: Wanted, arguments: Arguments) -> Wanted:
    width, height, enlarges, extends, *gravity = [*arguments, *("",) * (4 - len(arguments))]
    wanted = _side("width")(wanted, [width])
    wanted = _side("height")(wanted, [height])
    if enlarges:
        wanted = replace(wanted, enlarges=values.flag(enlarges))
    return _extend(wanted, [extends, *gravity]) if extends else wanted


def _resizing(wanted: Wanted, arguments: Arguments) -> Wanted:
    return _size(_type(wanted, arguments[:1]), arguments[1:])


def _side(name: str) -> Callable[[Wanted, Arguments], Wanted]:
    def read_side(wanted: Wanted, arguments: Arguments) -> Wanted:
        (text,) = values.few(arguments, 1)
        return replace(wanted, **{name: values.whole(text, SIDE_PX.most)}) if text else wanted  # type: ignore[arg-type]

    return read_side


def _enlarge(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, enlarges=values.flag(*values.few(arguments, 1)))


def _extend(wanted: Wanted, arguments: Arguments) -> Wanted:
    extends = values.flag(arguments[0] if arguments else "")
    anchor = values.anchor(arguments[1:]) if len(arguments) > 1 else CENTRE
    if anchor is None:
        raise NotThere("a picture is extended to a side of the compass")
    return replace(wanted, extends=extends, extend_anchor=anchor)


def _gravity(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, anchor=values.anchor(arguments))


def _crop(wanted: Wanted, arguments: Arguments) -> Wanted:
    width, height, *gravity = [*arguments, *("",) * (2 - len(arguments))]
    anchor = values.anchor(gravity) if gravity else None
    if gravity and anchor is None:
        raise InvalidRequest("a crop to what draws attention is not done here: resize with fill and g:sm")
    return replace(wanted, crop=(values.number(width or "0"), values.number(height or "0")), crop_anchor=anchor)


def _zoom(wanted: Wanted, arguments: Arguments) -> Wanted:
    across, *rest = arguments or ("",)
    zoom = values.number(across), values.number(rest[0] if rest else across)
    if not min(zoom) > 0:
        raise NotThere("zoom must be above 0")
    return replace(wanted, zoom=zoom)


def _dpr(wanted: Wanted, arguments: Arguments) -> Wanted:
    dpr = values.number(*values.few(arguments, 1))
    if not 0 < dpr <= _MOST_DPR:
        raise NotThere(f"dpr must be above 0 and at most {_MOST_DPR:g}")
    return replace(wanted, dpr=dpr)


def _padding(wanted: Wanted, arguments: Arguments) -> Wanted:
    # As in CSS: top, right, bottom, left; what is missing is taken from the other side.
    given = [values.whole(text, SIDE_PX.most) if text else None for text in values.few(arguments, 4)]
    top = given[0] or 0
    right = top if given[1] is None else given[1]
    bottom = top if given[2] is None else given[2]
    left = right if given[3] is None else given[3]
    return replace(wanted, padding=(top, right, bottom, left))


def _rotate(wanted: Wanted, arguments: Arguments) -> Wanted:
    degrees = values.whole(values.few(arguments, 1)[0], 1 << 20)
    if degrees % 90:
        raise NotThere("only multiples of 90 are turned by")
    return replace(wanted, turn=degrees % 360)


def _background(wanted: Wanted, arguments: Arguments) -> Wanted:
    if list(arguments) in ([], [""]):
        return replace(wanted, ground=None)
    if len(arguments) == 1 and re.fullmatch(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}", arguments[0]):
        digits = arguments[0] if len(arguments[0]) == 6 else "".join(2 * digit for digit in arguments[0])
        red, green, blue = bytes.fromhex(digits)
    elif len(arguments) == 3:
        red, green, blue = (values.whole(text, 255) for text in arguments)
    else:
        raise NotThere("a background is three numbers, or one in hexadecimal digits")
    return replace(wanted, ground=(red, green, blue))


def _blur(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, blur_sigma=min(_MOST_BLUR_SIGMA, values.number(*values.few(arguments, 1))))


def _sharpen(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, sharpens=values.number(*values.few(arguments, 1)) > 0)


def _quality(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, quality=values.whole(values.few(arguments, 1)[0], QUALITY.most))


def _format_quality(wanted: Wanted, arguments: Arguments) -> Wanted:
    if len(arguments) % 2:
        raise NotThere("format_quality takes formats with their qualities")
    pairs = {
        name: max(1, values.whole(text, QUALITY.most))
        for name, text in zip(arguments[::2], arguments[1::2], strict=True)
    }
    return replace(wanted, qualities={**wanted.qualities, **pairs})


def _max_bytes(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, max_bytes=values.whole(values.few(arguments, 1)[0], TARGET_BYTES.most))


def _format(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, format=values.few(arguments, 1)[0].lower())


def _strip(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, strips=values.flag(*values.few(arguments, 1)))


def _copyright(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, keeps_copyright=values.flag(*values.few(arguments, 1)))


def _must_turn(wanted: Wanted, arguments: Arguments) -> Wanted:
    if not values.flag(*values.few(arguments, 1)):
        raise InvalidRequest("pictures always stand upright here: auto_rotate can't be off")
    return wanted


def _must_convert(wanted: Wanted, arguments: Arguments) -> Wanted:
    values.flag(*values.few(arguments, 1))  # either way the colours look the same: converted, or with their profile
    return wanted


def _ignored(wanted: Wanted, _arguments: Arguments) -> Wanted:
    return wanted  # a cache buster: it has done its work by being there


def _file_name(wanted: Wanted, arguments: Arguments) -> Wanted:
    name, encoded = [*arguments[:2], *("",) * (2 - len(arguments[:2]))]
    if encoded and values.flag(encoded):
        try:
            name = base64.urlsafe_b64decode(name.rstrip("=") + "=" * (-len(name.rstrip("=")) % 4)).decode()
        except (ValueError, binascii.Error) as error:
            raise NotThere("the file name is no URL-safe base64") from error
    return replace(wanted, file_name=name)


def _attach(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, attaches=values.flag(*values.few(arguments, 1)))


def _expires(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, expires_at=values.whole(values.few(arguments, 1)[0], 1 << 40))


def _asks(arguments: Arguments) -> bool:
    """Whether an option is switched on at all."""
    return any(text not in values.OFF for text in arguments)


def _both(
    reader: Callable[[Wanted, Arguments], Wanted], *names: str
) -> dict[str, Callable[[Wanted, Arguments], Wanted]]:
    return dict.fromkeys(names, reader)


_READERS: Mapping[str, Callable[[Wanted, Arguments], Wanted]] = {
    **_both(_resizing, "resize", "rs"), **_both(_size, "size", "s"), **_both(_type, "resizing_type", "rt"),
    **_both(_side("width"), "width", "w"), **_both(_side("height"), "height", "h"),
    **_both(_enlarge, "enlarge", "el"), **_both(_extend, "extend", "ex"), **_both(_gravity, "gravity", "g"),
    **_both(_crop, "crop", "c"), **_both(_zoom, "zoom", "z"), **_both(_dpr, "dpr"), **_both(_padding, "padding", "pd"),
    **_both(_rotate, "rotate", "rot"), **_both(_must_turn, "auto_rotate", "ar"),
    **_both(_background, "background", "bg"), **_both(_blur, "blur", "bl"), **_both(_sharpen, "sharpen", "sh"),
    **_both(_quality, "quality", "q"), **_both(_format_quality, "format_quality", "fq"),
    **_both(_max_bytes, "max_bytes", "mb"), **_both(_format, "format", "f", "ext"),
    **_both(_strip, "strip_metadata", "sm"), **_both(_copyright, "keep_copyright", "kcr"),
    **_both(_must_convert, "strip_color_profile", "scp"), **_both(_ignored, "cachebuster", "cb"),
    **_both(_file_name, "filename", "fn"), **_both(_attach, "return_attachment", "att"),
    **_both(_expires, "expires", "exp"),
}  # fmt: skip
# Options of imgproxy that ask for what is not done here: watermarks, video, and what only its paid version does.
_NOT_DONE = frozenset({
    "watermark", "wm", "watermark_url", "wmu", "watermark_text", "wmt", "watermark_size", "wms", "watermark_shadow",
    "wmsh", "style", "st", "pixelate", "pix", "trim", "t", "extend_aspect_ratio", "extend_ar", "exar", "min-width",
    "mw", "min-height", "mh", "raw", "skip_processing", "skp", "video_thumbnail_second", "vts", "page", "pg", "pages",
    "pgs", "disable_animation", "da", "autoquality", "aq", "adjust", "a", "brightness", "br", "contrast", "co",
    "saturation", "sa", "monochrome", "mc", "duotone", "dt", "unsharp_masking", "ush", "blur_detections", "bd",
    "draw_detections", "dd", "gradient", "gr", "colorize", "col", "dpi", "enforce_thumbnail", "eth",
    "fallback_image_url", "fiu", "max_src_resolution", "msr", "max_src_file_size", "msfs",
    "max_animation_frames", "maf", "max_animation_frame_resolution", "mafr", "max_result_dimension", "mrd",
    "jpeg_options", "jpgo", "png_options", "pngo", "webp_options", "webpo", "avif_options", "avifo", "background_alpha",
    "bga", "resizing_algorithm", "ra", "video_thumbnail_keyframes", "vtk", "hashsum", "hs", "flip", "fl",
    "crop_aspect_ratio",
    "crop_ar", "car", "objects_position", "op", "color_profile", "cp", "icc", "allow_security_options",
})  # fmt: skip
