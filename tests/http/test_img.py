"""Pictures by URL: signed links of the operator's own pictures, in the size and format that a client shows."""

from __future__ import annotations

import concurrent.futures
import http.client
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from origins import Origin
from pictures import exif, graphic, opened, photo, saved, with_alpha
from pixlean.access.signatures import PathKey, Signatures
from pixlean.web.negotiate import essence, shown_by
from serving import Server

KEY, OLD_KEY = "a key that nobody knows", "the key of last year"
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def signed(path: str, key: str = KEY, size_bytes: int = 32) -> str:
    """``/options/source/path`` as a signed URL."""
    return f"/img/{Signatures(keys=(PathKey(key.encode()),), size_bytes=size_bytes).sign(path)}{path}"


FILES = {
    "/shop/cat.jpg": saved(photo().resize((640, 480)), "JPEG", quality=92, exif=exif(6)),
    "/shop/logo.png": saved(with_alpha(), "PNG"),
    "/shop/flat.png": saved(graphic(), "PNG"),
    "/shop/a%20b/%C3%BC.png": saved(graphic(), "PNG"),
    "/shop/text.jpg": b"no picture at all",
    "/secret.png": saved(graphic(), "PNG"),
}
MOVED = {"/shop/near.jpg": "/shop/cat.jpg", "/shop/far.jpg": "/secret.png", "/shop/up.jpg": "/shop/../secret.png"}


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    running = Origin(FILES, headers={"Cache-Control": "public, max-age=600"}, moved=MOVED)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    (made / "below").mkdir()
    (made / "below" / "flat.png").write_bytes(FILES["/shop/flat.png"])
    (made.parent / "outside.png").write_bytes(FILES["/secret.png"])
    (made / "leads-out.png").symlink_to(made.parent / "outside.png")
    os.mkfifo(made / "pipe.png")
    return made


@pytest.fixture(scope="module")
def settings(origin: Origin, folder: Path) -> dict[str, str]:
    return {
        "IMG_SOURCES": f"shop={origin.url}/shop, disk=file:{folder}",
        "IMG_KEYS": f"{KEY},{OLD_KEY}",
        "IMG_PRESETS": "thumb:w=64,h=64,fit=cover; web:f=auto",
        "IMG_DEBUG": "true",
        "URL_FETCH_REQUIRE_HTTPS": "false",
        "URL_FETCH_ALLOWED_NETS": "127.0.0.0/8",
    }


@pytest.fixture(scope="module")
def pictures(settings: dict[str, str]) -> Iterator[Server]:
    running = Server(**settings)
    yield running
    running.stop()


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    return server.client.get(path, headers={"Accept": "*/*", **headers})


def test_a_picture_has_the_size_that_its_url_says_and_stands_upright(pictures: Server) -> None:
    answer = get(pictures, signed("/w=240/shop/cat.jpg"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    shown = opened(answer.content)
    assert shown.size == (240, 320) and not shown.getexif()
    expected = photo().resize((640, 480)).transpose(Image.Transpose.ROTATE_270).resize((240, 320))
    difference = np.abs(np.asarray(shown.convert("RGB"), float) - np.asarray(expected, float)).mean()
    assert difference < 4


@pytest.mark.parametrize(
    ("accept", "kinds"),
    [
        (BROWSER, {"image/avif", "image/webp"}),
        ("image/webp,*/*", {"image/webp", "image/jpeg"}),
        ("*/*", {"image/jpeg"}),
        ("image/avif;q=0,image/webp;q=0", {"image/jpeg"}),
    ],
)
def test_auto_sends_what_the_client_says_it_shows(pictures: Server, accept: str, kinds: set[str]) -> None:
    answer = get(pictures, signed("/w=300,f=auto/shop/cat.jpg"), Accept=accept)
    assert answer.headers["content-type"] in kinds
    assert "Accept" in answer.headers["vary"]
    without = pictures.client.build_request("GET", signed("/w=300,f=auto/shop/cat.jpg"))
    del without.headers["accept"]
    assert pictures.client.send(without).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("options", "size", "kind"),
    [
        ("w=50", (50, 38), "image/png"),
        ("w=50,dpr=2", (100, 75), "image/png"),
        ("h=48,f=webp", (64, 48), "image/webp"),
        ("w=4000", (256, 192), "image/png"),
        ("w=80,h=80,fit=cover", (80, 80), "image/png"),
        ("w=80,h=40,fit=exact", (80, 40), "image/png"),
        ("thumb", (64, 64), "image/png"),
        ("thumb,w=32,h=32", (32, 32), "image/png"),
        ("thumb,f=jpg,bg=f00", (64, 64), "image/jpeg"),
        ("-", (256, 192), "image/png"),
    ],
)
def test_options_and_presets(pictures: Server, options: str, size: tuple[int, int], kind: str) -> None:
    answer = get(pictures, signed(f"/{options}/shop/logo.png"))
    assert answer.status_code == 200, answer.text
    assert opened(answer.content).size == size and answer.headers["content-type"] == kind


def test_what_is_behind_a_transparent_picture_is_the_ground_that_was_asked_for(pictures: Server) -> None:
    answer = get(pictures, signed("/f=jpg,bg=00ff00,q=95/shop/logo.png"))
    red, green, blue = opened(answer.content).convert("RGB").getpixel((2, 100))
    assert green > 230 and red < 30 and blue < 30


def test_a_size_and_a_score_are_kept(pictures: Server) -> None:
    small = get(pictures, signed("/f=webp,max_bytes=6000/shop/cat.jpg"))
    assert len(small.content) <= 6000
    good = get(pictures, signed("/f=webp,score=85/shop/cat.jpg"))
    assert float(good.headers["x-quality-score"]) >= 84.5


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/img/AAAA/w=10/shop/cat.jpg", 403),
        ("/img//w=10/shop/cat.jpg", 403),
        ("/img/unsigned/w=10/shop/cat.jpg", 403),
        (signed("/w=10/shop/cat.jpg").replace("w=10", "w=11"), 403),
        (signed("/w=10/shop/cat.jpg")[:30] + "/w=10/shop/cat.jpg", 403),
        (signed("/w=10/shop/cat.jpg", "another key than any of ours"), 403),
        (signed("/w=10/nobody/cat.jpg"), 404),
        (signed("/w=10/shop/missing.jpg"), 404),
        (signed("/w=10/shop/text.jpg"), 415),
        (signed("/w=0/shop/cat.jpg"), 400),
        (signed("/w=wide/shop/cat.jpg"), 400),
        (signed("/fit=odd/shop/cat.jpg"), 400),
        (signed("/colour=red/shop/cat.jpg"), 400),
        (signed("/nopreset/shop/cat.jpg"), 400),
        (signed("/f=exe/shop/cat.jpg"), 400),
        (signed("/bg=redd/shop/cat.jpg"), 400),
        (signed("/w=10/shop/../secret.png"), 400),
        (signed("/w=10/shop/%2e%2e/secret.png"), 400),
        (signed("/w=10/shop/%2e%2e%2fsecret.png"), 400),
        (signed("/w=10/shop/a%00b.png"), 400),
        (signed("/w=10/shop/%ff.png"), 400),
        (signed("/w=10/shop/https://127.0.0.1/secret.png"), 404),
        (signed("/w=10/disk/leads-out.png"), 404),
        (signed("/w=10/disk/below"), 404),
        (signed("/w=10/disk/pipe.png"), 404),
        (signed("/w=10/disk/below/flat.png/x"), 404),
        ("/img/", 400),
        ("/img/x/y/z", 400),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_json_and_cached_by_nobody(pictures: Server, path: str, status: int) -> None:
    # As it is written: other clients tidy a path up.
    connection = http.client.HTTPConnection("127.0.0.1", pictures.port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert set(json.loads(answer.read())) == {"error", "message"} and answer.status == status
    assert answer.headers["cache-control"] == "no-store"
    connection.close()


def test_keys_are_changed_one_by_one_and_a_signature_is_cut_only_where_that_is_allowed(
    pictures: Server, settings: dict[str, str]
) -> None:
    assert get(pictures, signed("/w=33/shop/flat.png", OLD_KEY)).status_code == 200
    assert get(pictures, signed("/w=33/shop/flat.png", size_bytes=12)).status_code == 403
    short = Server(**settings, IMG_SIGNATURE_BYTES="12")
    try:
        assert get(short, signed("/w=33/shop/flat.png", size_bytes=12)).status_code == 200
        assert get(short, signed("/w=33/shop/flat.png")).status_code == 200
        assert get(short, signed("/w=33/shop/flat.png", size_bytes=8)).status_code == 403
    finally:
        short.stop()


def test_names_with_spaces_and_letters_of_other_alphabets(pictures: Server) -> None:
    assert get(pictures, signed("/w=20/shop/a%20b/%C3%BC.png")).status_code == 200


def told(path: str, key: str = KEY) -> str:
    """``/source/path`` as a signed URL of what is told of it."""
    return f"/info/{Signatures(keys=(PathKey(key.encode()),), size_bytes=32).sign(f'/info{path}')}{path}"


def test_what_a_picture_is_can_be_asked_by_url(pictures: Server) -> None:
    answer = get(pictures, told("/shop/cat.jpg"))
    assert answer.status_code == 200, answer.text
    facts = answer.json()
    assert (facts["format"], facts["width_px"], facts["height_px"]) == ("jpeg", 480, 640)
    assert facts["estimate"]["estimated_optimized_size"] < facts["size_bytes"] == len(FILES["/shop/cat.jpg"])
    assert answer.headers["cache-control"].startswith("public, max-age=600")
    sent = pictures.client.post("/info", files={"file": ("cat.jpg", FILES["/shop/cat.jpg"])}).json()
    assert facts == sent
    assert get(pictures, told("/disk/below/flat.png")).json()["format"] == "png"
    assert get(pictures, told("/shop/a%20b/%C3%BC.png")).json()["format"] == "png"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/info/{signed('/info/shop/cat.jpg', 'another key').split('/')[2]}/shop/cat.jpg", 403),
        ("/info/unsigned/shop/cat.jpg", 403),
        # A signature of the picture is none of what is told of it, nor the other way round.
        (f"/info/{signed('/-/shop/cat.jpg').split('/')[2]}/shop/cat.jpg", 403),
        (f"/info/{signed('/shop/cat.jpg').split('/')[2]}/shop/cat.jpg", 403),
        (f"/img/{told('/shop/cat.jpg').split('/')[2]}/-/shop/cat.jpg", 403),
        (told("/shop/text.jpg"), 415),
        (told("/shop/none.jpg"), 404),
        (told("/other/cat.jpg"), 404),
        (told("/shop/../secret.png"), 400),
        (told("/disk/leads-out.png"), 404),
        (told("/shop/far.jpg"), 403),
        ("/info/unsigned/shop", 400),
        ("/info/", 400),
    ],
)
def test_nothing_is_told_of_what_was_not_named_and_signed(pictures: Server, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", pictures.port, timeout=60)  # other clients tidy paths up
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == status, answer.read()
    assert set(json.loads(answer.read())) == {"error", "message"} and answer.headers["cache-control"] == "no-store"
    connection.close()


def test_a_folder_is_a_source_too(pictures: Server) -> None:
    answer = get(pictures, signed("/w=64/disk/below/flat.png"))
    assert answer.status_code == 200 and opened(answer.content).size == (64, 48)


def test_redirects_stay_below_the_source(pictures: Server, origin: Origin) -> None:
    assert get(pictures, signed("/w=20/shop/near.jpg")).status_code == 200
    before = origin.asked.count("/secret.png")
    for name in ("far", "up"):
        assert get(pictures, signed(f"/w=20/shop/{name}.jpg")).status_code == 403
    assert origin.asked.count("/secret.png") == before


def test_a_second_request_is_answered_from_what_is_kept_also_after_a_restart(pictures: Server, origin: Origin) -> None:
    path = signed("/w=111,f=webp/shop/cat.jpg")
    before = origin.asked.count("/shop/cat.jpg")
    first, second = get(pictures, path), get(pictures, path)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert first.content == second.content and first.headers["etag"] == second.headers["etag"]
    assert origin.asked.count("/shop/cat.jpg") == before + 1
    assert first.headers["cache-control"] == "public, max-age=600"
    pictures.process.terminate()
    pictures.process.wait()
    pictures.start()
    assert get(pictures, path).headers["x-cache"] == "hit"
    assert origin.asked.count("/shop/cat.jpg") == before + 1


def test_a_client_that_has_it_is_told_so_and_parts_and_heads_are_given(pictures: Server) -> None:
    path = signed("/w=120/shop/cat.jpg")
    whole = get(pictures, path)
    known = get(pictures, path, **{"If-None-Match": whole.headers["etag"]})
    assert known.status_code == 304 and not known.content and known.headers["etag"] == whole.headers["etag"]
    assert "max-age" in known.headers["cache-control"]
    part = get(pictures, path, Range="bytes=10-19")
    assert part.status_code == 206 and part.content == whole.content[10:20]
    head = pictures.client.head(path)
    assert head.status_code == 200 and head.headers["content-length"] == str(len(whole.content)) and not head.content


def test_a_download_has_a_name_with_the_ending_of_what_it_is(pictures: Server) -> None:
    path = signed("/w=120,f=webp/shop/cat.jpg")
    assert 'filename="cat.webp"' in get(pictures, f"{path}?download").headers["content-disposition"]
    odd = get(pictures, f"{path}?download=../%22a%0d%0ab.html").headers["content-disposition"]
    assert odd.startswith("attachment;") and ".webp" in odd and "\n" not in odd
    assert "content-disposition" not in get(pictures, path).headers


def test_many_who_ask_at_once_cost_one_fetch_and_one_encode(pictures: Server, origin: Origin) -> None:
    path = signed("/w=201,f=webp/shop/cat.jpg")
    before = origin.asked.count("/shop/cat.jpg")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: httpx.get(pictures.url + path, timeout=60), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert origin.asked.count("/shop/cat.jpg") == before + 1


def test_the_original_goes_out_without_its_metadata_where_the_time_is_over(
    serve: object, settings: dict[str, str]
) -> None:
    late = Server(**settings, IMG_TIMEOUT="0.001")
    try:
        answer = get(late, signed("/w=100,f=avif/shop/cat.jpg"))
        assert answer.status_code == 200 and answer.headers["x-pixlean-original"] == "timeout"
        assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"] == "image/jpeg"
        shown = opened(answer.content)
        assert dict(shown.getexif()) == {0x0112: 6} and b"SecretCam" not in answer.content
        source = opened(FILES["/shop/cat.jpg"])
        assert np.array_equal(np.asarray(shown), np.asarray(source))
        assert get(late, signed("/w=100,f=avif/shop/text.jpg")).status_code in (415, 504)
    finally:
        late.stop()


def test_no_original_goes_out_where_only_what_was_signed_may_be_seen(settings: dict[str, str], folder: Path) -> None:
    words = {**settings, "IMG_ORIGINALS": "false", "IMGPROXY_LOCAL_FILESYSTEM_ROOT": str(folder)}
    late = Server(**words, IMG_TIMEOUT="0.001")
    try:
        answer = get(late, signed("/w=100,f=avif/shop/cat.jpg"))
        assert answer.status_code == 504 and answer.json()["error"] == "timeout"
        other = get(late, "/insecure/w:100/plain/local:///below/flat.png@avif")
        assert other.status_code == 503 and other.text.startswith("Timeout")
    finally:
        late.stop()


def test_what_is_older_than_its_time_is_shown_while_a_new_one_is_made(settings: dict[str, str]) -> None:
    files = dict(FILES)
    origin = Origin(files)
    changed = {**settings, "IMG_SOURCES": f"shop={origin.url}/shop"}
    server = Server(**changed, IMG_CACHE_CONTROL="public, max-age=0, stale-while-revalidate=60")
    try:
        path = signed("/w=50,f=png/shop/flat.png")
        first = get(server, path)
        files["/shop/flat.png"] = saved(photo(), "PNG")
        stale = get(server, path)
        assert stale.headers["x-cache"] == "stale" and stale.content == first.content
        for _ in range(100):
            fresh = get(server, path)
            if fresh.content != first.content:
                break
            time.sleep(0.05)
        assert fresh.content != first.content
        del files["/shop/flat.png"]
        assert get(server, path).status_code == 200  # known still, for a minute
    finally:
        server.stop()
        origin.stop()


def test_an_old_picture_is_better_than_none_while_its_origin_is_away(settings: dict[str, str]) -> None:
    origin = Origin(FILES)
    changed = {**settings, "IMG_SOURCES": f"shop={origin.url}/shop", "IMG_CACHE_CONTROL": "max-age=1"}
    server = Server(**changed)
    try:
        path = signed("/w=50,f=png/shop/flat.png")
        first = get(server, path)
        origin._server.server_close()
        origin.stop()
        statuses = []
        for _ in range(30):
            answer = get(server, path)
            statuses.append(answer.headers["x-cache"])
            assert answer.content == first.content
            if statuses[-1] == "stale":
                break
            time.sleep(0.1)
        assert statuses[-1] == "stale"
        assert get(server, signed("/w=51,f=png/shop/flat.png")).status_code == 502
    finally:
        server.stop()


def test_hints_of_the_client_decide_where_the_url_does_not(settings: dict[str, str]) -> None:
    server = Server(**settings, IMG_CLIENT_HINTS="true")
    try:
        width = get(server, signed("/f=png/shop/logo.png"), **{"Sec-CH-Width": "90"})
        assert opened(width.content).size == (100, 75) and "Sec-CH-Width" in width.headers["vary"]
        assert "Sec-CH-DPR" in width.headers["accept-ch"]
        assert opened(get(server, signed("/w=40/shop/logo.png"), DPR="2").content).size == (80, 60)
        full, less = (
            get(server, signed("/w=200/shop/cat.jpg"), **{"Save-Data": word, "DPR": "2"}) for word in ("off", "on")
        )
        assert opened(full.content).size == (400, 533) and opened(less.content).size == (200, 267)
    finally:
        server.stop()


def test_a_server_that_takes_presets_only_takes_nothing_else(settings: dict[str, str]) -> None:
    server = Server(
        **settings, IMG_ONLY_PRESETS="true", IMG_UNSIGNED="true", IMG_ERROR_MAX_AGE="5", IMG_ERRORS="picture"
    )
    try:
        assert get(server, "/img/unsigned/thumb/shop/logo.png").status_code == 200
        wrong = get(server, "/img/unsigned/w=7/shop/logo.png")
        assert wrong.status_code == 400 and wrong.headers["content-type"].startswith("image/svg+xml")
        assert b"presets" in wrong.content and wrong.headers["cache-control"] == "public, max-age=5"
        away = get(server, "/img/unsigned/thumb/shop/missing.png")
        assert away.status_code == 404 and b"<svg" in away.content
    finally:
        server.stop()


def test_nothing_is_shown_where_nothing_is_set_up(server: Server) -> None:
    answer = server.client.get(signed("/w=10/shop/cat.jpg"))
    assert answer.status_code == 403 and answer.json()["error"] == "invalid_signature"


def test_a_drawing_is_sanitised_and_shown_in_a_box_of_its_own(settings: dict[str, str], tmp_path: Path) -> None:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>alert(1)</script>'
        '<rect width="40" height="40" fill="#a03"/></svg>'
    )
    (tmp_path / "a.svg").write_text(drawing)
    server = Server(**{**settings, "IMG_SOURCES": f"disk=file:{tmp_path}"})
    try:
        answer = get(server, signed("/-/disk/a.svg"))
        assert answer.status_code == 200 and b"script" not in answer.content
        assert "sandbox" in answer.headers["content-security-policy"]
        assert Image.open(io.BytesIO(get(server, signed("/f=png,w=20/disk/a.svg")).content)).size == (20, 20)
        # A drawing has any size; what is to be cut or stretched can't stay one.
        assert get(server, signed("/w=20/disk/a.svg")).headers["content-type"] == "image/svg+xml"
        cut = get(server, signed("/w=20,h=10,fit=cover/disk/a.svg"))
        assert cut.headers["content-type"] == "image/png" and opened(cut.content).size == (20, 10)
    finally:
        server.stop()


def test_a_part_of_another_version_is_none(pictures: Server) -> None:
    path = signed("/w=100,f=webp/shop/cat.jpg")
    whole = get(pictures, path)
    same, other = (
        httpx.get(pictures.url + path, headers={"Range": "bytes=0-9", "If-Range": tag})
        for tag in (whole.headers["etag"], '"another"')
    )
    assert (same.status_code, len(same.content)) == (206, 10)
    assert (other.status_code, other.content) == (200, whole.content)
    head = httpx.head(pictures.url + path, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))


@pytest.mark.parametrize("options", ["w=3000,fit=cover", "w=3000,fit=exact", "w=3000,h=3000,fit=exact", "w=3000"])
def test_nothing_is_enlarged(pictures: Server, options: str) -> None:
    shown = opened(get(pictures, signed(f"/{options}/shop/cat.jpg")).content)
    assert max(shown.size) <= 640


def test_a_score_and_a_size_are_not_both_taken(pictures: Server) -> None:
    assert get(pictures, signed("/score=80,max_bytes=3000/shop/cat.jpg")).status_code == 400


def test_what_is_kept_of_a_header_is_short_however_long_it_is() -> None:
    long = "image/webp;q=0.9, image/avif;q=0, " + ", ".join(f"image/x-{number}" for number in range(5000))
    assert essence(long) == "image/webp"
    assert shown_by(essence(long)) == shown_by(long)
    for accept in ("*/*", "", "image/avif,image/webp,*/*;q=0.8", "image/jxl", "image/webp;q=0,image/webp"):
        assert shown_by(essence(accept)) == shown_by(accept)
