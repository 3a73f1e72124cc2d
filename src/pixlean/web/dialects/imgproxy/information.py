"""``/info``: what a URL asks to be told of a picture, and the JSON that tells it in imgproxy's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixlean.domain.facts import Facts
from pixlean.web.dialects.imgproxy import bounds, values
from pixlean.web.dialects.imgproxy.bounds import NO_BOUNDS, Bounds
from pixlean.web.dialects.imgproxy.grammar import Option
from pixlean.web.dialects.imgproxy.reading import Refused, folded
from pixlean.web.dialects.imgproxy.values import Arguments

_MOST_COLOURS, _MOST_WAVES = 256, 9


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be told; ``colours`` is the longest palette that is wanted, 0 for none."""

    size: bool = True
    format: bool = True
    dimensions: bool = True
    colours: int = 0
    blurhash: bool = False
    bounds: Bounds = NO_BOUNDS
    expires_at: int = 0


_Reader = Callable[[Question, Arguments], Question]


def read(options: Sequence[Option]) -> Question:
    """What they ask for together. Raises what ``folded`` raises."""
    return folded(options, Question(), _READERS, _NOT_TOLD)


def told(facts: Facts, asked: Question) -> dict[str, Any]:
    """The answer; colours are the main ones, the largest first."""
    answer: dict[str, Any] = {}
    if asked.format:
        answer["format"] = str(facts.format)
    if asked.dimensions:
        answer |= {"width": facts.width_px, "height": facts.height_px}
    if asked.size:
        answer["size"] = facts.size_bytes
    if asked.colours:
        answer["palette"] = [_rgba(colour) for colour in facts.palette[: asked.colours]]
    if asked.blurhash:
        answer["blurhash"] = facts.blurhash
    return answer


def _rgba(colour: str) -> dict[str, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return {"R": red, "G": green, "B": blue, "A": 255}


def _switch(name: str) -> _Reader:
    def switched(asked: Question, arguments: Arguments) -> Question:
        return replace(asked, **{name: values.flag(*values.few(arguments, 1))})  # type: ignore[arg-type]

    return switched


def _palette(asked: Question, arguments: Arguments) -> Question:
    return replace(asked, colours=values.whole(values.few(arguments, 1)[0], _MOST_COLOURS))


def _blurhash(asked: Question, arguments: Arguments) -> Question:
    """How many waves it has follows from the picture's shape here; none at all is none."""
    return replace(asked, blurhash=all(values.whole(text, _MOST_WAVES) for text in values.few(arguments, 2)))


def _ignored(asked: Question, _arguments: Arguments) -> Question:
    return asked  # a cache buster: it has done its work by being there


def _expires(asked: Question, arguments: Arguments) -> Question:
    return replace(asked, expires_at=values.moment(arguments))


_READERS: Mapping[str, _Reader] = {
    "size": _switch("size"),
    "s": _switch("size"),
    "format": _switch("format"),
    "f": _switch("format"),
    "dimensions": _switch("dimensions"),
    "d": _switch("dimensions"),
    "palette": _palette,
    "p": _palette,
    "blurhash": _blurhash,
    "bh": _blurhash,
    "cachebuster": _ignored,
    "cb": _ignored,
    "expires": _expires,
    "exp": _expires,
    **bounds.readers(Question),
}
# What metadata says is the owner's own affair; the others need models and players that are not here.
_NOT_TOLD = Refused(idle=(*values.OFF, "ce"), words="is not told here", names={
    "exif", "iptc", "xmp", "video_meta", "vm", "detect_objects", "do", "crop", "c", "average", "avg", "dominant_colors",
    "dc", "page", "pg", "video_thumbnail_second", "vts", "video_thumbnail_keyframes", "colorspace", "cs", "bands", "b",
    "sample_format", "sf", "pages_number", "pn", "alpha", "a", "calc_hashsums", "chs", "classify", "cl", "clf",
    "hashsum", "hs", "c2pa",
})  # fmt: skip
