"""Options that say what a picture shows and how large it is, each as it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pixlean.domain.edits import Trim
from pixlean.domain.errors import NotThere
from pixlean.domain.recipe import SIDE_PX
from pixlean.web.dialects.imgproxy import values
from pixlean.web.dialects.imgproxy.values import CENTRED, Arguments, Gravity
from pixlean.web.dialects.imgproxy.wanted import Wanted

# Gets what was said so far and the arguments of one option; gives what is said now.
Reader = Callable[[Wanted, Arguments], Wanted]
_TYPES = ("fit", "fill", "fill-down", "force", "auto")
_MOST_BLUR_SIGMA = 100.0
_MOST_DPR = 8.0


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


def _ground(arguments: Arguments) -> Gravity | None:
    """Where the picture stands on more ground; ``None`` where the option is off."""
    if not values.flag(arguments[0] if arguments else ""):
        return None
    gravity = values.gravity(arguments[1:]) if any(arguments[1:]) else CENTRED
    if gravity.anchor is None:
        raise NotThere("a picture is extended to a side of the compass")
    return gravity


def _extend(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, extend=_ground(arguments))


def _extend_ratio(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, extend_ratio=_ground(arguments))


def _gravity(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, gravity=values.gravity(arguments))


def _crop(wanted: Wanted, arguments: Arguments) -> Wanted:
    width, height, *gravity = [*arguments, *("",) * (2 - len(arguments))]
    return replace(
        wanted,
        crop=(values.number(width or "0"), values.number(height or "0")),
        crop_gravity=values.gravity(gravity) if gravity else None,
    )


def _trim(wanted: Wanted, arguments: Arguments) -> Wanted:
    threshold, colour, same_width, same_height = values.few(arguments, 4)
    if not threshold:
        return replace(wanted, trim=None)
    trim = Trim(
        tolerance=values.number(threshold), colour=values.colour(colour) if colour else None,
        same_width=values.flag(same_width), same_height=values.flag(same_height),
    )  # fmt: skip
    return replace(wanted, trim=trim)


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
    if len(arguments) == 1:
        red, green, blue = values.colour(arguments[0])
    elif len(arguments) == 3:
        red, green, blue = (values.whole(text, 255) for text in arguments)
    else:
        raise NotThere("a background is three numbers, or one in hexadecimal digits")
    return replace(wanted, ground=(red, green, blue))


def _blur(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, blur_sigma=min(_MOST_BLUR_SIGMA, values.number(*values.few(arguments, 1))))


def _sharpen(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, sharpens=values.number(*values.few(arguments, 1)) > 0)


def _pixelate(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, pixelate=values.whole(values.few(arguments, 1)[0], SIDE_PX.most))


READERS: Mapping[str, Reader] = {
    "resize": _resizing,
    "rs": _resizing,
    "size": _size,
    "s": _size,
    "resizing_type": _type,
    "rt": _type,
    "width": _side("width"),
    "w": _side("width"),
    "height": _side("height"),
    "h": _side("height"),
    "min-width": _side("least_width"),
    "min_width": _side("least_width"),
    "mw": _side("least_width"),
    "min-height": _side("least_height"),
    "min_height": _side("least_height"),
    "mh": _side("least_height"),
    "enlarge": _enlarge,
    "el": _enlarge,
    "extend": _extend,
    "ex": _extend,
    "extend_aspect_ratio": _extend_ratio,
    "extend_ar": _extend_ratio,
    "exar": _extend_ratio,
    "trim": _trim,
    "t": _trim,
    "gravity": _gravity,
    "g": _gravity,
    "crop": _crop,
    "c": _crop,
    "zoom": _zoom,
    "z": _zoom,
    "dpr": _dpr,
    "padding": _padding,
    "pd": _padding,
    "rotate": _rotate,
    "rot": _rotate,
    "background": _background,
    "bg": _background,
    "blur": _blur,
    "bl": _blur,
    "sharpen": _sharpen,
    "sh": _sharpen,
    "pixelate": _pixelate,
    "pix": _pixelate,
}
