"""Ids: which of them somebody may have chosen, and short names for those that an editor made up."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from pixlean.imaging.svg.parse import Element, name_of

# Ids that editors make up for every object, of which hardly one is a name that somebody uses: Inkscape's "path1234-5",
# Illustrator's "XMLID_12_" and "SVGID_3_", Figma's "paint0_linear_12_345".
_MADE_UP = re.compile(
    r"(?:path|rect|g|circle|ellipse|use|image|text|tspan|polygon|polyline|line|stop|defs|svg|linearGradient|radialGradient"
    r"|clipPath|mask|pattern|filter|fe[A-Z][A-Za-z]*|marker|metadata|namedview|base|guide|grid|perspective)\d{4,}(?:-\d+)*"
    r"|(?:XML|SVG)ID_\d+_|(?:clip|mask|paint|filter|image|pattern)\d+(?:_[a-z]+)?_\d+_\d+"
)
# Short numbers are an editor's too where they count other things as well and so leave gaps: "path3", "path7", "path12".
# Who numbers by hand leaves none.
_NUMBERED = re.compile(r"([A-Za-z]+?)(\d+)(?:-\d+)*")
_FEWEST_NUMBERED, _LEAST_GAPS = 3, 1.5
_REFERENCE = re.compile(r"(?<=url\(#)[^\s'\"()]+(?=\))|(?<=url\(['\"]#)[^\s'\"()]+(?=['\"]\))")
_ESCAPED = re.compile(rb"#[^\s\"'()<>]*%")
_WORD = re.compile(r"[\w.:-]+")
# What a page or a screen reader names from outside, or what is there for nothing else.
_NAMED_FROM_OUTSIDE = frozenset({"symbol", "view", "title", "desc"})
# Two drawings of one page whose names are the same would take each other's gradients: one pair in sixty million.
_MARK_SIGNS = 5


def chosen_ids(root: Element) -> frozenset[str]:
    """The ids that somebody may have chosen and may use from outside, and those that are named in unusual ways."""
    numbered, mentioned = _numbered_by_an_editor(root), _mentioned(root)
    return frozenset(
        label
        for each in _elements(root)
        if (label := each.get("id"))
        and (
            name_of(each)[1] in _NAMED_FROM_OUTSIDE
            or label in mentioned
            or not (_MADE_UP.fullmatch(label) or label in numbered)
        )
    )


def with_short_names(text: bytes, chosen: frozenset[str]) -> bytes:
    """The drawing with short names for the referenced ids that nobody has chosen: as many for all its readers.

    The names begin with a mark of the drawing's own, so that drawings of one page don't meet in them. An id that is
    named where it is not known to be a reference stays.
    """
    if b"\\" in text or _ESCAPED.search(text):  # an escaped name is the same name in other letters
        return text
    root = etree.fromstring(text)
    named = _referenced(root)
    own = {each.get("id") for each in _elements(root)}
    found = [label for label in named if label in own and label not in chosen]
    mark = _mark(text)
    names = {label: f"{mark}{_in_base_36(number)}" for number, label in enumerate(found)}
    names = {label: name for label, name in names.items() if len(name) < len(label) and name not in own}
    if not names:
        return text
    for each in _elements(root):
        for key, value in each.attrib.items():
            each.set(key, _renamed(key, value, names))
        if name_of(each)[1] == "style" and each.text:
            each.text = _REFERENCE.sub(lambda found: names.get(found[0], found[0]), each.text)
    return bytes(etree.tostring(root, encoding="utf-8"))


def _renamed(key: str, value: str, names: dict[str, str]) -> str:
    if key == "id":
        return names.get(value, value)
    if _is_link(key) and value.startswith("#"):
        return f"#{names.get(value[1:], value[1:])}"
    return _REFERENCE.sub(lambda found: names.get(found[0], found[0]), value)


def _referenced(root: Element) -> list[str]:
    """What is referred to in a way that is known, in the order of the drawing, each once."""
    found: dict[str, None] = {}
    for key, value in _values(root):
        if _is_link(key) and value.startswith("#"):
            found.setdefault(value[1:])
        elif key != "id":
            found.update(dict.fromkeys(_REFERENCE.findall(value)))
    return list(found)


def _mentioned(root: Element) -> frozenset[str]:
    """All words that stand elsewhere in attributes and style sheets, and where links lead that are followed."""
    words = {
        word
        for key, value in _values(root)
        if key != "id" and not (_is_link(key) and value.startswith("#"))
        for word in _WORD.findall(_REFERENCE.sub("", value))
    }
    for each in _elements(root):
        links = [value for key, value in each.attrib.items() if _is_link(key) and value.startswith("#")]
        # Minifiers take blanks for a part of the name.
        words |= {link[1:].strip() for link in links if name_of(each)[1] == "a" or link != link.strip()}
    return frozenset(words)


def _values(root: Element) -> Iterator[tuple[str, str]]:
    """Attributes and style sheets' texts, the latter under the name of their element."""
    for each in _elements(root):
        yield from each.attrib.items()
        if name_of(each)[1] == "style":
            yield "style", each.text or ""


def _is_link(key: str) -> bool:
    return key == "href" or key.endswith("}href")


def _numbered_by_an_editor(root: Element) -> frozenset[str]:
    """Ids like ``path7`` on a path, where the numbers of such ids have gaps; single ones go with the others."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for each in _elements(root):
        match = _NUMBERED.fullmatch(each.get("id") or "")
        if match and match[1] == name_of(each)[1]:
            found[match[1]][match[0]] = int(match[2][:9])
    with_gaps = [
        labels
        for labels in found.values()
        if len(labels) >= _FEWEST_NUMBERED and max(labels.values()) > _LEAST_GAPS * len(labels)
    ]
    single = [
        labels for labels in found.values() if len(labels) < _FEWEST_NUMBERED and max(labels.values()) >= len(labels)
    ]
    return frozenset().union(*with_gaps, *(single if with_gaps else ()))


def _mark(text: bytes) -> str:
    """A letter and letters or digits: an id may not begin with a digit in CSS."""
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    letter, rest = divmod(number, 36 ** (_MARK_SIGNS - 1))
    return chr(ord("a") + letter % 26) + _in_base_36(rest).rjust(_MARK_SIGNS - 1, "0")


def _in_base_36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    high, low = divmod(number, 36)
    return (_in_base_36(high) if high else "") + digits[low]


def _elements(root: Element) -> Iterator[Element]:
    return (each for each in root.iter() if isinstance(each.tag, str))
