"""Options that say how a picture is written, named and handed over, each as it is read."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import replace

from pixlean.domain.errors import InvalidRequest, NotThere
from pixlean.domain.recipe import QUALITY, TARGET_BYTES
from pixlean.web.dialects.imgproxy import values
from pixlean.web.dialects.imgproxy.shape import Reader
from pixlean.web.dialects.imgproxy.values import Arguments
from pixlean.web.dialects.imgproxy.wanted import Wanted


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


def _autoquality(wanted: Wanted, arguments: Arguments) -> Wanted:
    """imgproxy looks for the least quality that comes out at a target; qualities and error are ours to decide."""
    method, target, *numbers = values.few(arguments, 5)
    for text in filter(None, numbers):
        values.number(text)
    if method in ("none", ""):
        return replace(wanted, score=0.0)
    if method == "size":
        return replace(wanted, max_bytes=values.whole(target, TARGET_BYTES.most))
    if method not in ("dssim", "ml"):
        raise NotThere(f"unknown method of autoquality: {method[:40]}")
    return replace(wanted, score=_score_of(values.number(target) if target else _USUAL_DSSIM))


# imgproxy's own target, and the SSIMULACRA2 of pictures that far from their source: a line through 72 JPEGs and
# WebPs of six photographs (Kodak), from which single pictures lie 8 points away.
_USUAL_DSSIM, _USUAL_SCORE, _POINTS_A_FACTOR_OF_2 = 0.02, 71.0, 15.0
_LEAST_SCORE, _MOST_SCORE = 30.0, 95.0


def _score_of(dssim: float) -> float:
    if not dssim:
        return _MOST_SCORE
    return min(_MOST_SCORE, max(_LEAST_SCORE, _USUAL_SCORE - _POINTS_A_FACTOR_OF_2 * math.log2(dssim / _USUAL_DSSIM)))


def _raw(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, raw=values.flag(*values.few(arguments, 1)))


def _skip(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, skips=tuple(text.lower() for text in arguments if text))


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


def _version(wanted: Wanted, arguments: Arguments) -> Wanted:
    return replace(wanted, version=":".join(arguments))


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
    return replace(wanted, expires_at=values.moment(arguments))


READERS: Mapping[str, Reader] = {
    "auto_rotate": _must_turn,
    "ar": _must_turn,
    "autoquality": _autoquality,
    "aq": _autoquality,
    "raw": _raw,
    "skip_processing": _skip,
    "skp": _skip,
    "quality": _quality,
    "q": _quality,
    "format_quality": _format_quality,
    "fq": _format_quality,
    "max_bytes": _max_bytes,
    "mb": _max_bytes,
    "format": _format,
    "f": _format,
    "ext": _format,
    "strip_metadata": _strip,
    "sm": _strip,
    "keep_copyright": _copyright,
    "kcr": _copyright,
    "strip_color_profile": _must_convert,
    "scp": _must_convert,
    "cachebuster": _version,
    "cb": _version,
    "filename": _file_name,
    "fn": _file_name,
    "return_attachment": _attach,
    "att": _attach,
    "expires": _expires,
    "exp": _expires,
}
