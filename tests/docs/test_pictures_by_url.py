"""The lines of ``docs/img.md`` that write URLs, run as they stand: each URL shows a picture."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pictures import opened, photo, saved
from serving import Server

PAGE = (Path(__file__).parents[2] / "docs" / "img.md").read_text()
KEY = "a long secret that only your site knows"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "shoes").mkdir()
    (folder / "a b").mkdir()
    for path in (folder / "red.jpg", folder / "shoes" / "red.jpg", folder / "a b" / "ü.jpg"):
        path.write_bytes(saved(photo(), "JPEG", quality=90))
    running = Server(
        IMG_SOURCES=f"shop=file:{folder}", IMG_KEYS=KEY, IMG_UNSIGNED="true", IMG_PRESETS="w640:w=640,f=auto",
    )  # fmt: skip
    yield running
    running.stop()


def check(server: Server, url: str, width: int) -> None:
    assert url.startswith(server.url), url
    answer = httpx.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    assert opened(answer.content).width == width


def run(words: list[str], server: Server) -> str:
    environment = {**os.environ, "IMG_KEY": KEY, "IMG_BASE": server.url}
    done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_python_function_signs(shop: Server) -> None:
    (code,) = blocks("python")
    check(shop, run([sys.executable, "-c", code], shop), 256)


@pytest.mark.parametrize("which", [0, 1])
def test_the_loaders_of_next_and_nuxt_write_urls_that_work(shop: Server, which: int, tmp_path: Path) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    script = tmp_path / "loader.mjs"
    script.write_text(blocks("javascript")[which])
    check(shop, run(["node", str(script)], shop), 256)


def test_the_helper_of_rails_writes_urls_that_work(shop: Server) -> None:
    if not shutil.which("ruby"):
        pytest.skip("ruby is not installed")
    (code,) = blocks("ruby")
    for source, options in (("shop/red.jpg", "w=400,f=auto"), ("shop/a b/ü.jpg", "w=50")):
        asked = f'{code}\nputs picture_url("{source}", "{options}")'
        check(
            shop,
            run(["ruby", "-ropenssl", "-rbase64", "-rerb", "-e", asked], shop),
            min(256, int(options[2:].partition(",")[0])),
        )


def test_the_command_signs_and_warms(shop: Server, tmp_path: Path) -> None:
    urls = shop.pixlean("sign", "w=100,f=auto", "shop/shoes/red.jpg", "shop/red.jpg", "--base", shop.url)
    for url in urls.split():
        check(shop, url, 100)
    listing = tmp_path / "urls.txt"
    (told,) = shop.pixlean("sign", "--info", "shop/red.jpg", "--base", shop.url).split()
    assert httpx.get(told).json()["width_px"] == photo().width
    listing.write_text(shop.pixlean("sign", "w=90", "shop/red.jpg", "shop/shoes/red.jpg") + "# done\n")
    assert shop.pixlean("warm", str(listing), "--accepts", "avif,plain") == "4 of 4 answers are ready\n"
    listing.write_text(f"{shop.url}/img/unsigned/w640/shop/missing.jpg\n")
    with pytest.raises(AssertionError, match="status 404"):
        shop.pixlean("warm", str(listing))


def test_every_variable_of_the_page_is_a_setting() -> None:
    from pixlean.wiring.environment import load

    known = {row.name for row in load({}).rows}
    pages = PAGE + (Path(__file__).parents[2] / "docs" / "imgproxy.md").read_text()
    named = set(re.findall(r"\b(?:IMG|IMGPROXY|URL_FETCH)_[A-Z0-9_]+\b", pages)) - {"IMG_KEY", "IMG_BASE"}
    assert named <= known, named - known
