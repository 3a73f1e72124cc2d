"""Drawings rendered by librsvg, nothing loaded from outside, and compared in every state that a still can show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
from lxml import etree

from pixlean.domain.errors import BadImage
from pixlean.imaging.pixels import Array
from pixlean.imaging.svg.names import ANIMATIONS, SVG_NS
from pixlean.imaging.svg.parse import Element, name_of
from pixlean.imaging.vips import vips

RENDER_PX = 512
# A second size, no divisor of the first: what was rounded for one grid shows on the other.
_SECOND_PX = 187
_STATE_PX = 256
_MOST_REFERENCES = 36
_DIFFERENT_LEVEL, _DIFFERENT_SHARE = 16, 0.002  # a channel off by more than 16 in 0.2 % of pixels is seen
_STATES = re.compile(r":(?:hover|focus(?:-within|-visible)?|active|target|checked)\b", re.IGNORECASE)
_ALL_SHOWN = "*{display:inline!important;visibility:visible!important;opacity:1!important}"
_EMPTY: Array = np.zeros((1, 1, 4), np.uint8)


def render(text: bytes, sides: tuple[int, int] = (RENDER_PX, RENDER_PX)) -> Array:
    """The drawing within these sides, RGBA; one clear pixel where it has no extent. Raises ``BadImage``."""
    pyvips = vips()
    try:
        natural = pyvips.Image.svgload_buffer(text, dpi=96, unlimited=True)
        scale = min(sides[0] / natural.width, sides[1] / natural.height)
        shown = pyvips.Image.svgload_buffer(text, dpi=96, scale=min(scale, 1000.0), unlimited=True)
        pixels: Array = shown.numpy()
    except pyvips.Error as error:
        if "bad dimensions" in str(error):  # libvips' word for a drawing of nothing: sprites, defs, width="0"
            return _EMPTY
        raise BadImage("the SVG does not render") from error
    return pixels


def looks_same(before: Array, after: Array) -> bool:
    """Whether two renderings agree within what antialiasing of rounded coordinates may do."""
    if before.shape != after.shape:
        return False
    ink_before, ink_after = (shown[..., :3] * (shown[..., 3:] > 0) for shown in (before, after))
    delta = np.maximum(np.abs(ink_before.astype(int) - ink_after.astype(int)).max(axis=-1),
                       np.abs(before[..., 3].astype(int) - after[..., 3].astype(int)))  # fmt: skip
    return float((np.asarray(delta) > _DIFFERENT_LEVEL).mean()) <= _DIFFERENT_SHARE


def stills(text: bytes) -> tuple[Array, ...]:
    """What a text looks like, at two sizes."""
    return tuple(render(text, (side, side)) for side in (RENDER_PX, _SECOND_PX))


def states(root: Element, labels: tuple[str, ...]) -> tuple[Array, ...]:
    """What a drawing's still does not show.

    Everything hidden shown, the pointer everywhere and every animation at its end; then each of the ids that others may
    use.
    """
    sides = (_STATE_PX, _STATE_PX)
    texts = (_shown(root), _sheet(root, labels[:_MOST_REFERENCES])) if labels else (_shown(root),)
    return tuple(render(text, sides) for text in texts)


def all_look_same(before: tuple[Array, ...], after: tuple[Array, ...]) -> bool:
    """Whether renderings agree pair by pair."""
    return all(looks_same(left, right) for left, right in zip(before, after, strict=True))


def _shown(root: Element) -> bytes:
    """The text of a drawing in its other state."""
    root = deepcopy(root)
    for element in list(_drawn(root)):
        name = name_of(element)[1]
        if name == "style":
            element.text = _STATES.sub("", element.text or "")
        elif name in ANIMATIONS:
            _set_end(element)
    root.append(_style(_ALL_SHOWN))
    return etree.tostring(root)


def _set_end(animation: Element) -> None:
    """Give an animation's parent the attribute that it has when it ends."""
    parent, name = animation.getparent(), animation.get("attributeName")
    ends = [part for part in (animation.get("values") or "").split(";") if part.strip()]
    end = ends[-1].strip() if ends else animation.get("to")
    if parent is None or not name or end is None or ":" in name or not re.fullmatch(r"[\w-]+", name):
        return
    kind = animation.get("type") if name_of(animation)[1] == "animateTransform" else None
    parent.set(name, end if kind is None else f"{kind}({end})")


def _sheet(root: Element, labels: tuple[str, ...]) -> bytes:
    """A sheet that uses each of these ids once, the drawing itself in its ``defs``."""
    root = deepcopy(root)
    columns = max(1, round(len(labels) ** 0.5))
    rows = -(-len(labels) // columns)
    sheet = etree.Element(f"{{{SVG_NS}}}svg", nsmap={None: SVG_NS}, viewBox=f"0 0 {columns} {rows}")
    store = etree.SubElement(sheet, f"{{{SVG_NS}}}defs")
    box = root.get("viewBox") or "0 0 24 24"
    for name in ("display", "visibility", "opacity", "width", "height"):
        root.attrib.pop(name, None)
    store.append(root)
    for number, label in enumerate(labels):
        cell = etree.SubElement(
            sheet, f"{{{SVG_NS}}}svg", x=str(number % columns), y=str(number // columns), width="1", height="1"
        )
        cell.set("viewBox", box)
        etree.SubElement(cell, f"{{{SVG_NS}}}use", {"href": f"#{label}", "style": "display:inline"})
    sheet.append(_style(_ALL_SHOWN))
    return etree.tostring(sheet)


def _style(text: str) -> Element:
    element = etree.Element(f"{{{SVG_NS}}}style")
    element.text = text
    return element


def _drawn(root: Element) -> Iterator[Element]:
    return (each for each in root.iter() if isinstance(each.tag, str))
