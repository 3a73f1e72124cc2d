"""SVG: what is dangerous never comes back, what is drawn stays."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

import pixlean
from pictures import SVG
from pixlean.codecs import svg
from pixlean.domain.errors import BadImage, PixleanError

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
    before, after = svg.decode(SVG).first, svg.decode(outcome.data).first
    assert np.abs(before.astype(int) - after.astype(int)).mean() < 1


def test_scour_stands_in_for_svgo(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: bytes, *, strip: bool) -> bytes:
        raise RuntimeError("no V8 here")

    monkeypatch.setattr(svg, "_svgo", broken)
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
