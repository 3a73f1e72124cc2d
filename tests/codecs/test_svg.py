"""SVG: what is dangerous never comes back, what is drawn stays."""

from __future__ import annotations

import asyncio
import gzip
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

import pixlean
from pictures import SVG
from pixlean.codecs import svg
from pixlean.domain.errors import BadImage, PixleanError
from pixlean.imaging.perception import score_frames
from pixlean.imaging.svg.render import looks_same

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="50" height="50">'
DANGEROUS = [
    "<script>alert(1)</script>",
    '<rect width="9" height="9" onclick="alert(1)"/>',
    '<rect width="9" height="9" ONLOAD="alert(1)"/>',
    "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><iframe src='x'/></body></foreignObject>",
    '<a href="javascript:alert(1)"><rect width="9" height="9"/></a>',
    '<a xlink:href="java&#10;script:alert(1)"><rect width="9" height="9"/></a>',
    '<image href="http://evil.example/x.png" width="9" height="9"/>',
    '<image href="//evil.example/x.png" width="9" height="9"/>',
    '<image href="file:///etc/passwd" width="9" height="9"/>',
    '<image href="data:text/html,evil.example" width="9" height="9"/>',
    '<image href="data:image/svg+xml;base64,PHN2Zz4=" width="9" height="9"/>',
    '<use href="http://evil.example/x.svg#a"/>',
    "<style>@import 'http://evil.example/x.css';</style>",
    "<style>rect { fill: url(http://evil.example/x) }</style>",
    r"<style>rect { fill: u\72l(http://evil.example/x) }</style>",
    '<rect width="9" height="9" style="background:url(\'http://evil.example/x\')"/>',
    '<rect width="9" height="9" fill="url(http://evil.example/x#a)"/>',
    '<set attributeName="href" to="javascript:alert(1)"/>',
    '<animate attributeName="xlink:href" values="javascript:alert(1)"/>',
    '<g xml:base="http://evil.example/"/>',
    '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
]
# A star whose points lie between the hundredths.
TINY = "M" + "L".join(
    f"{0.5 + radius * math.sin(step * math.pi / 12):.5f} {0.5 - radius * math.cos(step * math.pi / 12):.5f}"
    for step, radius in enumerate([0.4537, 0.1234] * 12)
)
FORBIDDEN = re.compile(
    rb"script|alert|evil\.example|onclick|onload|foreignobject|iframe|passwd|text/html|svg\+xml", re.IGNORECASE
)


@pytest.mark.parametrize("part", DANGEROUS)
@pytest.mark.parametrize("quality", [40, 90])
def test_nothing_dangerous_comes_back(part: str, quality: int) -> None:
    text = f'{HEAD}{part}<circle cx="25" cy="25" r="9"/></svg>'.encode()
    outcome = pixlean.compress(text, quality=quality, strip_metadata=False)
    body = outcome.data.replace(b"http://www.w3.org/2000/svg", b"").replace(b"http://www.w3.org/1999/xlink", b"")
    assert not FORBIDDEN.search(body), body
    assert b"circle" in body


def test_a_style_sheet_instruction_is_removed() -> None:
    text = b'<?xml-stylesheet href="http://evil.example/x.css"?>' + SVG.replace(b'<?xml version="1.0"?>', b"")
    assert b"evil" not in pixlean.compress(text, strip_metadata=False).data


def test_a_drawing_gets_smaller_and_looks_the_same() -> None:
    outcome = pixlean.compress(SVG)
    assert outcome.method == "svgo" and outcome.reduction_percent > 20
    before, after = svg.CODEC.decode(SVG).first, svg.CODEC.decode(outcome.data).first
    assert np.abs(before.astype(int) - after.astype(int)).mean() < 1


def test_coordinates_are_rounded_as_far_as_nobody_sees_it() -> None:
    waves = " ".join(
        f"L {step * 4 + math.sin(step) / 3:.6f} {500 + 300 * math.sin(step / 9):.6f}" for step in range(250)
    )
    text = f'{HEAD.replace("50", "1000")}<path d="M 0 500 {waves}" fill="none" stroke="navy" stroke-width="9"/></svg>'
    sizes = {}
    for quality in (40, 60, 90):
        outcome = pixlean.compress(text.encode(), quality=quality)
        assert score_frames(svg.CODEC.decode(text.encode()).first, svg.CODEC.decode(outcome.data).first) >= 95
        sizes[quality] = len(outcome.data)
    assert sizes[40] < 0.9 * sizes[60] and sizes[60] <= sizes[90] < 0.6 * len(text)
    # In a drawing of a few units a hundredth is seen.
    tiny = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="{TINY}"/></svg>'.encode()
    seen = svg.CODEC.decode(pixlean.compress(tiny, quality=1).data).first
    assert looks_same(svg.CODEC.decode(tiny).first, seen)


def test_ids_that_an_editor_made_up_go_where_nothing_refers_to_them() -> None:
    body = (
        '<defs><linearGradient id="linearGradient4321"><stop id="stop4322" stop-color="red"/></linearGradient></defs>'
        '<g id="layer-roof"><rect id="rect1234" width="9" height="9" fill="url(#linearGradient4321)"/></g>'
        '<circle id="eye" cx="30" cy="30" r="9"/><path id="SVGID_3_" d="M0 40h9v9z"/>'
    )
    shorter = pixlean.compress(f"{HEAD}{body}</svg>".encode()).data
    found = set(re.findall(rb'id="([^"]+)"', shorter))
    assert {b"layer-roof", b"eye"} < found and len(found) == 3 and b"4321" not in shorter
    moving = '<animate href="#rect1234" attributeName="x" to="9" dur="1s"/>'
    assert b'"rect1234"' in pixlean.compress(f"{HEAD}{body}{moving}</svg>".encode()).data


def _numbered(numbers: tuple[int, ...]) -> bytes:
    paths = "".join(f'<path id="path{n}" fill="rgb({n},99,9)" d="M{n} 0h9v{n}z"/>' for n in numbers)
    return f'{HEAD}<g id="g1">{paths}</g></svg>'.encode()


def test_small_numbers_are_an_editors_where_they_leave_gaps_and_somebodys_where_they_don_t() -> None:
    assert b"path" not in pixlean.compress(_numbered((3, 5, 7, 9, 13))).data.replace(b"<path", b"")
    by_hand = pixlean.compress(_numbered((1, 2, 3, 4))).data
    assert all(f'id="path{number}"'.encode() in by_hand for number in (1, 2, 3, 4))


def test_what_a_screen_reader_or_a_link_names_keeps_its_id() -> None:
    """However much it looks like an editor's: the names of the drawing, its views, and whatever ARIA refers to."""
    numbered = _numbered((3, 5, 7, 9, 13)).decode().replace("</svg>", "")
    text = f'{numbered}<title id="title1">A</title><view id="view1" viewBox="0 0 9 9"/><g aria-labelledby="text1234"/>'
    made = pixlean.compress(f'{text}<text id="text1234" y="9">x</text></svg>'.encode()).data
    for name in (b"title1", b"view1", b"text1234"):
        assert b'id="' + name + b'"' in made
    assert b"path5" not in made


def test_svgo_also_works_where_an_event_loop_runs() -> None:
    async def within() -> str:
        return pixlean.compress(SVG).method

    assert asyncio.run(within()) == "svgo"


def _coloured(colour: str, more: str = "") -> bytes:
    return (
        f'{HEAD}<defs><linearGradient id="linearGradient4321"><stop stop-color="{colour}"/><stop offset="1"/>'
        f'</linearGradient></defs><rect width="40" height="40" style="fill:url(#linearGradient4321)"/>{more}</svg>'
    ).encode()


def test_referenced_ids_get_short_names_that_drawings_of_one_page_do_not_share() -> None:
    names = []
    for colour in ("red", "blue"):
        made = pixlean.compress(_coloured(colour)).data
        (name,) = re.findall(rb'id="([^"]+)"', made)
        assert len(name) < 8 and b"url(#" + name + b")" in made
        before, after = (svg.CODEC.decode(each).first for each in (_coloured(colour), made))
        assert looks_same(before, after)
        names.append(name)
    assert names[0] != names[1]


@pytest.mark.parametrize(
    "more",
    [
        '<text aria-labelledby="linearGradient4321" y="9">x</text>',
        '<a href="#linearGradient4321"><path d="M0 9h9v9z"/></a>',
        '<path d="M0 30h9v9z" fill="url(#linearGradient%34321)"/>',
        '<use href="#linearGradient4321 "/>',
        r"<style>.a{fill:url(#linearGradient432\31 )}</style><path class='a' d='M0 40h9v9z'/>",
    ],
)
def test_ids_that_are_named_in_other_ways_too_keep_their_names(more: str) -> None:
    assert b'id="linearGradient4321"' in pixlean.compress(_coloured("red", more)).data


def test_scour_stands_in_for_svgo(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: bytes, facts: object, *, strip: bool) -> Callable[[int], bytes]:
        raise RuntimeError("no V8 here")

    monkeypatch.setattr(svg.minify, "svgo", broken)
    assert pixlean.compress(SVG).method == "scour"


def test_local_references_and_embedded_pictures_stay() -> None:
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    text = (
        f'{HEAD}<defs><linearGradient id="a"><stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/>'
        f'</linearGradient></defs><rect width="40" height="40" fill="url(#a)"/>'
        f'<image href="{pixel}" width="9" height="9"/></svg>'
    ).encode()
    made = pixlean.compress(text).data
    assert b"url(#" in made and b"data:image/png;base64" in made


def test_entity_and_gzip_bombs_are_refused() -> None:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE svg [<!ENTITY l0 "lol">{lines}]>{HEAD}<text>&l9;</text></svg>'.encode()
    with pytest.raises(BadImage):
        pixlean.compress(bomb)
    with pytest.raises(PixleanError):
        pixlean.compress(gzip.compress(HEAD.encode() + b" " * (64 << 20) + b"</svg>"))


def test_svgz_stays_gzip() -> None:
    made = pixlean.compress(gzip.compress(SVG)).data
    assert made[:2] == b"\x1f\x8b" and b"<svg" in gzip.decompress(made)


def test_nested_uses_that_would_draw_billions_are_refused() -> None:
    levels = "".join(f'<g id="a{n}"><use href="#a{n + 1}"/><use xlink:href="#a{n + 1}"/></g>' for n in range(40))
    with pytest.raises(PixleanError, match="max_svg_elements"):
        pixlean.compress(f'{HEAD}{levels}<rect id="a40"/><use href="#a0"/></svg>'.encode())
    circle = HEAD + '<g id="a"><use href="#a"/></g><rect width="9" height="9" fill="red"/></svg>'
    assert pixlean.compress(circle.encode()).data
