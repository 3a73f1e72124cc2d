"""Attributes: which may stay, with which value."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from pixlean.imaging.svg import names
from pixlean.imaging.svg.css import clean_declarations, clean_value
from pixlean.imaging.svg.parse import Element, name_of
from pixlean.imaging.svg.rasters import without_private
from pixlean.imaging.svg.urls import CleanDrawing, MayDecode, clean_font, clean_picture, is_fragment, is_link, runs

# What foreign attributes run or load, in HTML and elsewhere.
_ACTIVE = frozenset(
    {"src", "srcset", "srcdoc", "ping", "action", "formaction", "content", "poster", "background", "data"}
)
_ANIMATED_VALUES = ("to", "from", "by", "values")
# Properties whose fragment is looked up in this document; elsewhere a fragment is the document itself, fetched again.
_LOCAL = ("fill", "stroke", "filter", "clip-path", "mask", "marker", "cursor", "shape-", "offset-path", "color-profile")


@dataclass(kw_only=True)
class Rules:
    """What one walk goes by, and what it met: dangerous things, and merely private ones."""

    strip_metadata: bool
    clean_drawing: CleanDrawing
    may_decode: MayDecode
    dangerous: bool = False
    private: bool = False

    def clean_raster(self, data: bytes) -> bytes:
        """An embedded raster, without what is private in it where that shall go."""
        clean = without_private(data)
        self.private |= clean != data
        return clean if self.strip_metadata else data

    def css_url(self, target: str, name: str) -> str | None:
        """What a ``url()`` in a property may be."""
        if name == "src":
            return clean_font(target)
        if is_fragment(target):
            return target if name.startswith((*_LOCAL, "--")) or name.endswith("mask") else None
        return self.picture(target)

    def picture(self, url: str) -> str | None:
        """An embedded picture as it may stay."""
        return clean_picture(url, self.clean_drawing, self.may_decode, self.clean_raster)


def clean_attributes(element: Element, rules: Rules) -> None:
    """Take out what is not allowed, and clean what holds styles and references."""
    own = name_of(element)[1]
    for key, value in list(element.attrib.items()):
        name = etree.QName(str(key))
        if name.namespace in names.EDITORS or (name.namespace is None and names.is_editors(name.localname)):
            after = _editors(name.localname, value, rules)
        elif name.localname == "href" and name.namespace in (None, names.XLINK_NS):
            after = _reference(value, own, rules)
        elif name.namespace is None:
            animated = own in names.ANIMATIONS and name.localname in _ANIMATED_VALUES
            after = _plain(name.localname, value, rules, element.get("attributeName") if animated else None)
        else:
            listed = {names.XLINK_NS: names.XLINK, names.XML_NS: names.XML}.get(name.namespace, frozenset())
            after = value if name.localname in listed and not runs(value) else None
            rules.dangerous |= after is None and (name.localname.lower() in ("href", "base") or runs(value))
        if after is None:
            del element.attrib[key]
        elif after != value:
            element.set(key, after)


def is_animation_allowed(element: Element, rules: Rules) -> bool:
    """Whether an animation changes a listed attribute to values that the attribute itself might have."""
    target = element.get("attributeName")
    if target is not None and not _is_animated(target.strip()):
        return False
    for name in _ANIMATED_VALUES:
        value = element.get(name)
        if value is not None and (runs(value) or _judged(target or "", value, rules) is None):
            return False
    return True


def _is_animated(name: str) -> bool:
    return names.is_attribute(name) and name not in names.NOT_ANIMATED and name != "style"


def _editors(name: str, value: str, rules: Rules) -> str | None:
    """An editor's own attribute: private, and gone where anything in it could act."""
    if runs(value) or _acts(name) or (name in ("href", "resource", "about") and not is_link(value)):
        rules.dangerous = True
        return None
    rules.private = True
    return None if rules.strip_metadata else value


def _reference(value: str, element: str, rules: Rules) -> str | None:
    """Where an ``href`` may lead: links to pages, pictures to what is embedded, the rest to this document."""
    if is_fragment(value) or (element == "a" and is_link(value)):
        return value
    after = (
        clean_picture(value, rules.clean_drawing, rules.may_decode, rules.clean_raster)
        if element in names.PICTURES
        else None
    )
    rules.dangerous |= after is None
    return after


def _plain(name: str, value: str, rules: Rules, animated: str | None) -> str | None:
    """An attribute without a namespace; ``animated`` is the one whose value it will be."""
    if not names.is_attribute(name):
        rules.dangerous |= _acts(name) or runs(value)
        return None
    if name == "style":
        clean = clean_declarations(value, rules.css_url, strip=rules.strip_metadata)
        rules.dangerous |= clean.dangerous
        rules.private |= clean.private
        return clean.text if clean.text.strip() else None
    after = _judged(animated or name, value, rules)
    rules.dangerous |= after is None
    return after


def _judged(name: str, value: str, rules: Rules) -> str | None:
    """The value of a listed attribute as it may stay; ``None`` where it may not."""
    if name in names.FREE_TEXT or name.startswith("aria-"):
        return value
    if "(" in value or "\\" in value:
        if name.startswith("data-"):
            return None if runs(value) else value
        clean = clean_value(value, name, rules.css_url)
        if clean is None:
            return None
        rules.dangerous |= clean.dangerous
        return clean.text
    return None if ":" in value and runs(value) else value


def _acts(name: str) -> bool:
    """Whether an attribute would run or load something where it means anything."""
    return name.lower().startswith("on") or name.lower() in _ACTIVE
