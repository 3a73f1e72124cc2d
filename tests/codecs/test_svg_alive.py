"""What a still does not show stays: what moves, answers the pointer, waits to be shown or used; and odd drawings look the same."""

from __future__ import annotations

import base64
import io
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import pixlean
from pixlean.domain.limits import Limits
from pixlean.imaging.svg.facts import facts_of
from pixlean.imaging.svg.render import looks_same, render
from pixlean.imaging.svg.sanitise import sanitise

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24">'
LIVING = {
    "SMIL spinner": '<g fill="none" stroke="#000" stroke-width="2"><circle cx="12" cy="12" r="10" stroke-opacity=".5"/>'
    '<path d="M22 12A10 10 0 0 0 12 2"><animateTransform attributeName="transform" type="rotate" from="0 12 12" to="360 12 12" dur="1s" repeatCount="indefinite"/></path></g>',
    "SMIL rings": '<g fill="none" stroke="#000"><circle cx="12" cy="12" r="0"><animate attributeName="r" values="0;11" dur="1s" repeatCount="indefinite"/>'
    '<animate attributeName="stroke-opacity" values="1;0" dur="1s" repeatCount="indefinite"/></circle></g>',
    "SMIL appearing": '<rect width="24" height="24" fill="#ccc"/><g display="none"><set attributeName="display" to="inline" begin=".5s"/><circle cx="12" cy="12" r="9"/></g>',
    "SMIL bars": "".join(f'<rect x="{x}" y="8" width="4" height="0"><animate attributeName="height" values="0;9;0" begin="{x / 20}s" dur="1s" repeatCount="indefinite"/></rect>' for x in (2, 8, 14)),
    "SMIL opacity": '<g opacity="0"><animate attributeName="opacity" values="0;1" dur="1s" fill="freeze"/><path d="M2 2h20v20H2z"/></g>',
    "SMIL morph": '<path d="M2 2h20v20H2z"><animate attributeName="d" values="M2 2h20v20H2z;M8 8h8v8H8z" dur="1s"/></path>',
    "SMIL motion": '<circle r="3"><animateMotion path="M3 3h18v18z" dur="1s" repeatCount="indefinite"/></circle>',
    "CSS spinner": "<style>.s{transform-origin:center;animation:k 1s linear infinite}@keyframes k{to{transform:rotate(360deg)}}</style>"
    '<path class="s" d="M12 2a10 10 0 0 1 10 10h-3a7 7 0 0 0-7-7z"/>',
    "CSS pulse by kind": "<style>@keyframes k{to{opacity:.2}}rect{animation:k 1s infinite}rect:nth-child(3){animation-delay:.5s}</style>"
    '<rect width="9" height="12"/><rect x="10" width="9" height="12"/>',
    "CSS growing": '<style>.a{animation:k 1s infinite}@keyframes k{to{r:9px}}</style><circle class="a" cx="12" cy="12" r="0"/>',
    "hover icon": '<style>.x{display:none}svg:hover .x{display:inline}rect{transition:fill .2s}</style><rect width="24" height="24" fill="#ccc"/><circle class="x" cx="9" cy="9" r="3"/>',
    "dark mode": "<style>rect{fill:#fff}@media (prefers-color-scheme:dark){rect{fill:#000}}</style><rect width='24' height='12'/>",
    "hidden layer": '<rect width="24" height="24" fill="#ccc"/><g id="tooltip" style="display:none"><circle cx="9" cy="9" r="3"/></g><g id="b" opacity="0"><path id="c" d="M0 0h9v9z"/></g>',
    "sprite": '<symbol id="a" viewBox="0 0 24 24"><path d="M2 2h20v20H2z"/></symbol><symbol id="b" viewBox="0 0 24 24"><circle cx="12" cy="12" r="9"/></symbol>',
    "sprite and use": '<defs><g id="a"><path d="M2 2h9v9H2z"/></g><path id="spare" d="M1 1h9v9z"/></defs><use href="#a" x="5"/>',
    "defs only": '<defs><linearGradient id="g"><stop stop-color="red"/><stop offset="1"/></linearGradient><path id="p" d="M0 0h9v9z"/></defs>',
}  # fmt: skip
ROOTS = {
    "sprite": HEAD.replace("viewBox", 'style="display:none" viewBox'),
    "defs only": HEAD.replace("viewBox", 'width="0" height="0" viewBox'),
}


def document(name: str) -> bytes:
    return f"{ROOTS.get(name, HEAD)}{LIVING[name]}</svg>".encode()


def lives(text: bytes) -> dict[str, int]:
    return dict(facts_of(sanitise(text, Limits(), strip_metadata=True).root).lives)


@pytest.mark.parametrize("name", LIVING)
def test_what_lives_in_a_drawing_stays(name: str) -> None:
    before = document(name)
    made = pixlean.compress(before, quality=60)
    assert lives(before) and lives(made.data) == lives(before), made.data
    assert len(made.data) <= len(before)
    for kind in (b"<path", b"<circle", b"<rect"):
        if b"<style" in before or b"<animate" in before or b"<set" in before:
            assert made.data.count(kind) == before.count(kind), made.data


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
def test_a_browser_shows_the_same_at_two_moments() -> None:
    from playwright.sync_api import sync_playwright

    with ThreadPoolExecutor(1) as thread:  # playwright's has a running loop
        made = list(thread.map(lambda name: pixlean.compress(document(name), quality=60).data, LIVING))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 660, "height": 300})
        shots = []
        for texts in ([document(name) for name in LIVING], made):
            page.set_content("<!doctype html>" + '<div style="float:left;width:72px;height:72px"></div>' * len(texts))
            page.evaluate(
                """texts => document.querySelectorAll('div').forEach((cell, number) => {
                    cell.attachShadow({mode: 'open'}).innerHTML = texts[number];
                })""",
                [text.decode() for text in texts],
            )
            for seconds in (0.3, 0.8):
                page.evaluate(
                    """seconds => document.querySelectorAll('div').forEach(cell => {
                        const svg = cell.shadowRoot.querySelector('svg');
                        svg.pauseAnimations();
                        svg.setCurrentTime(seconds);
                        for (const each of cell.shadowRoot.getAnimations()) { each.pause(); each.currentTime = seconds * 1000 }
                    })""",
                    seconds,
                )
                shots.append(np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGBA")))
        browser.close()
    assert not looks_same(shots[0], shots[1])
    assert looks_same(shots[0], shots[2]) and looks_same(shots[1], shots[3])


INNER = base64.b64encode(
    f'{HEAD.replace("0 0 24 24", "0 0 24 12")}<rect width="24" height="12" fill="red"/><circle cx="6" cy="6" r="5"/></svg>'.encode()
).decode()
ODD = {
    **{
        f"picture in a picture, {ratio}, {kind}": f'<image width="20" height="20" preserveAspectRatio="{ratio}" xlink:href="data:{kind};base64,{INNER}"/>'
        for ratio in ("none", "xMinYMin", "xMidYMid slice", "xMaxYMax meet", "xMinYMax slice") for kind in ("image/svg+xml", "")
    },
    "important": '<style>rect{fill:green!important}</style><rect width="20" height="20" style="fill:red"/>',
    "currentColor before color": '<path d="M0 0h20v20H0z" fill="currentColor" color="green"/>',
    "currentColor in style": '<g style="fill:currentColor;color:green"><path d="M0 0h20v20H0z"/></g>',
    "rgb with decimals": '<path d="M0 0h20v20H0z" fill="rgb(12.7, 127.5, 0.5)"/><path d="M0 0h9v9z" fill="rgb(10.5%, 50.5%, 99%)"/>',
    "odd points": '<polyline points="1 1 20 1 20 20 5" fill="green"/><polygon points="1,1 9,9 1" stroke="red"/>',
    "href beside xlink:href": '<defs><rect id="a" width="20" height="20" fill="green"/><rect id="b" width="20" height="20" fill="red"/></defs><use xlink:href="#b" href="#a"/>',
    "tref": '<defs><text id="t">Text</text></defs><text y="12"><tref xlink:href="#t"/></text>',
    "marker in CSS": '<style>#l{marker:url(#m)}</style><marker id="m" markerWidth="4" markerHeight="4"><path d="M0 0h3v3z"/></marker><path id="l" d="M2 2h9v9" fill="none" stroke="red"/>',
    "kerning and lengths": '<text y="12" kerning="5" font-size="8" textLength="22" lengthAdjust="spacingAndGlyphs">Text</text>',
    "inherited baseline": '<text y="12" alignment-baseline="hanging"><tspan>Text</tspan></text>',
    "child of a foreign element": '<x:q xmlns:x="urn:x"><rect id="r" width="20" height="20" fill="green"/></x:q><use xlink:href="#r"/>',
    "fallback paint": '<path d="M0 0h20v20H0z" fill="url(#none) green"/>',
    "switch": '<switch><g systemLanguage="xx"><rect width="9" height="9" fill="red"/></g><rect width="20" height="20" fill="green"/></switch>',
    "nested svg": '<svg x="4" y="4" width="50%" height="10" viewBox="0 0 4 4" preserveAspectRatio="none"><rect width="4" height="4" fill="red"/></svg>',
    "escaped class": r'<style>.\31 a\:b{fill:green}</style><rect class="1a:b" width="20" height="20"/>',
}  # fmt: skip


def by_resvg(text: bytes) -> np.ndarray:
    resvg = pytest.importorskip("resvg_py")
    png = bytes(resvg.svg_to_bytes(svg_string=text.decode(), width=256))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


@pytest.mark.parametrize("name", ODD)
def test_odd_drawings_look_the_same(name: str) -> None:
    before = f"{HEAD}{ODD[name]}</svg>".encode()
    made = pixlean.compress(before, quality=60).data
    assert looks_same(render(before), render(made)), made
    assert looks_same(by_resvg(before), by_resvg(made)), made
