"""From bytes to a tree: XML within limits, without network, external entities or unbounded expansion."""

from __future__ import annotations

import re
import zlib
from typing import Any

from lxml import etree

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits
from pixlean.imaging.svg.names import SVG_NS, XLINK_NS

Element = Any
_GZIP = b"\x1f\x8b"
_PARSER_DEPTH = 256  # libxml2's, unless it is told that the tree is huge


def plain_text(data: bytes, limits: Limits) -> bytes:
    """The text of an SVG or SVGZ, bounded. Raises ``BadImage`` and ``LimitExceeded``."""
    return inflate(data, limits) if data[:2] == _GZIP else data


def inflate(data: bytes, limits: Limits) -> bytes:
    """The text of an SVGZ, all gzip members, bounded. Raises ``BadImage`` and ``LimitExceeded``."""
    out = bytearray()
    rest = data
    while rest[:2] == _GZIP:
        member = zlib.decompressobj(31)
        try:
            out += member.decompress(rest, limits.max_svgz_bytes + 1 - len(out))
            limits.check("max_svgz_bytes", len(out))
        except zlib.error as error:
            raise BadImage("the SVGZ does not inflate") from error
        if not member.eof:
            raise BadImage("the SVGZ ends early")
        rest = member.unused_data
    if not out:
        raise BadImage("the SVGZ is empty")
    return bytes(out)


def name_of(element: Element) -> tuple[str | None, str]:
    """An element's namespace and its name in it."""
    name = etree.QName(element)
    return name.namespace, name.localname


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
        huge_tree=False,  # libxml2's own guards against entities that grow and texts without end stay on
        remove_comments=False,
    )
    if len(re.findall(rb"<!ENTITY", text[: 1 << 20])) and _entity_growth(text) > 4 * len(text) + 65536:
        raise BadImage("the SVG's entities expand too far")
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        if "Excessive depth" in str(error):
            limits.check("max_svg_depth", max(limits.max_svg_depth, _PARSER_DEPTH) + 1)
        raise BadImage("the SVG is not well-formed XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        root = _without_document_type(root)
    if root.tag not in ("svg", f"{{{SVG_NS}}}svg"):
        raise BadImage("the document's root is not svg")
    _check_shape(root, limits)
    return root


def _without_document_type(root: Element) -> Element:
    """The document once more, from its text with entities expanded.

    libxml2 reads an entity's elements before it knows where they will stand, so they lack the default namespace.
    """
    for entity in list(root.iter(etree.Entity)):
        parent, before, text = entity.getparent(), entity.getprevious(), entity.tail or ""
        if before is not None:
            before.tail = (before.tail or "") + text
        else:
            parent.text = (parent.text or "") + text
        parent.remove(entity)
    around = [each for each in root.itersiblings(preceding=True) if isinstance(each, etree._Comment)][::-1]
    texts = [etree.tostring(each, encoding="utf-8", with_tail=False) for each in (*around, root)]
    try:
        return etree.fromstring(b"".join(texts), etree.XMLParser(no_network=True, resolve_entities=False))
    except etree.XMLSyntaxError as error:
        raise BadImage("the SVG's entities leave no well-formed XML") from error


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
        element, is_left = stack.pop()
        below = [*element, *_used_by(element, by_id)]
        if is_left:
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
    target = (element.get("href") or element.get(f"{{{XLINK_NS}}}href") or "").strip()
    return [by_id[target[1:]]] if target[:1] == "#" and target[1:] in by_id else []
