"""imgproxy's URLs: what its documentation writes comes out as it says, judged by libvips and by colours in corners."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pyvips
from PIL import Image

from origins import Origin
from pictures import animated, exif, graphic, opened, photo, saved, with_alpha
from pixlean.access.signatures import PathKey, Signatures
from serving import Server
from unsafeurls import NEVER

KEY, SALT = (
    "943b421c9eb07c830af81030552c86009268de4e532ba2ee2eab8247c6da0881",
    "520f986b998545b4785e0defbc4f3c1203f22de2374a3d53cb7a7fe9fea309c5",
)
SIGNATURES = Signatures(keys=(PathKey(bytes.fromhex(KEY), bytes.fromhex(SALT)),))


def quarters() -> Image.Image:
    """Red and lime above, blue and yellow below: 400 x 200."""
    image = Image.new("RGB", (400, 200))
    for number, colour in enumerate(("red", "lime", "blue", "yellow")):
        image.paste(colour, (number % 2 * 200, number // 2 * 100, number % 2 * 200 + 200, number // 2 * 100 + 100))
    return image


FILES = {
    "q.png": saved(quarters(), "PNG"),
    "photo.jpg": saved(photo().resize((640, 480)), "JPEG", quality=92),
    "turned.jpg": saved(photo().resize((640, 480)), "JPEG", quality=92, exif=exif(6)),
    "alpha.png": saved(with_alpha(), "PNG"),
    "modern.webp": saved(photo(), "WEBP", quality=90),
    "alpha.webp": saved(with_alpha(), "WEBP", quality=90),
    "moving.gif": animated("GIF"),
    "text.txt": b"no picture",
    "a b/ü@2x.png": saved(graphic(), "PNG"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("imgproxy")
    for name, data in FILES.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_bytes(data)
    return made


@pytest.fixture(scope="module")
def proxy(folder: Path) -> Iterator[Server]:
    running = Server(
        IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMGPROXY_PRESETS="small=rs:fit:100:100,sharp=sh:0.5/pr:small",
        IMGPROXY_AUTO_WEBP="true",
    )  # fmt: skip
    yield running
    running.stop()


def shown(server: Server, path: str, accept: str = "*/*", **headers: str) -> httpx.Response:
    """The answer to a path as it is written: other clients tidy it up."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", path, headers={"Accept": accept, **headers})
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
    finally:
        connection.close()


def picture(server: Server, options: str, name: str = "q.png") -> Image.Image:
    slash = "/" if options else ""
    answer = shown(server, f"/insecure/{options}{slash}plain/local:///{name}")
    assert answer.status_code == 200, answer.text
    return opened(answer.content)


def corners(image: Image.Image) -> tuple[str, ...]:
    named = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
    pixels = image.convert("RGB")
    points = ((3, 3), (image.width - 4, 3), (3, image.height - 4), (image.width - 4, image.height - 4))

    def name(point: tuple[int, int]) -> str:
        seen = np.array(pixels.getpixel(point))
        return min(named, key=lambda colour: int(np.abs(seen - named[colour]).sum()))

    return tuple(name(point) for point in points)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("", (400, 200)),
        ("rs:fit:100:100", (100, 50)),
        ("resize:fit:100:100:0", (100, 50)),
        ("rs:fit:800:800", (400, 200)),
        ("rs:fit:800:800:1", (800, 400)),
        ("rs:fill:100:100", (100, 100)),
        ("rs:fill:100:50:0:0", (100, 50)),
        ("rs:fill:800:100", (400, 100)),
        ("rs:fill:800:100:1", (800, 100)),
        ("rs:fill-down:800:400", (400, 200)),
        ("rs:fill-down:800:800", (200, 200)),
        ("rs:fill-down:100:100", (100, 100)),
        ("rs:force:100:100", (100, 100)),
        ("rs:force:500:100", (400, 80)),
        ("rs:force:500:100:1", (500, 100)),
        ("rs:force:300:0", (300, 200)),
        ("rs:force:0:50", (400, 50)),
        ("rs:force:800:100", (400, 50)),
        ("rs:fill:150:150/dpr:2", (200, 200)),
        ("rs:fill:150:150/dpr:4/pd:30", (280, 280)),
        ("rs:fit:300:300:0:1/dpr:2", (400, 400)),
        ("rs:fill:150:150:1/dpr:2", (300, 300)),
        ("rs:auto:100:50", (100, 50)),
        ("rs:auto:100:80", (100, 80)),
        ("rs:auto:80:100", (80, 40)),
        ("rs::120", (120, 60)),
        ("rs:fit:0:50", (100, 50)),
        ("size:120:0", (120, 60)),
        ("s:120", (120, 60)),
        ("s:120:120:0:1", (120, 120)),
        ("rt:fill/w:60/h:60", (60, 60)),
        ("w:60", (60, 30)),
        ("width:60/height:60", (60, 30)),
        ("h:60", (120, 60)),
        ("w:60/dpr:2", (120, 60)),
        ("w:60/z:2", (120, 60)),
        ("s:50:50/rt:force/zoom:2:3", (100, 150)),
        ("w:500/el:1", (500, 250)),
        ("w:500/enlarge:t", (500, 250)),
        ("w:100/h:100/ex:1", (100, 100)),
        ("extend:1:no/w:100/h:100", (100, 100)),
        ("pd:10", (420, 220)),
        ("w:100/pd:10:20", (140, 70)),
        ("w:100/padding:1:2:3:4", (106, 54)),
        ("w:100/pd:10/dpr:2", (240, 140)),
        ("c:100:100", (100, 100)),
        ("crop:0.5:0.5", (200, 100)),
        ("c:0:50", (400, 50)),
        ("c:4000:50", (400, 50)),
        ("c:100:100/rs:fit:50:50", (50, 50)),
        ("rot:90", (200, 400)),
        ("rotate:180/w:100", (100, 50)),
        ("rot:90/rs:fit:100:100", (50, 100)),
        ("pr:small", (100, 50)),
        ("preset:sharp", (100, 50)),
        ("pr:small/w:40", (40, 20)),
        ("cb:2024/w:40", (40, 20)),
        ("w:40/watermark:0", (40, 20)),
        ("mw:300/w:100", (100, 150)),
        ("min-width:300", (400, 200)),
        ("min-height:300/w:100", (100, 300)),
        ("mh:300", (600, 300)),
        ("rs:fill:100:100/mw:400/dpr:1", (100, 100)),
        ("mw:300/w:50/dpr:2", (67, 200)),
        ("z:0.5", (200, 100)),
        ("z:0.5:1", (200, 200)),
        ("z:2", (400, 200)),
        ("z:2/el:1", (800, 400)),
        ("dpr:0.5", (200, 100)),
        ("w:100/h:100/exar:1", (100, 100)),
        ("rs:fit:800:800/extend_aspect_ratio:1", (400, 400)),
        ("rs:fit:100:50/extend_ar:1", (100, 50)),
        ("s:100:100:0:1/exar:1:no/pd:10", (120, 120)),
        ("pix:10/w:100", (100, 50)),
        ("c:100:60:nowe/rot:90", (100, 60)),
        ("c:0.5:0/rot:90", (100, 400)),
        ("trim:10", (400, 200)),
    ],
)
def test_sizes(proxy: Server, options: str, size: tuple[int, int]) -> None:
    assert picture(proxy, options).size == size


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("rs:fill:100:100/g:we", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:ea", ("lime", "lime", "yellow", "yellow")),
        ("rs:fill:100:100/g:ce", ("red", "lime", "blue", "yellow")),
        ("rs:fill:100:100", ("red", "lime", "blue", "yellow")),
        ("rs:fill:200:40/g:no", ("red", "lime", "red", "lime")),
        ("rs:fill:200:40/gravity:so", ("blue", "yellow", "blue", "yellow")),
        ("rs:fill:100:100/g:fp:0:0.5", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:fp:0.9:0.1", ("lime", "lime", "yellow", "yellow")),
        ("rs:fill:100:100/g:we:0:0", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:we:30", ("red", "lime", "blue", "yellow")),
        ("rs:fill:100:100/g:we:0.5", ("lime", "lime", "yellow", "yellow")),
        ("rs:fill:100:100/g:ea:0.5", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:ea:100:0/dpr:2", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:ce:-50:0", ("red", "red", "blue", "blue")),
        ("rs:fill:100:100/g:we:4000:0", ("lime", "lime", "yellow", "yellow")),
        ("c:100:60:soea:200:100", ("red", "red", "red", "red")),
        ("c:100:60:nowe:10:100", ("blue", "blue", "blue", "blue")),
        ("c:100:60:nowe/rot:90", ("blue", "blue", "blue", "blue")),
        ("c:60:100:noea:0:0/rot:90", ("red", "red", "red", "red")),
        ("c:60:100:nowe:100:0/rot:90", ("red", "red", "red", "red")),
        ("c:100:60:soea:100:0/rot:180", ("red", "red", "red", "red")),
        ("c:100:60:nowe", ("red", "red", "red", "red")),
        ("c:100:60:soea", ("yellow", "yellow", "yellow", "yellow")),
        ("c:100:60/g:noea", ("lime", "lime", "lime", "lime")),
        ("c:100:60:sowe/g:noea", ("blue", "blue", "blue", "blue")),
        ("c:100:60:fp:0.25:0.75", ("blue", "blue", "blue", "blue")),
        ("rot:90", ("blue", "red", "yellow", "lime")),
        ("rot:180", ("yellow", "blue", "lime", "red")),
        ("rot:270", ("lime", "yellow", "red", "blue")),
    ],
)
def test_what_is_cut_and_turned(proxy: Server, options: str, expected: tuple[str, ...]) -> None:
    assert corners(picture(proxy, f"{options}/f:png")) == expected


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("ex:1:no:0:10", (0, 10)),
        ("ex:1:so:0:0.1", (0, 40)),
        ("exar:1:so", (0, 50)),
        ("exar:1", (0, 25)),
        ("ex:1", (0, 25)),
        ("ex:1:no", (0, 0)),
        ("ex:1:so", (0, 50)),
        ("ex:1:nowe", (0, 0)),
        ("ex:1:ce", (0, 25)),
    ],
)
def test_extended_pictures_stand_where_the_gravity_says(proxy: Server, options: str, place: tuple[int, int]) -> None:
    image = picture(proxy, f"rs:fit:100:100/{options}/f:png").convert("RGBA")
    alpha = np.asarray(image)[..., 3]
    rows = np.flatnonzero(alpha[:, 50] > 200)
    assert (rows[0], rows[-1]) == (place[1], place[1] + 49) and image.size == (100, 100)


def test_a_background_is_seen_behind_and_around(proxy: Server) -> None:
    around = picture(proxy, "w:100/pd:10/bg:0:128:255/f:png").convert("RGB")
    assert around.getpixel((2, 2)) == (0, 128, 255) and around.getpixel((20, 20)) == (255, 0, 0)
    behind = picture(proxy, "bg:00ff00/f:jpg/q:95", "alpha.png").convert("RGB").getpixel((2, 100))
    assert behind[1] > 230 and behind[0] < 30


@pytest.mark.parametrize(
    "options", ["rs:fit:200:200", "rs:fill:200:200", "rs:force:333:200", "c:300:300/w:150", "rot:90/w:100"]
)
def test_pixels_are_those_that_libvips_makes(proxy: Server, options: str) -> None:
    ours = picture(proxy, f"{options}/f:png", "photo.jpg").convert("RGB")
    source = pyvips.Image.new_from_buffer(FILES["photo.jpg"], "")
    if options.startswith("c:"):
        made = source.crop(170, 90, 300, 300).thumbnail_image(150, height=10_000)
    elif options.startswith("rot"):
        made = source.rot90().thumbnail_image(100, height=10_000)
    elif "fill" in options:
        made = source.thumbnail_image(267, height=200, size="force").crop(34, 0, 200, 200)
    else:
        width, height = (333, 200) if "force" in options else (200, 200)
        made = source.thumbnail_image(width, height=height, size="force" if "force" in options else "down")
    theirs = made.numpy()
    assert (ours.height, ours.width) == theirs.shape[:2]
    assert np.abs(np.asarray(ours, float) - theirs.astype(float)).mean() < 4


@pytest.mark.parametrize(
    ("name", "options", "accept", "kind"),
    [
        ("photo.jpg", "", "*/*", "image/jpeg"),
        ("alpha.png", "w:50", "*/*", "image/png"),
        ("moving.gif", "w:20", "*/*", "image/gif"),
        ("modern.webp", "w:50", "*/*", "image/jpeg"),
        ("alpha.webp", "w:50", "*/*", "image/png"),
        ("photo.jpg", "f:webp", "*/*", "image/webp"),
        ("photo.jpg", "format:avif/w:50", "*/*", "image/avif"),
        ("photo.jpg", "ext:png/w:50", "*/*", "image/png"),
        ("photo.jpg@webp", "w:50", "*/*", "image/webp"),
        ("photo.jpg@jpg", "w:50/f:png", "*/*", "image/jpeg"),
        ("photo.jpg", "w:50", "image/webp,*/*", "image/webp"),
        ("photo.jpg@jpg", "w:50", "image/webp,*/*", "image/jpeg"),
        ("photo.jpg", "w:50", "image/avif,*/*", "image/jpeg"),
    ],
)
def test_formats(proxy: Server, name: str, options: str, accept: str, kind: str) -> None:
    slash = "/" if options else ""
    answer = shown(proxy, f"/insecure/{options}{slash}plain/local:///{name}", accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert ("Accept" in answer.headers.get("vary", "")) == (
        "@" not in name and "f:" not in options and "ext" not in options and "format" not in options
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/insecure/w:abc/plain/local:///q.png", 404),
        ("/insecure/nothing:1/plain/local:///q.png", 404),
        ("/insecure/rs:odd:1:1/plain/local:///q.png", 404),
        ("/insecure/g:up/plain/local:///q.png", 404),
        ("/insecure/g:fp:2:2/plain/local:///q.png", 404),
        ("/insecure/rot:45/plain/local:///q.png", 404),
        ("/insecure/pr:nobody/plain/local:///q.png", 404),
        ("/insecure/w:1:2/plain/local:///q.png", 404),
        ("/insecure/plain/", 404),
        ("/insecure/w:10", 404),
        ("/insecure/w:10/!!!", 404),
        ("/insecure/plain/local:///missing.png", 404),
        ("/insecure/plain/local:///../q.png", 404),
        ("/insecure/plain/local:///%2e%2e/q.png", 404),
        ("/insecure/plain/file:///etc/passwd", 404),
        ("/insecure/plain/s3://bucket/a.png", 404),
        ("/insecure/plain/https://example.com/a.png", 404),
        ("/insecure/plain/http://127.0.0.1/a.png", 404),
        ("/insecure/plain/local:///text.txt", 422),
        ("/insecure/wm:0.5/plain/local:///q.png", 422),
        ("/insecure/raw:1/plain/local:///text.txt", 422),
        ("/insecure/t:x/plain/local:///q.png", 404),
        ("/insecure/t:10:xyz/plain/local:///q.png", 404),
        ("/insecure/aq:guess/plain/local:///q.png", 404),
        ("/insecure/ex:1:sm/w:10/plain/local:///q.png", 404),
        ("/insecure/mh:1000000/plain/local:///q.png", 422),
        ("/insecure/vts:3/plain/local:///q.png", 422),
        ("/insecure/ar:0/plain/local:///q.png", 422),
        ("/insecure/g:no:x/rs:fill:10:10/plain/local:///q.png", 404),
        ("/insecure/g:no:1:2:3/rs:fill:10:10/plain/local:///q.png", 404),
        ("/insecure/plain/local:///q.png@mp4", 422),
        ("/insecure/enc/abcdef", 422),
        ("/insecure/exp:1000000000/plain/local:///q.png", 404),
        ("/insecure/w:2000000/plain/local:///q.png", 404),
        ("/insecure/pd:30000:30000/plain/local:///q.png", 422),
        ("/insecure/rs:force:30000:30000:1/plain/local:///q.png", 422),
        ("/insecure/msr:100/plain/local:///q.png", 403),
        ("/insecure/max_src_file_size:100/plain/local:///q.png", 403),
        ("/info/insecure/msr:100/plain/local:///q.png", 403),
        ("/info/insecure/exif:1/plain/local:///q.png", 422),
        ("/info/insecure/avg:1/plain/local:///q.png", 422),
        ("/info/insecure/rs:fit:10/plain/local:///q.png", 404),
        ("/info/insecure/p:300/plain/local:///q.png", 404),
        ("/info/insecure/exp:1000000000/plain/local:///q.png", 404),
        ("/info/insecure/plain/local:///none.png", 404),
        ("/info/insecure/plain/local:///text.txt", 422),
        ("/info/insecure/enc/abcdef", 422),
    ],
)
def test_what_is_wrong_or_not_done_is_a_line_that_names_it(proxy: Server, path: str, status: int) -> None:
    answer = shown(proxy, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain") and answer.headers["cache-control"] == "no-store"
    if status == 422 and "wm:" in path:
        assert "wm" in answer.text


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("t:10", (100, 80)),
        ("trim:10:ffffff", (100, 80)),
        ("t:10:fff:1", (300, 80)),
        ("t:10:fff:0:1", (100, 160)),
        ("t:10::1:t", (300, 160)),
        ("t:10:00ff00", (400, 200)),
        ("t:255", (400, 200)),
        ("t:10/w:50", (50, 40)),
        ("t:10/w:40/dpr:2", (80, 64)),
        ("t:10/w:80/dpr:4", (100, 80)),
        ("t:10/c:0.5:0.5:nowe", (50, 40)),
        ("t:10/rs:auto:50:40", (50, 40)),
        ("t:10/w:100/h:100/ex:1", (100, 100)),
        ("t:10/rot:90", (80, 100)),
        ("t:10/pd:5", (110, 90)),
    ],
)
@pytest.mark.parametrize("name", ["object.png", "grey.jpg", "clear.png", "deep.png"])
def test_ground_is_trimmed_off_before_all_else(
    proxy: Server, folder: Path, name: str, options: str, size: tuple[int, int]
) -> None:
    """An object of 100 x 80 on 400 x 200, fifty pixels from the left and twenty from above."""
    image = Image.new("RGBA" if name == "clear.png" else "RGB", (400, 200), "#ffffff")
    image.paste("black" if name == "grey.jpg" else "navy", (50, 20, 150, 100))
    if name == "clear.png":
        image.putalpha(Image.fromarray(np.asarray(image.convert("L")) < 128).convert("L"))
        options = options.replace("ffffff", "ff00ff").replace("fff", "f0f")
    (folder / name).write_bytes(
        saved(image.convert("L"), "JPEG", quality=95) if name == "grey.jpg" else _png(image, name)
    )
    made = picture(proxy, f"{options}/f:png", name)
    assert made.size == size
    if options == "t:10":
        dark = np.asarray(made.convert("L"))
        assert dark[10:-10, 10:-10].max() < 60 and dark.shape == (80, 100)


def _png(image: Image.Image, name: str) -> bytes:
    if name != "deep.png":
        return saved(image, "PNG")
    deep = pyvips.Image.new_from_array(np.asarray(image)).colourspace("rgb16")
    made: bytes = deep.pngsave_buffer(bitdepth=16)
    return made


def test_animations_are_not_trimmed(proxy: Server) -> None:
    made = picture(proxy, "t:255:000/f:gif", "moving.gif")
    assert made.size == opened(FILES["moving.gif"]).size and made.n_frames > 1  # type: ignore[attr-defined]


def test_squares_have_one_colour_each(proxy: Server) -> None:
    made = np.asarray(picture(proxy, "pix:32/f:png", "photo.jpg").convert("RGB")).astype(int)
    assert np.ptp(made[32:64, 96:128].reshape(-1, 3), axis=0).max() <= 2
    assert np.ptp(made[:, ::32].reshape(-1, 3), axis=0).min() > 60
    started = time.monotonic()
    one = np.asarray(picture(proxy, "pix:1000000/f:png", "photo.jpg").convert("RGB")).astype(int)
    assert one.shape == (480, 640, 3) and np.ptp(one.reshape(-1, 3), axis=0).max() <= 2
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("options", "name", "untouched"),
    [
        ("raw:1", "photo.jpg", True),
        ("raw:1/w:10/rot:90", "turned.jpg", True),
        ("raw:1", "photo.jpg@png", True),
        ("raw:0", "photo.jpg", False),
        ("skp:jpg", "photo.jpg", True),
        ("skp:png:jpeg", "photo.jpg@jpg", True),
        ("skip_processing:png/w:10", "photo.jpg", False),
        ("skp:jpg", "photo.jpg@webp", False),
        ("skp:webp", "modern.webp", True),
        ("skp:webp", "modern.webp@webp", True),
    ],
)
def test_sources_go_out_as_they_are_where_that_is_asked_for(
    proxy: Server, options: str, name: str, untouched: bool
) -> None:
    answer = shown(proxy, f"/insecure/{options}/plain/local:///{name}")
    assert answer.status_code == 200
    file = name.partition("@")[0]
    assert (answer.content == FILES[file]) == untouched
    if untouched:
        assert answer.headers["content-type"] == ("image/webp" if file.endswith("webp") else "image/jpeg")
        assert shown(
            proxy, f"/insecure/{options}/plain/local:///{name}", **{"If-None-Match": answer.headers["etag"]}
        ).status_code == 304  # fmt: skip


def test_a_drawing_is_cleaned_even_where_it_is_asked_for_raw(proxy: Server, folder: Path) -> None:
    (folder / "a.svg").write_bytes(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script><path d="M0 0h9v9z"/></svg>'
    )
    for options in ("raw:1", "skp:svg"):
        answer = shown(proxy, f"/insecure/{options}/plain/local:///a.svg")
        assert answer.headers["content-type"] == "image/svg+xml" and b"script" not in answer.content


def test_the_best_format_and_the_quality_by_look(proxy: Server) -> None:
    for accept, kind in (("image/avif,image/webp,*/*", "image/avif"), ("*/*", "image/jpeg")):
        answer = shown(proxy, "/insecure/w:200/f:best/plain/local:///photo.jpg", accept)
        assert answer.headers["content-type"] == kind and "Accept" in answer.headers["vary"]
    sizes = [
        len(shown(proxy, f"/insecure/{options}/plain/local:///photo.jpg@jpg").content)
        for options in ("aq:dssim:0.005", "aq:dssim:0.02:10:90:0.001", "autoquality:ml:0.08")
    ]
    assert sizes[0] > 1.15 * sizes[1] > 1.3 * sizes[2]
    assert len(shown(proxy, "/insecure/aq:size:14000/plain/local:///photo.jpg@jpg").content) <= 14000


def test_the_operator_decides_on_separators_attachments_and_what_is_skipped(folder: Path) -> None:
    server = Server(
        IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMGPROXY_ARGUMENTS_SEPARATOR=";", IMGPROXY_RETURN_ATTACHMENT="1",
        IMGPROXY_SKIP_PROCESSING_FORMATS="JPG", IMGPROXY_PRESETS="small=rs;fit;100;100",
    )  # fmt: skip
    try:
        answer = shown(server, "/insecure/rs;fit;50;50/plain/local:///q.png")
        assert opened(answer.content).size == (50, 25)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert opened(shown(server, "/insecure/pr;small/plain/local:///q.png").content).size == (100, 50)
        assert shown(server, "/insecure/w;50/plain/local:///photo.jpg").content == FILES["photo.jpg"]
        inline = shown(server, "/insecure/att;0/plain/local:///q.png").headers["content-disposition"]
        assert inline.startswith("inline")
    finally:
        server.stop()


def test_sources_in_base64_and_with_odd_names(proxy: Server) -> None:
    encoded = base64.urlsafe_b64encode(b"local:///photo.jpg").decode().rstrip("=")
    answer = shown(proxy, f"/insecure/w:50/{encoded[:6]}/{encoded[6:]}.png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert shown(proxy, "/insecure/w:50/plain/local:///a%20b/%C3%BC%402x.png@webp").status_code == 200


def test_a_turned_picture_stands_upright_and_keeps_nothing_but_its_copyright(proxy: Server, folder: Path) -> None:
    made = Image.Exif()
    made[0x010F], made[0x8298] = "SecretCam", "Ann Author"
    (folder / "mine.jpg").write_bytes(saved(photo(), "JPEG", exif=made.tobytes()))
    assert picture(proxy, "w:120", "turned.jpg").size == (120, 160)
    kept = picture(proxy, "w:120", "mine.jpg").getexif()
    assert kept.get(0x8298) == "Ann Author" and 0x010F not in kept
    assert not picture(proxy, "w:120/kcr:0", "mine.jpg").getexif()
    assert picture(proxy, "w:120/sm:0", "mine.jpg").getexif()[0x010F] == "SecretCam"


def test_quality_by_number_by_format_and_by_bytes(proxy: Server) -> None:
    sizes = [len(shown(proxy, f"/insecure/{options}/plain/local:///photo.jpg").content) for options in ("q:90", "q:40")]
    assert sizes[1] < 0.6 * sizes[0]
    by_format = len(shown(proxy, "/insecure/fq:jpeg:40:webp:90/plain/local:///photo.jpg@jpg").content)
    assert by_format < 0.6 * sizes[0]
    assert len(shown(proxy, "/insecure/mb:14000/plain/local:///photo.jpg@jpg").content) <= 14000


def test_names_and_caching(proxy: Server) -> None:
    answer = shown(proxy, "/insecure/w:50/fn:holiday/plain/local:///photo.jpg@webp")
    assert answer.headers["content-disposition"].startswith('inline; filename="holiday.webp"')
    saved_as = shown(proxy, "/insecure/w:50/att:1/plain/local:///photo.jpg@webp").headers["content-disposition"]
    assert saved_as.startswith('attachment; filename="photo.webp"')
    assert answer.headers["cache-control"] == "public, max-age=31536000"
    known = {"If-None-Match": answer.headers["etag"]}
    assert shown(proxy, "/insecure/w:50/fn:holiday/plain/local:///photo.jpg@webp", **known).status_code == 304
    later = int(time.time()) + 1000
    assert shown(proxy, f"/insecure/exp:{later}/w:50/plain/local:///photo.jpg").status_code == 200


def test_a_key_and_a_salt_are_asked_for_and_a_signed_url_leads_to_public_places_only(folder: Path) -> None:
    origin = Origin({"/a.png": FILES["q.png"]})
    server = Server(
        IMGPROXY_KEY=KEY, IMGPROXY_SALT=SALT, IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMGPROXY_PATH_PREFIX="/media",
        IMGPROXY_TRUSTED_SIGNATURES="let-me-in", IMGPROXY_MAX_SRC_RESOLUTION="0.05",
    )  # fmt: skip
    try:
        path = "/w:50/plain/local:///alpha.png"
        assert shown(server, f"/media/{SIGNATURES.sign(path)}{path}").status_code == 200
        assert shown(server, f"/media/let-me-in{path}").status_code == 200
        for signature in ("insecure", "AAAA", SIGNATURES.sign(path)[:-1], SIGNATURES.sign("/w:51")):
            answer = shown(server, f"/media/{signature}{path}")
            assert answer.status_code == 403 and answer.text.startswith("Forbidden")
        inside = f"/w:50/plain/{origin.url}/a.png"
        assert shown(server, f"/media/{SIGNATURES.sign(inside)}{inside}").status_code == 404
        assert not origin.asked
        large = "/w:50/plain/local:///q.png"
        assert shown(server, f"/media/{SIGNATURES.sign(large)}{large}").status_code == 422
        assert shown(server, "/media/health").text == "imgproxy is running"
        assert shown(server, f"/insecure{path}").status_code == 404
    finally:
        server.stop()
        origin.stop()


def test_only_allowed_sources_are_asked_also_by_redirects() -> None:
    files = {"/ok/a.png": FILES["q.png"], "/no/a.png": FILES["q.png"]}
    origin = Origin(files, moved={"/ok/b.png": "/no/a.png", "/ok/c.png": "/ok/a.png"})
    server = Server(
        IMGPROXY_ALLOWED_SOURCES=f"{origin.url}/o*/", URL_FETCH_REQUIRE_HTTPS="false",
        URL_FETCH_ALLOWED_NETS="127.0.0.0/8", IMGPROXY_ONLY_PRESETS="true", IMGPROXY_PRESETS="tiny=w:20,default=q:50",
    )  # fmt: skip
    try:
        for name, status in (("ok/a", 200), ("ok/c", 200), ("ok/b", 404), ("no/a", 404), ("ok/../no/a", 404)):
            answer = shown(server, f"/x/tiny/plain/{origin.url}/{name}.png")
            assert answer.status_code == status, (name, answer.text)
        assert "/no/a.png" not in origin.asked
        assert shown(server, f"/x/w:20/plain/{origin.url}/ok/a.png").status_code == 404
    finally:
        server.stop()
        origin.stop()


def test_nothing_is_there_where_nothing_is_set_up(server: Server) -> None:
    assert server.client.get("/insecure/w:10/plain/local:///a.png").status_code == 404


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"format": "png", "width": 400, "height": 200, "size": len(FILES["q.png"])}),
        ("s:0/exif:0/", {"format": "png", "width": 400, "height": 200}),
        ("size:f/dimensions:false/cb:1/", {"format": "png"}),
        ("f:0/d:0/s:1/pg:0/crop:0:0:ce/", {"size": len(FILES["q.png"])}),
        ("s:0/f:0/d:0/p:2/", {}),
        ("pr:small/", {}),
    ],
)
def test_what_a_picture_is_is_told_in_the_words_that_were_asked_for(
    proxy: Server, options: str, expected: dict[str, Any]
) -> None:
    answer = shown(proxy, f"/info/insecure/{options}plain/local:///q.png")
    if options == "pr:small/":  # a preset of options that are none of these
        assert answer.status_code == 404
        return
    assert answer.status_code == 200, answer.text
    facts = answer.json()
    palette = facts.pop("palette", [])
    assert len(palette) == (2 if "p:2" in options else 0)
    quarters = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
    for colour in palette:  # blurred by a level at most
        assert any(
            max(abs(colour[name] - level) for name, level in zip("RGB", each, strict=True)) <= 2 for each in quarters
        )
        assert colour["A"] == 255
    assert facts == expected and answer.headers["cache-control"].startswith("public, max-age=31536000")


def test_what_is_told_is_upright_and_blurred_and_found_in_base64_too(proxy: Server) -> None:
    encoded = base64.urlsafe_b64encode(b"local:///turned.jpg").decode().rstrip("=")
    facts = shown(proxy, f"/info/insecure/bh:4:3/{encoded}").json()
    assert (facts["format"], facts["width"], facts["height"]) == ("jpeg", 480, 640)
    assert len(facts["blurhash"]) > 10
    assert shown(proxy, f"/info/insecure/{encoded}").json().get("blurhash") is None


def test_pixleans_own_facts_stay_beside_them(folder: Path) -> None:
    both = Server(
        IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMG_SOURCES=f"shop=file:{folder}", IMG_UNSIGNED="true",
    )  # fmt: skip
    try:
        assert "lqip" in shown(both, "/info/unsigned/shop/q.png").json()
        assert "lqip" not in shown(both, "/info/unsigned/plain/local:///q.png").json()
    finally:
        both.stop()


def test_an_operator_may_let_urls_set_their_own_limits(folder: Path) -> None:
    open_to_all = Server(
        IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMGPROXY_ALLOW_SECURITY_OPTIONS="true",
        IMGPROXY_MAX_SRC_RESOLUTION="0.07",
    )  # fmt: skip
    try:
        for options, status in {
            "": 422,
            "msr:1/": 200,
            "max_src_resolution:0.2/": 200,
            "msr:1/msfs:10/": 422,
            "msr:1/msfs:0/": 200,
        }.items():
            for path in ("", "/info"):
                answer = shown(open_to_all, f"{path}/insecure/{options}plain/local:///q.png")
                assert answer.status_code == status, (path, options, answer.text)
    finally:
        open_to_all.stop()


def test_a_signed_url_leads_to_no_private_place_however_it_is_written(folder: Path) -> None:
    signing = Server(IMGPROXY_KEY=KEY, IMGPROXY_SALT=SALT, IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder))
    try:
        for url in NEVER:
            encoded = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
            for prefix in ("", "/info") if ":" in url else ("",):
                path = f"/{encoded}"
                answer = shown(signing, f"{prefix}/{SIGNATURES.sign(path)}{path}")
                assert answer.status_code == 404, (url, answer.text)
                named = "localhost" in url.lower()  # may fail to resolve instead
                assert named or not url or answer.text.startswith("Invalid source"), (url, answer.text)
    finally:
        signing.stop()


def test_no_cache_keeps_a_picture_longer_than_its_url_holds(proxy: Server) -> None:
    for path in ("/insecure/exp:{}/w:51/plain/local:///q.png", "/info/insecure/exp:{}/plain/local:///q.png"):
        answer = shown(proxy, path.format(int(time.time()) + 50))
        seconds = int(answer.headers["cache-control"].removeprefix("public, max-age="))
        assert 40 <= seconds <= 50


def test_another_cache_buster_asks_for_what_lies_there_now(proxy: Server, folder: Path) -> None:
    (folder / "changing.png").write_bytes(saved(Image.new("RGB", (40, 40), "red"), "PNG"))
    first = shown(proxy, "/insecure/cb:1/plain/local:///changing.png")
    (folder / "changing.png").write_bytes(saved(Image.new("RGB", (60, 40), "blue"), "PNG"))
    second = shown(proxy, "/insecure/cb:2/plain/local:///changing.png")
    assert (opened(first.content).width, opened(second.content).width) == (40, 60)
    assert shown(proxy, "/insecure/cb:1/plain/local:///changing.png").content == first.content


@pytest.mark.parametrize("options", ["", "w:100/", "w:800/", "@svg"])
def test_a_drawing_stays_one_where_no_other_format_is_named(proxy: Server, folder: Path, options: str) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><script>1</script><rect width="9" height="9"/></svg>'
    (folder / "drawn.svg").write_bytes(drawing)
    plain = options == "@svg"
    path = f"/insecure/{'' if plain else options}plain/local:///drawn.svg{options if plain else ''}"
    answer = shown(proxy, path, "image/webp,image/avif,*/*")
    assert answer.headers["content-type"] == "image/svg+xml", answer.text
    assert b"<script" not in answer.content and b"h9v9" in answer.content
    assert shown(proxy, f"{path.removesuffix('@svg')}@png").headers["content-type"] == "image/png"


def test_a_default_preset_is_none_of_what_is_told(folder: Path) -> None:
    usual = Server(IMGPROXY_LOCAL_FILESYSTEM_ROOT=str(folder), IMGPROXY_PRESETS="default=q:50")
    try:
        assert shown(usual, "/info/insecure/plain/local:///q.png").json()["format"] == "png"
    finally:
        usual.stop()


def test_what_is_too_small_to_trim_stays(proxy: Server, folder: Path) -> None:
    (folder / "line.png").write_bytes(saved(Image.new("RGB", (200, 1), "red"), "PNG"))
    assert picture(proxy, "t:10", "line.png").size == (200, 1)


def test_names_that_no_folder_can_hold_are_missing(proxy: Server) -> None:
    assert shown(proxy, f"/insecure/plain/local:///{'a' * 300}.png").status_code == 404
