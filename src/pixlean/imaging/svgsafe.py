"""The SVG sanitiser: an allow-list of elements, attributes and references; everything else goes.

What may run, load or point outside never survives: scripts, handlers, foreign content, style sheets that import,
references that are neither a fragment of this document nor an embedded raster picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits

SVG_NS, XLINK_NS, XML_NS = (
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/XML/1998/namespace",
)
_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "defs",
        "symbol",
        "use",
        "switch",
        "a",
        "title",
        "desc",
        "metadata",
        "style",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "tref",
        "textPath",
        "altGlyph",
        "altGlyphDef",
        "altGlyphItem",
        "glyphRef",
        "image",
        "marker",
        "pattern",
        "clipPath",
        "mask",
        "linearGradient",
        "radialGradient",
        "meshgradient",
        "meshpatch",
        "meshrow",
        "mesh",
        "hatch",
        "hatchpath",
        "solidcolor",
        "stop",
        "filter",
        "feBlend",
        "feColorMatrix",
        "feComponentTransfer",
        "feComposite",
        "feConvolveMatrix",
        "feDiffuseLighting",
        "feDisplacementMap",
        "feDistantLight",
        "feDropShadow",
        "feFlood",
        "feFuncA",
        "feFuncB",
        "feFuncG",
        "feFuncR",
        "feGaussianBlur",
        "feImage",
        "feMerge",
        "feMergeNode",
        "feMorphology",
        "feOffset",
        "fePointLight",
        "feSpecularLighting",
        "feSpotLight",
        "feTile",
        "feTurbulence",
        "animate",
        "animateColor",
        "animateMotion",
        "animateTransform",
        "set",
        "mpath",
        "view",
        "cursor",
        "font",
        "font-face",
        "font-face-src",
        "font-face-name",
        "glyph",
        "missing-glyph",
        "hkern",
        "vkern",
        "flowRoot",
        "flowRegion",
        "flowPara",
        "flowSpan",
        "color-profile",
    ]
)
_ANIMATIONS = {"animate", "animateColor", "animateMotion", "animateTransform", "set"}
_HARMLESS_FOREIGN = re.compile(
    r"inkscape|sodipodi|sketch|adobe|rdf|purl\.org|creativecommons|serif|figma|vectornator|boxy"
)
_PICTURE_DATA = re.compile(
    r"data:image/(?:png|jpe?g|gif|webp|avif|bmp)(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=\s%]*", re.IGNORECASE
)
_FONT_DATA = re.compile(
    r"data:(?:application/(?:x-)?font[\w.-]*|font/[\w.-]+)(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_IMPORT = re.compile(r"@(?:import|charset|namespace|document)\b[^;{}]*;?", re.IGNORECASE)
_CSS_URL = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)]*?))\s*\)", re.IGNORECASE)
_CSS_ACTIVE = re.compile(
    r"(?:expression|image-set|-webkit-image-set|image|src|cross-fade|element)\s*\([^)]*\)|-moz-binding\s*:[^;}]*|behavior\s*:[^;}]*"
    r"|javascript\s*:|vbscript\s*:|data\s*:\s*text[^;)\"']*",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[\x00-\x20\u00a0\u2028\u2029]+")
_SCHEME = re.compile(r"(?:java|vb|live)script:|data:(?!image/(?:png|jpe?g|gif|webp|avif|bmp)[;,])", re.IGNORECASE)


Element = Any


@dataclass
class _Report:
    """What the walk removed: ``dangerous`` things, and merely private or redundant ones."""

    dangerous: bool = False
    private: bool = False


@dataclass(frozen=True)
class Sanitised:
    """The clean document, and whether anything dangerous or private was taken out of it."""

    text: bytes
    dangerous: bool
    private: bool
    root: Element


def namespace_of(element: Element) -> str | None:
    """The XML namespace of an element."""
    found: str | None = etree.QName(element).namespace
    return found


def parse(text: bytes, limits: Limits) -> Element:
    """Parse an SVG document without network, external entities or unbounded expansion. Raises ``BadImage``."""
    limits.check("max_svg_bytes", len(text))
    if re.search(rb"<!ENTITY\s+%", text[:65536]):
        raise BadImage("the SVG declares parameter entities")
    parser = etree.XMLParser(
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,
        remove_comments=False,
    )
    if len(re.findall(rb"<!ENTITY", text[: 1 << 20])) and _entity_growth(text) > 4 * len(text) + 65536:
        raise BadImage("the SVG's entities expand too far")
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise BadImage("the SVG is not well-formed XML") from error
    if etree.QName(root).localname != "svg":
        raise BadImage("the document's root is not svg")
    _check_shape(root, limits)
    return root


def _entity_growth(text: bytes) -> int:
    """An upper estimate of the size after entity expansion, without expanding anything."""
    declared = dict(re.findall(rb"<!ENTITY\s+([\w:.-]+)\s+[\"']([^\"']*)[\"']\s*>", text[: 1 << 20]))
    known: dict[bytes, int] = {}

    def size_of(name: bytes, depth: int) -> int:
        if depth > 20:
            return 1 << 40
        if name not in known:
            value = declared.get(name, b"")
            inner = re.findall(rb"&([\w:.-]+);", value)
            known[name] = 1 << 40 if name in inner else len(value) + sum(size_of(part, depth + 1) for part in inner)
        return known[name]

    return sum(size_of(name, 0) for name in re.findall(rb"&([\w:.-]+);", text) if name in declared)


def _check_shape(root: Element, limits: Limits) -> None:
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if event == "start":
            limits.check("max_svg_depth", depth)
            limits.check("max_svg_elements", count)
    if count > 2:
        limits.check("max_svg_elements", min(_drawn_elements(root, limits.max_svg_elements), 10**12))


def _drawn_elements(root: Element, enough: int) -> int:
    """How many elements drawing means when every ``use`` is followed: a few lines of nested ones make billions.

    A circle of uses draws nothing (renderers stop there). Counts stop growing beyond ``enough``.
    """
    by_id = {element.get("id"): element for element in root.iterdescendants() if element.get("id")}
    if not by_id:
        return 0
    drawn: dict[Element, int] = {}
    open_now: set[Element] = set()
    stack: list[tuple[Element, bool]] = [(root, False)]
    while stack:
        element, done = stack.pop()
        below = [*element, *_used_by(element, by_id)]
        if done:
            open_now.discard(element)
            drawn[element] = min(enough + 1, 1 + sum(drawn.get(each, 0) for each in below))
        elif element not in drawn and element not in open_now:
            open_now.add(element)
            stack.append((element, True))
            stack += [(each, False) for each in below if each not in drawn and each not in open_now]
    return drawn[root]


def _used_by(element: Element, by_id: dict[str | None, Element]) -> list[Element]:
    if not isinstance(element.tag, str) or etree.QName(element).localname != "use":
        return []
    target = (element.get("href") or element.get("{http://www.w3.org/1999/xlink}href") or "").strip()
    return [by_id[target[1:]]] if target[:1] == "#" and target[1:] in by_id else []


def sanitise(text: bytes, limits: Limits, *, strip_metadata: bool) -> Sanitised:
    """Rebuild the document from what is allowed. Raises ``BadImage`` where it can't be parsed."""
    root = parse(text, limits)
    report = _Report()
    namespace = etree.QName(root).namespace
    _clean_attributes(root, report)
    doomed: list[Element] = []
    walker = root.iterdescendants()
    skipped: set[Element] = set()
    for element in walker:
        parent = element.getparent()
        if parent in skipped:
            skipped.add(element)
            continue
        if not isinstance(element.tag, str):
            if isinstance(element, etree._Entity) or not isinstance(element, etree._Comment):
                report.dangerous = True
            else:
                report.private = True
                if not strip_metadata:
                    continue
            doomed.append(element)
            continue
        name = etree.QName(element)
        inside_metadata = not strip_metadata and any(
            isinstance(up.tag, str) and etree.QName(up).localname == "metadata" for up in element.iterancestors()
        )
        if inside_metadata:
            _clean_attributes(element, report)
        elif not _allowed(name, namespace, strip_metadata, report):
            doomed.append(element)
            skipped.add(element)
        elif name.localname == "style":
            element.text = clean_css("".join(element.itertext()), report)
            for child in list(element):
                element.remove(child)
            _clean_attributes(element, report)
        elif name.localname in _ANIMATIONS and _animates_reference(element):
            report.dangerous = True
            doomed.append(element)
            skipped.add(element)
        else:
            _clean_attributes(element, report)
    for element in doomed:
        _remove(element)
    if strip_metadata:
        etree.cleanup_namespaces(root)
    encoded = etree.tostring(root, encoding="utf-8", xml_declaration=False)
    before_root = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:2000].split(b"<svg", 1)[0]
    report.private |= b"<!--" in before_root
    report.dangerous |= b"<?xml-stylesheet" in before_root or b"<!ENTITY" in text[:65536]
    return Sanitised(encoded, report.dangerous, report.private, root)


def _allowed(name: etree.QName, namespace: str | None, strip_metadata: bool, report: _Report) -> bool:
    if name.namespace not in (SVG_NS, namespace) or name.namespace not in (SVG_NS, None):
        harmless = _HARMLESS_FOREIGN.search(name.namespace or "")
        report.private |= bool(harmless)
        report.dangerous |= not harmless
        return bool(harmless) and not strip_metadata
    if name.localname == "metadata":
        report.private = True
        return not strip_metadata
    if name.localname not in _ELEMENTS:
        report.dangerous = True
        return False
    return True


def _remove(element: Element) -> None:
    """Remove an element and keep the text that follows it, in constant time."""
    parent = element.getparent()
    if parent is None:
        return
    tail = element.tail
    if tail and tail.strip():
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)


def _animates_reference(element: Element) -> bool:
    target = _SPACES.sub("", element.get("attributeName") or "").lower().rpartition(":")[2]
    if target in ("href", "src", "style", "class") or target.startswith("on"):
        return True
    values = ";".join(element.get(name) or "" for name in ("to", "from", "by", "values"))
    return bool(_SCHEME.search(_SPACES.sub("", values)))


def _clean_attributes(element: Element, report: _Report) -> None:
    for key, value in list(element.attrib.items()):
        name = etree.QName(str(key))
        local = name.localname.lower()
        text = str(value)
        if (
            local.startswith("on")
            or (name.namespace == XML_NS and local == "base")
            or local in ("src", "ping", "action", "formaction", "content")
        ):
            report.dangerous = True
            del element.attrib[key]
        elif local == "href" or local == "resource" or (local == "about" and text):
            if local == "href" and not _safe_reference(text, etree.QName(element).localname):
                report.dangerous = True
                del element.attrib[key]
        elif name.namespace not in (None, SVG_NS, XLINK_NS, XML_NS):
            if _SCHEME.search(_SPACES.sub("", text)):
                report.dangerous = True
                del element.attrib[key]
        elif "\\" in text or "(" in text or ":" in text:
            cleaned = clean_css(text, report) if local == "style" or "(" in text or "\\" in text else text
            if _SCHEME.search(_SPACES.sub("", cleaned)) and local not in ("d", "id", "class"):
                report.dangerous = True
                del element.attrib[key]
            elif cleaned != text:
                element.set(key, cleaned)


def _safe_reference(value: str, element: str) -> bool:
    target = _SPACES.sub("", value)
    if target.startswith("#"):
        return True
    return element in ("image", "feImage") and bool(_PICTURE_DATA.fullmatch(value.strip()))


def clean_css(text: str, report: _Report) -> str:
    """CSS without imports, active functions and references that leave the document."""
    before = None
    cleaned = text
    if "\\" in cleaned:
        cleaned = _CSS_ESCAPE.sub(_unescape, cleaned)
    for _ in range(8):
        if cleaned == before:
            return cleaned
        before = cleaned
        cleaned = _CSS_COMMENT.sub("", cleaned)
        cleaned = _CSS_IMPORT.sub("", cleaned)
        cleaned = _CSS_ACTIVE.sub("", cleaned)
        cleaned = _CSS_URL.sub(_keep_local_url, cleaned)
        if _CSS_COMMENT.sub("", before) != cleaned:
            report.dangerous = True
    report.dangerous = True
    return ""


def _unescape(found: re.Match[str]) -> str:
    if found.group(1):
        number = int(found.group(1), 16)
        return chr(number) if 0x20 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else ""
    return found.group(2) or ""


def _keep_local_url(found: re.Match[str]) -> str:
    target = next((group for group in found.groups() if group is not None), "").strip()
    if target.startswith("#") or _PICTURE_DATA.fullmatch(target) or _FONT_DATA.fullmatch(target):
        return found.group(0)
    return "none"
