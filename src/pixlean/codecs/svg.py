"""SVG and SVGZ: sanitised always, then minified by svgo or scour, checked by rendering both."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial

from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format, detect
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import Codec, DropTrial, Source, Trial, run_it
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array
from pixlean.imaging.svg import minify
from pixlean.imaging.svg.facts import Facts, facts_of, references
from pixlean.imaging.svg.ids import with_short_names
from pixlean.imaging.svg.names import SVG_NS
from pixlean.imaging.svg.parse import Element, inflate, name_of
from pixlean.imaging.svg.render import RENDER_PX, all_look_same, render, states, stills
from pixlean.imaging.svg.sanitise import Sanitised, sanitise

_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex|%)?\s*$", re.IGNORECASE)
# CSS pixels a unit, at the 96 dpi of CSS 2.1.
_PIXELS = {"px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "em": 16.0, "ex": 8.0}


def _text(data: bytes, limits: Limits) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    text = inflate(data, limits)
    if detect(text) is not Format.SVG:
        raise BadImage("the gzip data holds no SVG")
    return text


def _is_bare_gzip(data: bytes) -> bool:
    """Whether a gzip file has no name, comment or extra field in its header (RFC 1952, 2.3), and one member."""
    member = zlib.decompressobj(31)
    member.decompress(data)
    return data[3] == 0 and not member.unused_data


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Parse and sanitise once, to know the size, and whether the file is what may be returned."""
    text, packed = _text(data, limits), data[:2] == b"\x1f\x8b"
    clean = sanitise(text, limits, strip_metadata=True)
    width, height = _size(clean.root)
    return ImageInfo(
        format=Format.SVGZ if packed else Format.SVG,
        width_px=width,
        height_px=height,
        mode="vector",
        has_alpha=True,
        metadata=frozenset({"text"} if clean.private else ()),
        dangerous=clean.dangerous,
        must_rewrite=clean.text != text or (packed and not _is_bare_gzip(data)),
    )


def _size(root: Element) -> tuple[int, int]:
    """The drawing's size in CSS pixels: width and height, else the viewBox, else CSS's 300 x 150."""
    box = [float(part) for part in re.findall(r"[-+0-9.eE]+", root.get("viewBox") or "") if _is_number(part)]
    sides = []
    for index, (name, default) in enumerate((("width", 300.0), ("height", 150.0))):
        found = _LENGTH.match(root.get(name) or "")
        if found and found.group(2) != "%" and _is_number(found.group(1)):
            sides.append(float(found.group(1)) * _PIXELS[(found.group(2) or "px").lower()])
        else:
            sides.append(box[2 + index] if len(box) == 4 else default)
    return tuple(int(min(max(1, round(side)), 1 << 30)) for side in sides)  # type: ignore[return-value]


def _is_number(text: str) -> bool:
    try:
        return float(text) < 1e12
    except ValueError:
        return False


def _trials(_info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """svgo, scour where svgo fails or changes the picture, and the sanitised text as it is."""
    strip = recipe.strip_metadata
    before = cache(partial(_Before, strip=strip))
    ways: tuple[tuple[str, Way, float | None], ...] = (
        ("svgo", partial(_by_svgo, coarser=_COARSER[recipe.strength], strip=strip), None),
        ("scour", partial(_by_scour, strip=strip), 1.01),
        ("sanitise", _clean, None),
    )
    return tuple(
        Trial(method=method, make=make, guess=run_it(make), unless_below=stop)
        for method, make, stop in ((name, partial(_made, before=before, way=way), end) for name, way, end in ways)
    )


def _frames(data: bytes) -> Iterator[Array]:
    """The sanitised drawing rendered by librsvg with its long side at 512 px, RGBA, nothing loaded from outside."""
    yield _draw(data, RENDER_PX, RENDER_PX)


def _draw(data: bytes, width_px: int, height_px: int) -> Array:
    """The sanitised drawing with its sides at most these, RGBA. Raises ``BadImage``."""
    limits = Limits()
    text = sanitise(_text(data, limits), limits, strip_metadata=True).text
    return render(text, (width_px, height_px))


@dataclass(frozen=True, kw_only=True)
class _Rounding:
    """Coordinates of so many decimals, and the SSIMULACRA2 that the drawing must then have at least."""

    decimals: int
    least_score: float | None = None


# svgo's own choice: what is rounded no coarser only has to pass as the same drawing.
_USUAL = _Rounding(decimals=3)
# What is tried beyond it, each if the one before held. From 95 nobody sees a difference side by side; "low" keeps more.
_COARSER = {
    Strength.LOW: (_Rounding(decimals=2, least_score=96.5),),
    Strength.MEDIUM: (_Rounding(decimals=2, least_score=95),),
    Strength.HIGH: (_Rounding(decimals=2, least_score=95), _Rounding(decimals=1, least_score=95)),
}


class _Before:
    """What a drawing's trials share, each made on first use: clean text, what lives in it, what it looks like."""

    def __init__(self, source: Source, *, strip: bool) -> None:
        limits = Limits()
        self.text = _text(source.data, limits)
        self.clean = sanitise(self.text, limits, strip_metadata=strip)

    @cached_property
    def facts(self) -> Facts:
        return facts_of(self.clean.root)

    @cached_property
    def _source_stills(self) -> tuple[Array, ...]:
        # What is too heavy to be drawn is not drawn to be compared.
        return self._clean_stills if self.clean.heavy else stills(self.text)

    @cached_property
    def _clean_stills(self) -> tuple[Array, ...]:
        return stills(self.clean.text)

    @cached_property
    def _shows_cuts(self) -> bool:
        return not all_look_same(self._source_stills, self._clean_stills)

    def _same_as_clean(self, seen: tuple[Array, ...]) -> bool:
        return all_look_same(self._clean_stills, seen)

    @cached_property
    def _states(self) -> tuple[Array, ...]:
        return states(self.clean.root, references(self.facts))

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self._clean_stills[:1])

    def difference(self, made: Sanitised, rounding: _Rounding) -> str | None:
        """What a minified drawing has lost, or how it looks different from the source.

        A source that is cleaned of something that shows is no measure; then the clean text is.
        """
        lost = self.facts.lost(facts_of(made.root))
        if lost is not None:
            return f"the minified drawing has lost {lost}"
        seen = stills(made.text)
        if not all_look_same(self._source_stills, seen) and not (self._shows_cuts and self._same_as_clean(seen)):
            return "the minified drawing looks different"
        if not self.facts.shows_all and not all_look_same(self._states, states(made.root, references(self.facts))):
            return "the minified drawing looks different in another state"
        if rounding.least_score is not None and self._judge.score(seen[:1]) < rounding.least_score:
            return "the rounded drawing looks different"
        return None


Way = Callable[[_Before], bytes]


def _made(source: Source, before: Callable[[Source], _Before], way: Way) -> bytes:
    """The clean text, minified where the result has lost nothing and looks like the source."""
    shorter = way(before(source))
    if source.info.format is Format.SVGZ:
        return gzip.compress(shorter, 9, mtime=0)
    return shorter


def _clean(first: _Before) -> bytes:
    return first.clean.text


def _by_svgo(first: _Before, *, coarser: tuple[_Rounding, ...], strip: bool) -> bytes:
    """Minified with the coarsest decimals that keep the drawing as it looks."""
    _needs_namespace(first)
    text = with_short_names(first.clean.text, first.facts.labels) if first.facts.shows_all else first.clean.text
    minified = minify.svgo(text, first.facts, strip=strip)
    best: bytes | None = None
    # What a still does not show can't be seen to suffer.
    for rounding in coarser if first.facts.shows_all else ():
        try:
            best = _kept(first, minified(rounding.decimals), rounding, strip=strip)
        except DropTrial:
            break
    return best if best is not None else _kept(first, minified(_USUAL.decimals), _USUAL, strip=strip)


def _by_scour(first: _Before, *, strip: bool) -> bytes:
    _needs_namespace(first)
    return _kept(first, minify.scour(first.clean.text, first.facts, strip=strip), _USUAL, strip=strip)


def _needs_namespace(first: _Before) -> None:
    if name_of(first.clean.root)[0] != SVG_NS:
        raise DropTrial("browsers draw nothing without the namespace, so there is nothing to compare")


def _kept(first: _Before, text: bytes, rounding: _Rounding, *, strip: bool) -> bytes:
    """What a minifier made, if nothing is lost: it is not trusted, but sanitised again, counted and looked at."""
    made = sanitise(text, Limits(), strip_metadata=strip)
    difference = first.difference(made, rounding)
    if difference is not None:
        raise DropTrial(difference)
    return made.text


CODEC = Codec(probe=_probe, frames=_frames, trials=_trials, draw=_draw)
