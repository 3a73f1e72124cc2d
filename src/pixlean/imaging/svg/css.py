"""CSS judged by its meaning and kept as it was written.

tinycss2 cuts the text into the tokens of CSS Syntax 3, escapes resolved; rules, declarations and single values that
are not on the list are cut out of the text by their position, and nothing else in it changes: `.sm\\:red` stays
`.sm\\:red`. What is open at the end of the text is closed first, as browsers do (CSS Syntax 3, 4.3.4 to 4.3.6, 5.4.8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pixlean.imaging.svg import names
from pixlean.imaging.svg.csstext import BLOCKS, MOST_NESTED, Cuts, Reader, Spanned

# Asked for each url(): what it points to, and the property that uses it. Says which URL to write, or None for none.
JudgeUrl = Callable[[str, str], str | None]

_PAINTS = frozenset({"fill", "stroke"})
# Most values: words, numbers and signs that neither escape, nest, quote nor comment.
_PLAIN_VALUE = re.compile(r"[\w\s#.,%+:;-]*")
_SUSPECT = re.compile(r"behavior|binding|inkscape", re.IGNORECASE)
_PLAIN_TRANSFORM = re.compile(
    r"(?:[\s,]*(?:matrix|translate|scale|rotate|skewX|skewY)\s*\([\d\s.,eE+-]*\))*[\s,]*", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """CSS that may stay: the text, whether something dangerous was cut out, and whether something private is in it."""

    text: str
    dangerous: bool = False
    private: bool = False


class Refused(Exception):
    """A value that may not stay."""


def clean_sheet(text: str, url: JudgeUrl, *, strip: bool) -> Cleaned:
    """The text of a ``style`` element, without what is not allowed."""
    return _until_still(text, lambda reader, cuts: _judge_items(reader.spans, reader, cuts, url, strip, top=True))


def clean_declarations(text: str, url: JudgeUrl, *, strip: bool) -> Cleaned:
    """The text of a ``style`` attribute, without the declarations that are not allowed."""
    if _PLAIN_VALUE.fullmatch(text) and not _SUSPECT.search(text):
        return Cleaned(text=text)
    return _until_still(text, lambda reader, cuts: _judge_items(reader.spans, reader, cuts, url, strip))


def clean_value(text: str, name: str, url: JudgeUrl) -> Cleaned | None:
    """One property's value; ``None`` where it may not stay."""
    if _PLAIN_VALUE.fullmatch(text) or _PLAIN_TRANSFORM.fullmatch(text):
        return Cleaned(text=text)
    try:
        return _until_still(text, lambda reader, cuts: _judge_value(reader.spans, reader, cuts, _for(name, url), name))
    except Refused:
        return None


def _for(name: str, url: JudgeUrl) -> Callable[[str], str | None]:
    return lambda target: url(target, name)


def _until_still(text: str, judge: Callable[[Reader, Cuts], None]) -> Cleaned:
    """Judge, cut and judge again until nothing is left to cut: what is cut out could join what stood around it."""
    dangerous = private = False
    text = re.sub(r"\r\n?|\f", "\n", text)  # CSS Syntax 3, 3.3
    for _ in range(6):
        reader, cuts = Reader(text), Cuts()
        if reader.text is None:
            break
        judge(reader, cuts)
        dangerous, private = dangerous or cuts.dangerous, private or cuts.private
        after = cuts.applied(reader.text)
        if after == text:
            return Cleaned(text=text, dangerous=dangerous, private=private)
        text = after
    return Cleaned(text="", dangerous=True)


def _judge_items(
    spans: list[Spanned],
    reader: Reader,
    cuts: Cuts,
    url: JudgeUrl,
    strip: bool,
    *,
    top: bool = False,
    depth: int = 0,
) -> None:
    """Rules and declarations, one after the other; ``top`` where only rules may stand."""
    for item in _items(spans, top=top):
        start, stop = item[0].start, item[-1].stop
        try:
            if depth > MOST_NESTED:
                raise Refused
            inner = _judge_item(item, reader, cuts, url, strip, top=top)
        except Refused:
            cuts.cut(start, stop)
            continue
        if inner is not None:
            _judge_items(inner, reader, cuts, url, strip, depth=depth + 1)


def _items(spans: list[Spanned], *, top: bool) -> Iterator[list[Spanned]]:
    """Token runs: an at-rule or rule up to its block or semicolon, a declaration up to its semicolon (5.4)."""
    run: list[Spanned] = []
    for each in spans:
        if not run and (each.is_space or each.node == ";" or (top and each.node in ("<!--", "-->"))):
            continue
        run.append(each)
        own_value = run[0].kind == "ident" and run[0].node.value.startswith("--") and not top
        ends_statement = each.node == ";" and not (top and run[0].kind != "at-keyword")
        if ends_statement or (each.kind == "{} block" and not own_value):
            yield run
            run = []
    if run:
        yield run


def _judge_item(
    item: list[Spanned], reader: Reader, cuts: Cuts, url: JudgeUrl, strip: bool, *, top: bool
) -> list[Spanned] | None:
    """Judge one item; returns what is inside it and is still to be judged. Raises ``Refused``."""
    first, block = item[0], item[-1] if item[-1].kind == "{} block" else None
    if first.kind == "at-keyword":
        return _judge_at_rule(item, block, reader, cuts, url)
    significant = [each for each in item if not each.is_space]
    is_declaration = len(significant) > 1 and first.kind == "ident" and significant[1].node == ":"
    own_value = is_declaration and first.node.value.startswith("--")
    if block is not None and not own_value:
        _judge_prelude(item[:-1], reader)
        return reader.inside(block)
    if top or not is_declaration:
        # No rule and no declaration: browsers skip it, and so need not read it.
        cuts.cut(first.start, item[-1].stop, dangerous=False)
        return None
    _judge_declaration(item, reader, cuts, url, strip)
    return None


def _judge_at_rule(
    item: list[Spanned], block: Spanned | None, reader: Reader, cuts: Cuts, url: JudgeUrl
) -> list[Spanned] | None:
    name = item[0].node.lower_value
    if name == "charset":  # the text is UTF-8 from here on
        cuts.cut(item[0].start, item[-1].stop, dangerous=False)
        return None
    if name == "namespace" and _names_svg(item):
        return None
    if name not in names.AT_RULES or (block is None and name != "layer"):
        raise Refused
    _judge_prelude(item[1:-1] if block else item[1:], reader)
    if block is None:
        return None
    if name == "font-face":
        _judge_font_face(block, reader, cuts, url)
        return None
    return reader.inside(block)


def _names_svg(item: list[Spanned]) -> bool:
    """Whether a ``@namespace`` gives SVG's own namespace a prefix: the name of a namespace is never loaded."""
    targets = [part for each in item[1:] for part in (_url_of(each), _string_of(each)) if part is not None]
    rest = [each for each in item[1:] if _url_of(each) is None and _string_of(each) is None and not each.is_space]
    known = {names.SVG_NS, names.XLINK_NS}
    return len(targets) == 1 and targets[0] in known and all(each.kind == "ident" or each.node == ";" for each in rest)


def _judge_prelude(spans: list[Spanned], reader: Reader, depth: int = 0) -> None:
    """Selectors, conditions, names: any words, but nothing that names a resource or is broken."""
    for each in spans:
        if each.kind in ("error", "url", "at-keyword", "{} block") or depth > MOST_NESTED:
            raise Refused
        if each.kind == "function" and each.node.lower_name in names.LOADING:
            raise Refused
        if each.kind in BLOCKS:
            _judge_prelude(reader.inside(each), reader, depth + 1)


def _judge_declaration(item: list[Spanned], reader: Reader, cuts: Cuts, url: JudgeUrl, strip: bool) -> None:
    name = item[0].node.lower_value
    if name in names.PROPERTIES_THAT_RUN:
        raise Refused
    if name.startswith(names.EDITOR_PROPERTIES):
        cuts.private = True
        if strip:
            cuts.cut(item[0].start, item[-1].stop, dangerous=False)
            return
    colon = next(number for number, each in enumerate(item) if each.node == ":")
    _judge_value([each for each in item[colon + 1 :] if each.node != ";"], reader, cuts, _for(name, url), name)


def _judge_value(
    spans: list[Spanned],
    reader: Reader,
    cuts: Cuts,
    url: Callable[[str], str | None],
    name: str,
    depth: int = 0,
) -> None:
    """A value of words, numbers, strings and listed functions. Raises ``Refused``."""
    for each in spans:
        if each.kind in ("error", "at-keyword") or depth > MOST_NESTED:
            raise Refused
        target = _url_of(each)
        if target is not None:
            allowed = url(target)
            if allowed is not None:
                if allowed != target:
                    cuts.cut(each.start, each.stop, dangerous=False, instead=f"url({allowed})")
            elif name in _PAINTS and not depth:
                # A paint that can't be fetched is its fallback, or none (SVG 2, 13.2).
                alone = not any(not other.is_space and other is not each for other in spans)
                cuts.cut(each.start, each.stop, instead="none" if alone else "")
            else:
                raise Refused
        elif each.kind == "function" and each.node.lower_name not in names.FUNCTIONS:
            raise Refused
        elif each.kind in BLOCKS:
            _judge_value(reader.inside(each), reader, cuts, url, name, depth + 1)


def _judge_font_face(block: Spanned, reader: Reader, cuts: Cuts, url: JudgeUrl) -> None:
    """A font may come from the file itself or the viewer's machine; a face that has no source left goes."""
    for declaration in _items(reader.inside(block), top=False):
        if declaration[0].kind != "ident" or declaration[0].node.lower_value != "src":
            try:
                if _judge_item(declaration, reader, cuts, url, strip=False, top=False) is not None:
                    raise Refused
            except Refused:
                cuts.cut(declaration[0].start, declaration[-1].stop)
            continue
        value = [each for each in declaration if each.node != ";"]
        colon = next((number for number, each in enumerate(value) if each.node == ":"), None)
        kept = [] if colon is None else _sources(value[colon + 1 :], reader, url)
        if colon is None or not kept:
            raise Refused
        whole = _text(reader, value[colon + 1 :])
        if ",".join(kept) != whole:
            changed = len(kept) != len(_parts(value[colon + 1 :]))
            cuts.cut(value[colon + 1].start, value[-1].stop, dangerous=changed, instead=",".join(kept))


def _sources(value: list[Spanned], reader: Reader, url: JudgeUrl) -> list[str]:
    """The sources of a font that may stay, as they were written."""
    kept: list[str] = []
    for part in _parts(value):
        trial = Cuts()
        try:
            _judge_value(part, reader, trial, _for("src", url), "src")
        except Refused:
            continue
        words = _text(reader, part)
        moved = Cuts([(start - part[0].start, stop - part[0].start, instead) for start, stop, instead in trial.edits])
        kept.append(moved.applied(words))
    return [each for each in kept if each.strip()]


def _parts(value: list[Spanned]) -> list[list[Spanned]]:
    parts: list[list[Spanned]] = [[]]
    for each in value:
        if each.node == ",":
            parts.append([])
        else:
            parts[-1].append(each)
    return [part for part in parts if part]


def _text(reader: Reader, spans: list[Spanned]) -> str:
    assert reader.text is not None
    return reader.text[spans[0].start : spans[-1].stop] if spans else ""


def _url_of(each: Spanned) -> str | None:
    """What a ``url()`` points to, quoted or not. Raises ``Refused`` where it holds anything else."""
    if each.kind == "url":
        return str(each.node.value)
    if each.kind != "function" or each.node.lower_name != "url":
        return None
    inside = [token for token in each.node.arguments if token.type not in ("whitespace", "comment")]
    if len(inside) != 1 or inside[0].type != "string":
        raise Refused
    return str(inside[0].value)


def _string_of(each: Spanned) -> str | None:
    return str(each.node.value) if each.kind == "string" else None
