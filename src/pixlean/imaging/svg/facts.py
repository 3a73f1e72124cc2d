"""What lives in a drawing beyond its first still: what moves, what answers the pointer, what waits to be shown or used.

A renderer's still shows none of it, so a minifier that loses it is found out by counting.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pixlean.imaging.svg.ids import chosen_ids
from pixlean.imaging.svg.names import ANIMATIONS, words
from pixlean.imaging.svg.parse import Element, name_of

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_MOVING = re.compile(r"(?<![\w-])(?:-webkit-|-moz-)?(?:animation|transition|offset)(?:-[a-z]+)*\s*:", re.IGNORECASE)
_AT_RULE = re.compile(r"@(?:-\w+-)?(\w[\w-]*)\s*([\w-]*)")
_STATES = re.compile(r":(?:hover|focus(?:-within|-visible)?|active|target|checked|visited|link)\b", re.IGNORECASE)
# Nothing but `.name` and lists of them: a rule that still holds once shapes become paths and groups are joined.
_SIMPLE_RULES = re.compile(r"\s*(?:(?:\.[\w-]+\s*,\s*)*\.[\w-]+\s*\{[^{}@\\]*\}\s*)*")
_FONT_FACE = re.compile(r"@font-face\s*\{[^{}]*\}", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0*)?%?\s*(?:;|!|$))",
    re.IGNORECASE,
)
_ZERO = re.compile(r"\s*[+-]?0*\.?0*(?:px|%)?\s*")
_SIDES = {
    "rect": ("width", "height"), "image": ("width", "height"), "pattern": ("width", "height"), "circle": ("r",),
    "ellipse": ("rx", "ry"), "svg": ("width", "height"),
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_LIBRARIES = frozenset({"defs", "symbol"})
_SHAPES = words(
    "g path rect circle ellipse line polyline polygon text image use svg a switch tspan textPath foreignObject"
)
_DRAWN = _SHAPES - {"g", "svg", "a", "switch", "foreignObject"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """``lives`` are counts of what must not get lost; ``style`` is all style sheets' text.

    ``moves`` says that animations, states or selectors change what is seen, ``waits`` that something is there to be
    shown or used later. Drawings that do neither show all they have at first sight: what looks the same is the same.
    ``labels`` are the ids that somebody may have chosen, and use from outside.
    """

    lives: Counter[str]
    style: str
    moves: bool
    waits: bool
    labels: frozenset[str] = frozenset()

    @property
    def shows_all(self) -> bool:
        """Whether a still shows everything."""
        return not (self.moves or self.waits)

    @property
    def by_attributes(self) -> bool:
        """Whether selectors look at attributes, so that these have to stay as they are."""
        return "[" in _COMMENT.sub("", self.style)

    def lost(self, after: Facts) -> str | None:
        """What another drawing does not have of this one's, in words."""
        gone = self.lives - after.lives
        return ", ".join(sorted(gone)[:3]) if gone else None


def facts_of(root: Element) -> Facts:
    """Look through a sanitised drawing."""
    sheets = [each.text or "" for each in _elements(root) if name_of(each)[1] == "style"]
    style = _COMMENT.sub("", "\n".join(sheets))
    chosen = chosen_ids(root)
    moving, waiting = Counter(_what_moves(root, style)), Counter(_what_waits(root, chosen))
    moves = bool(moving) or not _SIMPLE_RULES.fullmatch(_FONT_FACE.sub("", style))
    kept = Counter(_what_stays(root))
    return Facts(
        lives=moving + waiting + kept,
        style=style,
        moves=moves,
        waits=bool(waiting) or _is_library(root),
        labels=chosen,
    )


def references(facts: Facts) -> tuple[str, ...]:
    """Ids that a page or another drawing may use: of symbols, of shapes in ``defs``, of hidden layers."""
    return tuple(each.removeprefix("id ") for each in facts.lives if each.startswith("id "))


def is_hidden(element: Element) -> bool:
    """Whether an element, by itself, draws nothing for now."""
    name = name_of(element)[1]
    if element.get("display") == "none" or element.get("visibility") in ("hidden", "collapse"):
        return True
    if _HIDDEN_STYLE.search(element.get("style") or "") or _is_zero(element.get("opacity")):
        return True
    return any(_is_zero(element.get(side)) for side in _SIDES.get(name, ()))


def _is_zero(value: str | None) -> bool:
    return bool(value) and any(sign == "0" for sign in value or "") and bool(_ZERO.fullmatch(value or ""))


def _what_moves(root: Element, style: str) -> Iterator[str]:
    inline = " ".join(each.get("style") or "" for each in _elements(root))
    for each in _elements(root):
        name = name_of(each)[1]
        if name in ANIMATIONS or name == "discard":
            yield f"{name} {each.get('attributeName') or ''}".strip()
    for found in _AT_RULE.finditer(style):
        rule = found.group(1).lower()
        if rule not in ("font-face", "namespace"):
            yield f"@{rule} {found.group(2)}" if rule == "keyframes" else f"@{rule}"
    yield from ("moving declaration" for _ in _MOVING.finditer(style + ";" + inline))
    yield from (found.group().lower() for found in _STATES.finditer(style))


def _what_stays(root: Element) -> Iterator[str]:
    """Links, which no renderer shows, and points in error: some draw a part of them and others nothing (SVG 2, 9.7)."""
    for each in _elements(root):
        if name_of(each)[1] == "a" and each.get("href"):
            yield f"link {each.get('href')}"
        points = each.get("points")
        if points and len(_NUMBER.findall(points)) % 2:
            yield f"points {points}"


def _what_waits(root: Element, chosen: frozenset[str]) -> Iterator[str]:
    """Symbols, shapes in libraries, and hidden things that a page can name."""
    for place in _placed(root):
        label, style_class = place.element.get("id"), place.element.get("class")
        label = label if label in chosen else None
        if place.name == "symbol" or (label and place.name in _SHAPES and place.in_library):
            yield f"id {label}" if label else "symbol"
        elif label and place.name in _SHAPES and place.hidden:
            yield f"id {label}"
        elif style_class and is_hidden(place.element) and (len(place.element) or place.element.get("d")):
            yield f"hidden .{style_class}"


def _is_library(root: Element) -> bool:
    """Whether the drawing draws nothing by itself: it is there for what others use of it."""
    return not any(place.name in _DRAWN and not place.in_library and not place.hidden for place in _placed(root))


@dataclass(frozen=True, kw_only=True)
class _Place:
    """An element, and whether it or what it stands in is a library or hidden."""

    element: Element
    name: str
    in_library: bool
    hidden: bool


def _placed(root: Element) -> Iterator[_Place]:
    todo = [(root, False, False)]
    while todo:
        element, in_library, hidden = todo.pop()
        name = name_of(element)[1]
        hidden = hidden or is_hidden(element)
        yield _Place(element=element, name=name, in_library=in_library, hidden=hidden)
        below = in_library or name in _LIBRARIES
        todo += [(each, below, hidden) for each in element if isinstance(each.tag, str)]


def _elements(root: Element) -> Iterator[Element]:
    return (each for each in root.iter() if isinstance(each.tag, str))
