"""The SVG sanitiser: an allow-list of elements, attributes and references; everything else goes.

What may run, load or point outside never survives: scripts, handlers, foreign content, style sheets that import,
references that are neither a fragment of this document nor an embedded picture. What comes back is always this text,
never the one that was read: UTF-8, without document type, processing instructions and unused namespaces, and such that
sanitising it again changes nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, replace

from lxml import etree
from PIL import Image

from pixlean.domain.errors import BadImage, LimitExceeded
from pixlean.domain.limits import Limits
from pixlean.imaging.svg import names
from pixlean.imaging.svg.attributes import Rules, clean_attributes, is_animation_allowed
from pixlean.imaging.svg.css import clean_sheet
from pixlean.imaging.svg.parse import Element, name_of, parse, plain_text

# Pictures in pictures in pictures; browsers stop at one.
_MOST_NESTED_DRAWINGS = 3
_POINTED_TO = re.compile(r"#([^\s\"'()<>;&]+)")
_DRAWN, _METADATA = "drawn", "metadata"


@dataclass(frozen=True, kw_only=True)
class Sanitised:
    """The clean document, and whether anything dangerous or private was taken out of it.

    A document that was ``heavy`` embedded more pixels than a renderer may be asked for.
    """

    text: bytes
    dangerous: bool
    private: bool
    heavy: bool
    root: Element


def sanitise(text: bytes, limits: Limits, *, strip_metadata: bool) -> Sanitised:
    """Rebuild the document from what is allowed. Raises ``BadImage`` where it can't be parsed."""
    return _sanitise(text, _Inside(limits), strip_metadata=strip_metadata, depth=0)


class _Inside:
    """What all that is embedded in a document may still take, at any depth."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._left_bytes = limits.max_svgz_bytes
        self._left_pixels = limits.max_total_pixels

    def text_of(self, data: bytes) -> bytes:
        """The text of an embedded drawing. Raises ``BadImage`` and ``LimitExceeded``."""
        text = plain_text(data, replace(self.limits, max_svgz_bytes=self._left_bytes))
        self._left_bytes = max(0, self._left_bytes - len(text))
        return text

    def may_decode(self, data: bytes) -> bool:
        """Whether a renderer may be asked to decode one more raster: a few bytes of PNG can mean gigabytes."""
        try:
            with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as picture:
                self._left_pixels -= picture.width * picture.height
        except Image.DecompressionBombError:
            self._left_pixels = -1
        except (OSError, SyntaxError, ValueError):
            return True  # broken, or of a kind that only some viewers know: it costs nobody anything
        return not self.is_overdrawn

    @property
    def is_overdrawn(self) -> bool:
        """Whether more pixels were asked for than there were."""
        return self._left_pixels < 0


def _sanitise(text: bytes, inside: _Inside, *, strip_metadata: bool, depth: int) -> Sanitised:
    root = parse(text, inside.limits)

    def clean_drawing(data: bytes) -> bytes | None:
        """An embedded drawing, cleaned by the same rules."""
        if depth >= _MOST_NESTED_DRAWINGS:
            return None
        try:
            clean = _sanitise(inside.text_of(data), inside, strip_metadata=strip_metadata, depth=depth + 1)
        except (BadImage, LimitExceeded):
            return None
        rules.private |= clean.private
        return clean.text

    rules = Rules(strip_metadata=strip_metadata, clean_drawing=clean_drawing, may_decode=inside.may_decode)
    _Walk(root, rules).run()
    etree.cleanup_namespaces(root)
    return Sanitised(
        text=_written(root, rules),
        dangerous=rules.dangerous,
        private=rules.private,
        heavy=inside.is_overdrawn,
        root=root,
    )


def _written(root: Element, rules: Rules) -> bytes:
    """The document's text: its root, and the comments around it where they are to stay."""
    before = [each for each in root.itersiblings(preceding=True) if _is_comment(each)][::-1]
    after = [each for each in root.itersiblings() if _is_comment(each)]
    parts = []
    for each in (*before, root, *after):
        if each is root:
            parts.append(etree.tostring(root, encoding="utf-8", xml_declaration=False, with_tail=False))
        elif _may_stay(each):
            rules.private = True
            if not rules.strip_metadata:
                parts.append(etree.tostring(each, encoding="utf-8", with_tail=False))
    return b"\n".join(parts)


def _is_comment(node: Element) -> bool:
    return isinstance(node, etree._Comment)


def _may_stay(comment: Element) -> bool:
    """Whether a comment is one for HTML parsers too, which end it at ``>`` right after its start, or at ``--!>``."""
    return not re.search(r"[<>]|--|-\Z", comment.text or "")


class _Walk:
    """One walk over the tree that takes out what is not allowed, parents first."""

    def __init__(self, root: Element, rules: Rules) -> None:
        self._root = root
        self._rules = rules
        self._namespaces = (names.SVG_NS, name_of(root)[0])
        self._pointed_to: frozenset[str] | None = None

    def run(self) -> None:
        """Clean the root and everything below it."""
        clean_attributes(self._root, self._rules)
        todo = [(child, _DRAWN) for child in reversed(self._root)]
        while todo:
            element, place = todo.pop()
            stays = self._judge(element, place)
            if stays is None:
                lifted = self._dismiss(element)
                if lifted is not None:
                    todo.append((lifted, _DRAWN))
                continue
            todo += [(child, stays) for child in reversed(element)]

    def _judge(self, element: Element, place: str) -> str | None:
        """What an element's children stand in; ``None`` where the element goes."""
        if not isinstance(element.tag, str):
            return self._judge_node(element, place)
        namespace, name = name_of(element)
        strip = self._rules.strip_metadata
        if namespace in names.EDITORS:
            self._rules.private = True
            return None if strip else self._cleaned(element, _METADATA)
        if namespace not in self._namespaces or name not in names.ELEMENTS:
            self._rules.dangerous = True
            return None
        if name == "metadata":
            self._rules.private = True
            return None if strip else self._cleaned(element, _METADATA)
        if name == "style":
            self._clean_style(element)
        elif name in names.ANIMATIONS and not is_animation_allowed(element, self._rules):
            self._rules.dangerous = True
            return None
        elif name in names.TEXT_ONLY:
            self._keep_text_only(element)
        return self._cleaned(element, place)

    def _judge_node(self, node: Element, place: str) -> str | None:
        if not _is_comment(node):
            self._rules.dangerous = True
            return None
        if not _may_stay(node):
            return None
        self._rules.private = True
        return None if self._rules.strip_metadata else place

    def _cleaned(self, element: Element, place: str) -> str:
        clean_attributes(element, self._rules)
        return place

    def _clean_style(self, element: Element) -> None:
        """A style sheet is the text between the element's children, as browsers read it."""
        text = (element.text or "") + "".join(child.tail or "" for child in element)
        for child in list(element):
            element.remove(child)
        clean = clean_sheet(text, self._rules.css_url, strip=self._rules.strip_metadata)
        self._rules.dangerous |= clean.dangerous
        self._rules.private |= clean.private
        element.text = clean.text

    def _keep_text_only(self, element: Element) -> None:
        for child in list(element):
            self._rules.dangerous |= isinstance(child.tag, str)
            _take_out(child)

    def _dismiss(self, element: Element) -> Element | None:
        """Take an element out.

        What ``use`` points to draws wherever it stands, within unknown elements too (SVG 2, 5.6): such shapes are put
        into a ``defs`` in its place, which is returned.
        """
        kept = self._used_within(element) if isinstance(element.tag, str) and len(element) else []
        if not kept:
            _take_out(element)
            return None
        namespace = self._namespaces[1]
        shelter = etree.Element("defs" if namespace is None else f"{{{names.SVG_NS}}}defs")
        for each in kept:
            each.tail = None
            shelter.append(each)
        shelter.tail, element.tail = element.tail, None
        element.getparent().replace(element, shelter)
        return shelter

    def _used_within(self, element: Element) -> list[Element]:
        """The outermost allowed elements with an id that something points to."""
        if self._pointed_to is None:
            self._pointed_to = frozenset(_POINTED_TO.findall(etree.tostring(self._root, encoding="unicode")))
        kept: list[Element] = []
        todo = list(element)
        while todo:
            each = todo.pop(0)
            if not isinstance(each.tag, str):
                continue
            namespace, name = name_of(each)
            if namespace in self._namespaces and name in names.ELEMENTS and each.get("id") in self._pointed_to:
                kept.append(each)
            else:
                todo += each
        return kept


def _take_out(element: Element) -> None:
    """Remove an element and keep the text that follows it, in constant time."""
    parent = element.getparent()
    tail = element.tail
    if tail and (tail.strip() or name_of(parent)[1] in names.SHOWS_TEXT):
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)
