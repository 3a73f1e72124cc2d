"""The sanitiser: one allow-list, CSS as it was written, and nothing left to do the second time."""

from __future__ import annotations

import base64
import gzip
import zlib
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixlean
from pixlean.domain.errors import PixleanError
from pixlean.domain.limits import Limits
from pixlean.imaging.svg.sanitise import sanitise
from svgvectors import HEAD, SHAPE, vectors

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def clean(body: str, *, strip: bool = True) -> str:
    text = sanitise(f"{HEAD}{body}</svg>".encode(), Limits(), strip_metadata=strip).text.decode()
    return text.split(">", 1)[1].removesuffix("</svg>")


def sheet(css: str) -> str:
    return clean(f"<style>{css}</style>").removeprefix("<style>").removesuffix("</style>").replace("<style/>", "")


@pytest.mark.parametrize(
    "css",
    [
        r".\30 2d93889{fill:red}",
        r".sm\:red{fill:red}",
        r".w-1\/2 { fill : red }",
        r"#\31 0 > .\@a{fill:red}",
        ".a{fill:red!important}/* why */ .b{fill:rgb(1.5, 2%, 3 / .5)}",
        "@media (min-width:1px){.a:hover{fill:red}}",
        "@supports not (fill:red){.a{fill:red}}",
        "@-webkit-keyframes k{from{fill:red}50%{fill:url(#a)}to{transform:rotate(1turn)}}",
        "@layer a,b;@layer a{.a{fill:red}}",
        '.a{font-family:"it\'s"}',
        '@font-face{font-family:F;src:local(x),url(data:font/woff2;base64,d09GMgABAAA=) format("woff2")}',
        ".a{--c:{a:b};fill:var(--c,url(#a))}",
        "a{&:hover{fill:red}fill:blue}",
        "@namespace s url(http://www.w3.org/2000/svg);s|path{fill:red}",
        ".a{d:path('M0 0h9');mask:url('#m');filter:drop-shadow(0 0 1px red)}",
    ],
)
def test_harmless_css_stays_as_it_was_written(css: str) -> None:
    said = sheet(css.replace("&", "&amp;").replace(">", "&gt;"))
    assert said.replace("&amp;", "&").replace("&gt;", ">") == css


@pytest.mark.parametrize(
    ("css", "rest"),
    [
        (r"@\69mport 'x';.a{fill:red}", ".a{fill:red}"),
        ("@charset 'utf-8';.a{fill:red}", ".a{fill:red}"),
        ("@font-face{src:url(x.woff)}.a{fill:red}", ".a{fill:red}"),
        ("@font-face{src:url(x),local(y)}", "@font-face{src:local(y)}"),
        (r".a{background:u\72l(x);fill:red}", ".a{fill:red}"),
        (".a{fill:url(http://x/#a) red}", ".a{fill: red}"),
        (".a{fill:url(http://x/#a)}", ".a{fill:none}"),
        (".a{background:image-set('x' 1x);fill:red}", ".a{fill:red}"),
        (".a{behavior:url(#x);-moz-binding:none;fill:red}", ".a{fill:red}"),
        (".a{fill:u/**/rl(x);stroke:red}", ".a{stroke:red}"),
        (".a{fill:red", ".a{fill:red}"),
        (".a{fill:url(#b", ".a{fill:url(#b)}"),
        (".a{font-family:'b", ".a{font-family:'b'}"),
        (".a{fill:red}/* open", ".a{fill:red}/* open*/"),
        ("@document url(x){.a{fill:red}}.b{fill:red}", ".b{fill:red}"),
        (".a{width:expression(1)}.a{x:y}", ".a{}.a{x:y}"),
    ],
)
def test_css_loses_what_is_not_allowed_and_nothing_else(css: str, rest: str) -> None:
    assert sheet(css) == rest


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("data:image/png;base64," + base64.b64encode(PNG).decode(), True),
        ("data:img/png;base64," + base64.b64encode(PNG).decode(), True),
        ("data:;base64," + base64.b64encode(PNG).decode(), True),
        ("data:image/png," + quote(PNG), True),
        ("data:text/html;base64," + base64.b64encode(PNG).decode(), True),
        ("data:image/png;base64,AAAA", False),
        ("data:image/svg+xml;base64," + base64.b64encode(f"{HEAD}{SHAPE}</svg>".encode()).decode(), True),
        ("data:image/svg+xml;utf8," + quote(f"{HEAD}{SHAPE}</svg>"), True),
        (
            "data:image/svg+xml;base64," + base64.b64encode(gzip.compress(f"{HEAD}{SHAPE}</svg>".encode())).decode(),
            True,
        ),
        ("data:image/svg+xml,%3Csvg", False),
        ("https://example.com/a.png", False),
        ("a.png", False),
    ],
)
def test_embedded_pictures_stay_by_their_bytes(url: str, stays: bool) -> None:
    said = clean(f'<image href="{url}"/>')
    assert ("data:" in said) is stays and "text/html" not in said


def test_a_picture_that_would_take_gigabytes_is_taken_out() -> None:
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + PNG[24:29]
    large = PNG[:12] + header + zlib.crc32(header).to_bytes(4, "big") + PNG[33:]
    assert clean(f'<image href="data:image/png;base64,{base64.b64encode(large).decode()}"/>') == "<image/>"


@pytest.mark.parametrize("url", ["https://example.com/x", "mailto:a@example.com", "page.html", "../a?b=c:d", "#top"])
def test_links_stay(url: str) -> None:
    body = f'<a href="{url}"><path d="M0 0h9v9z" fill="red"/></a>'
    assert clean(body) == body and url.encode() in pixlean.compress(f"{HEAD}{body}</svg>".encode()).data


def test_what_use_points_to_draws_within_elements_that_go() -> None:
    body = '<x:a xmlns:x="urn:x"><rect id="r" width="9" height="9" onclick="a()"/><rect/></x:a><use href="#r"/>'
    assert clean(body) == '<defs><rect id="r" width="9" height="9"/></defs><use href="#r"/>'


@pytest.mark.parametrize("strip", [True, False])
def test_metadata_holds_only_what_editors_write(strip: bool) -> None:
    body = (
        '<metadata><script>1</script><d:title xmlns:d="http://purl.org/dc/elements/1.1/" onload="1">t</d:title>'
        '<x:b xmlns:x="http://www.w3.org/1999/xhtml"/></metadata>'
        '<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:label="l" data-name="n" style="-inkscape-a:b;fill:red"/>'
    )
    said = clean(body, strip=strip)
    assert "script" not in said and "xhtml" not in said and "onload" not in said
    assert all((word in said) is not strip for word in ("metadata", "label", "data-name", "-inkscape-a"))


def test_entities_that_are_elements_are_drawn() -> None:
    text = f"""<!DOCTYPE svg [<!ENTITY r "<rect id='r'/>">]>{HEAD}<g>&r;</g></svg>"""
    assert b'<g><rect id="r"/></g>' in sanitise(text.encode(), Limits(), strip_metadata=True).text


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_every_encoding_becomes_utf_8(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{HEAD}<text>é</text></svg>'.encode(
        encoding
    )
    made = pixlean.compress(text, quality=90).data
    assert "é" in made.decode("utf-8") and not made.startswith(b"<?xml")


@pytest.mark.parametrize("strip", [True, False])
def test_only_canonical_text_may_stay(strip: bool) -> None:
    small = f'{HEAD}<path d="M0 0h9v9z"/></svg>'.encode()
    first = pixlean.compress(small, strip_metadata=strip).data
    assert pixlean.compress(first, strip_metadata=strip).data == first
    for text in (b"<!-- a -->" + first, b"<?a?>" + first, first.decode().encode("utf-16"), b"<!DOCTYPE svg>" + first):
        made = pixlean.compress(text, strip_metadata=strip).data
        assert made == sanitise(made, Limits(), strip_metadata=strip).text


def test_sanitising_the_vectors_again_changes_nothing() -> None:
    for _, text in vectors("http://127.0.0.1:9/canary/"):
        for strip in (True, False):
            try:
                once = sanitise(text, Limits(), strip_metadata=strip)
            except PixleanError:
                continue
            again = sanitise(once.text, Limits(), strip_metadata=strip)
            assert again.text == once.text and not again.dangerous


PIECES = st.sampled_from(
    [*"{}()[];:,'\"\\/*@#!<>&- \n\f", "/*", "*/", "url(", "url('", "@import ", "@media all", "@font-face", "src:", "fill:", "--x:", "#a",
     "http://x/", "data:image/png;base64,", "\\75 ", "\\a", ".a", "red", "var(", "image-set(", "<!--", "-->", "!important", "a:hover",
     "@keyframes k", "@layer a", "expression(", "é", "\u2028", "local(x)", "format('woff')", "@namespace ", "0%", "&:hover"]
)  # fmt: skip
CSS = st.lists(PIECES, max_size=24).map("".join)
NAMES = st.sampled_from(
    [
        "g",
        "rect",
        "use",
        "image",
        "a",
        "style",
        "script",
        "defs",
        "symbol",
        "animate",
        "set",
        "title",
        "metadata",
        "foo",
        "text",
        "switch",
    ]
)
KEYS = st.sampled_from(
    ["href", "xlink:href", "style", "fill", "filter", "id", "class", "onload", "attributeName", "to", "values", "x:y", "data-name", "xml:base"]
)  # fmt: skip
VALUES = st.one_of(
    CSS,
    st.sampled_from(["#a", "javascript:a()", "http://x/", "href", "fill", "onclick", "data:image/svg+xml,<svg/>", "a"]),
)


def quoted(text: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\n", "&#10;"), ("\f", " ")):
        text = text.replace(sign, entity)
    return text


def element(parts: tuple[str, dict[str, str], list[str]]) -> str:
    name, attributes, inside = parts
    said = "".join(f' {key}="{quoted(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{''.join(inside)}</{name}>"


TREES = st.recursive(
    st.one_of(CSS.map(quoted), st.sampled_from(["<!-- a -->", "<?a b?>", "<![CDATA[ .a{} ]]>", "<!-- > -->", "&amp;"])),
    lambda inner: st.tuples(NAMES, st.dictionaries(KEYS, VALUES, max_size=3), st.lists(inner, max_size=3)).map(element),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=TREES, strip=st.booleans())
def test_sanitising_again_changes_nothing(body: str, strip: bool) -> None:
    head = HEAD.replace(">", ' xmlns:x="urn:x">')
    once = sanitise(f"{head}{body}</svg>".encode(), Limits(), strip_metadata=strip)
    again = sanitise(once.text, Limits(), strip_metadata=strip)
    assert again.text == once.text and not again.dangerous


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(css=CSS)
@pytest.mark.timeout(900)
def test_any_css_is_still_after_once(css: str) -> None:
    once = sanitise(f"{HEAD}<style>{quoted(css)}</style></svg>".encode(), Limits(), strip_metadata=True)
    assert sanitise(once.text, Limits(), strip_metadata=True).text == once.text
