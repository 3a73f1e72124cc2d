"""The options of a URL: ``w=400,h=300,fit=cover,f=auto``, and names of presets among them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.recipe import QUALITY, SCORE, TARGET_BYTES, Recipe
from pixlean.web import fields as given
from pixlean.web.negotiate import OUTPUTS, shown_by

NONE = "-"
AUTO = "auto"
_MOST_SIDE_PX = 16_384
_MOST_DPR = 8.0
_FITS = {"inside": Fit.INSIDE, "cover": Fit.COVER, "exact": Fit.EXACT, "scale": Fit.SCALE}
# Those after which a picture has other proportions.
CHANGING_FITS = ("cover", "exact")
_NAMES = ("w", "h", "fit", "dpr", "q", "score", "max_bytes", "f", "bg")
_COLOUR = re.compile(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}")
_SAVED_QUALITY = 0.75


@dataclass(frozen=True)
class Presets:
    """Options by their names, as they were written, for each preset's name."""

    named: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What the client's headers say: ``dpr`` pixels for one of CSS, ``width_px`` on the screen, whether to save."""

    dpr: float | None = None
    width_px: int | None = None
    saves: bool = False


NO_HINTS = Hints()


def read(text: str, presets: Presets, *, only_presets: bool = False) -> dict[str, str]:
    """The options of a URL's segment by their names; what is written later counts. Raises ``InvalidRequest``."""
    found: dict[str, str] = {}
    for part in [] if text == NONE else text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            if name not in presets.named:
                raise InvalidRequest(f"there is no preset '{name[:40]}'")
            found.update(presets.named[name])
        elif only_presets:
            raise InvalidRequest("this server takes presets by name and no other options")
        elif name not in _NAMES or not value:
            raise InvalidRequest(f"'{part[:40]}' is no option: {', '.join(_NAMES)}")
        else:
            found[name] = value
    return found


def checked(text: str) -> Mapping[str, str]:
    """A preset's options, as a setting tells them. Raises ``InvalidRequest``."""
    found = read(text, Presets({}))
    recipe_of(found, 80, "", NO_HINTS)
    return found


def recipe_of(options: Mapping[str, str], usual_quality: int, accept: str, hints: Hints) -> Recipe:
    """The options as a recipe, with what the client shows and hints at. Raises ``InvalidRequest``."""
    if "score" in options and "max_bytes" in options:
        raise InvalidRequest("'score' and 'max_bytes' can't both be met: name one of them")
    quality = given.whole(options, "q", QUALITY.least, QUALITY.most) or usual_quality
    name = options.get("f", "").lower()
    auto = name == AUTO
    return Recipe(
        quality=max(QUALITY.least, round(quality * _SAVED_QUALITY)) if hints.saves else quality,
        outputs=shown_by(accept) if auto else given.outputs(options, "f", (*OUTPUTS, AUTO)),
        auto=auto,
        edits=Edits(resize=_resize(options, hints)),
        min_score=given.number(options, "score", SCORE.least, SCORE.most),
        target_bytes=given.whole(options, "max_bytes", TARGET_BYTES.least, 1 << 30),
        background=_colour(options),
    )


def _resize(options: Mapping[str, str], hints: Hints) -> Resize | None:
    fit = options.get("fit", "inside")
    if fit not in _FITS:
        raise InvalidRequest(f"'fit' must be one of {', '.join(_FITS)}")
    asked = [given.whole(options, name, 1, _MOST_SIDE_PX) for name in ("w", "h")]
    dpr = given.number(options, "dpr", 0.1, _MOST_DPR)
    if dpr is None:
        dpr = 1.0 if hints.saves else hints.dpr or 1.0
    sides = [None if side is None else min(_MOST_SIDE_PX, max(1, round(side * dpr))) for side in asked]
    if sides[0] is None and hints.width_px is not None:
        sides[0] = hints.width_px
    if sides == [None, None]:
        return None
    if None in sides:
        fit = fit if fit == "scale" else "inside"  # one side leaves nothing to stretch or to cut
    return Resize(width_px=sides[0], height_px=sides[1], fit=_FITS[fit], enlarge=False)


def _colour(options: Mapping[str, str]) -> tuple[int, int, int]:
    text = options.get("bg", "ffffff")
    if not _COLOUR.fullmatch(text):
        raise InvalidRequest("'bg' must be a colour such as ffffff")
    if len(text) == 3:
        text = "".join(2 * digit for digit in text)
    red, green, blue = bytes.fromhex(text)
    return red, green, blue
