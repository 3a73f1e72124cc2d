"""PicWish: tasks over HTTP."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from origins import Origin
from pictures import FORMATS, dng, every_format, opened, photo, saved, sgi
from serving import Server

PATH = "/api/tasks/visual/imgcompress"
SMALL = saved(photo(), "JPEG", quality=95)


@pytest.fixture(scope="module")
def wish() -> Iterator[Server]:
    running = Server(URL_FETCH_ALLOWED_NETS="127.0.0.0/8")
    yield running
    running.stop()


def create(
    server: Server, data: bytes = SMALL, key: str = "", headers: dict[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    form = {name: str(value) for name, value in fields.items()}
    shown = {"X-API-KEY": key} if key else {}
    answer = server.client.post(
        PATH, files={"image_file": ("x", data)}, data=form, headers={**shown, **(headers or {})}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def ended(server: Server, task_id: str, seconds: float = 30, **headers: str) -> dict[str, Any]:
    seen = []
    for _ in range(int(seconds / 0.05)):
        data = dict(server.client.get(f"{PATH}/{task_id}", headers=headers).json()["data"])
        seen.append(data["progress"])
        if data["state"] == 1 or data["state"] < 0:
            assert seen == sorted(seen) or data["state"] < 0
            return data
        assert data["state"] in (2, 4) and data["image"] is None and data["completed_at"] is None
        time.sleep(0.05)
    raise AssertionError("the task did not end")


def test_a_png_is_not_fitted_to_a_size(wish: Server) -> None:
    png = saved(photo(), "PNG")
    for fields in ({"kbyte": "10"}, {"kbyte": "10", "format": "png"}, {"kbyte": "10", "sync": "1"}):
        answer = wish.client.post(PATH, files={"image_file": ("x", png)}, data=fields)
        assert answer.status_code == 400 and "kbyte" in answer.json()["message"]
    with contextlib.closing(Origin({"/x.png": png})) as origin:
        answer = wish.client.post(PATH, json={"image_url": f"{origin.url}/x.png", "kbyte": 10, "sync": 1})
        assert answer.status_code == 400 and "kbyte" in answer.json()["message"]
    # Another format has a size to be fitted to, and so has a picture that becomes one.
    for data, more in ((png, {"format": "jpg"}), (every_format()["bmp"], {}), (png, {"kbyte": "0"})):
        done = create(wish, data, **{"kbyte": 10, "sync": 1, **more})
        assert done["state"] == 1 and (more.get("kbyte") or len(httpx.get(done["image"]).content) <= 10 * 1024)


def test_a_task_is_created_queried_and_downloaded(wish: Server) -> None:
    data = ended(wish, create(wish, quality=60)["task_id"])
    assert data["state"] == 1 and data["progress"] == 100 and data["created_at"] <= data["completed_at"]
    image = httpx.get(data["image"])
    assert image.headers["content-type"] == "image/jpeg" and opened(image.content).size == (256, 192)
    assert len(image.content) < len(SMALL)
    altered = httpx.get(data["image"][:-1] + ("0" if data["image"][-1] != "0" else "1"))
    assert altered.status_code == 403 and altered.json()["status"] == 403


def test_sync_waits_and_the_task_can_be_queried_afterwards(wish: Server) -> None:
    data = create(wish, sync=1, return_type=2, quality=60)
    assert data["state"] == 1 and opened(base64.b64decode(data["image"])).size == (256, 192)
    again = ended(wish, data["task_id"])
    assert again["image"] == data["image"]


@pytest.mark.parametrize("name", [*FORMATS, "sgi", "raw"])
def test_every_format_is_taken_and_its_own_is_kept_where_it_can_be(wish: Server, name: str) -> None:
    given = {**every_format(), "sgi": sgi(), "raw": dng()}[name]
    data = create(wish, given, sync=1, return_type=2, quality=80)
    assert data["state"] == 1, data
    made = opened(base64.b64decode(data["image"]))
    if name in ("jpeg", "png", "webp"):
        assert made.format == name.upper()
    assert made.format in ("JPEG", "PNG", "WEBP")


@pytest.mark.parametrize("target", ["jpg", "png", "webp"])
def test_formats_are_converted(wish: Server, target: str) -> None:
    data = create(wish, sync=1, return_type=2, format=target)
    assert opened(base64.b64decode(data["image"])).format == target.upper().replace("JPG", "JPEG")


@pytest.mark.parametrize(("kbyte", "name"), [(8, "jpeg"), (3, "jpeg"), (1, "jpeg"), (4, "webp")])
def test_a_size_in_kilobytes_is_met(wish: Server, kbyte: int, name: str) -> None:
    data = create(wish, every_format()[name], sync=1, return_type=2, kbyte=kbyte)
    assert len(base64.b64decode(data["image"])) <= 1024 * kbyte


@pytest.mark.parametrize(
    ("sides", "size"),
    [({"width": 64}, (64, 48)), ({"height": 96}, (128, 96)), ({"width": 300, "height": 100}, (300, 100)),
     ({"width": 512}, (512, 384)), ({"width": 0, "height": 0}, (256, 192))],
)  # fmt: skip
def test_sides(wish: Server, sides: dict[str, int], size: tuple[int, int]) -> None:
    data = create(wish, sync=1, return_type=2, **sides)
    assert opened(base64.b64decode(data["image"])).size == size == (data["image_width"], data["image_height"])


@pytest.mark.parametrize("sync", [0, 1])
def test_pictures_that_can_not_be_done_fail_as_tasks(wish: Server, sync: int) -> None:
    origin = Origin({"/photo.jpg": SMALL})
    wide = saved(photo().resize((8001, 4)), "PNG")
    for given, fields, state in (
        (SMALL[:300], {}, -7), (b"no picture", {}, -7), (wide, {}, -7),
        (None, {"image_url": f"{origin.url}/missing.jpg"}, -3), (None, {"image_url": "https://192.168.1.1/x.jpg"}, -3),
    ):  # fmt: skip
        if given is None:
            answer = wish.client.post(PATH, json={**fields, "sync": sync}).json()["data"]
        else:
            answer = create(wish, given, sync=sync)
        data = answer if sync else ended(wish, answer["task_id"])
        assert data["state"] == state and data["state_detail"], data
        assert ended(wish, data["task_id"])["state"] == state
    good = wish.client.post(PATH, data={"image_url": f"{origin.url}/photo.jpg", "sync": str(sync)}).json()["data"]
    assert (good if sync else ended(wish, good["task_id"]))["state"] == 1
    origin.stop()


def test_credits_are_counted_on_success_once(serve: Callable[..., Server]) -> None:
    server = serve()
    key, other = server.new_key("paid", "Ada"), server.new_key("paid", "Bob")
    create(server, key=key, sync=1)
    task = create(server, key=key)["task_id"]
    ended(server, task, **{"X-API-KEY": key})
    create(server, saved(photo().resize((4097, 8)), "PNG"), key=key, sync=1)
    create(server, b"no picture", key=key, sync=1)
    same = {"Idempotency-Key": "one"}
    first, again = (create(server, key=key, sync=1, headers=same) for _ in range(2))
    assert first["task_id"] == again["task_id"]
    assert '"used": 5' in server.pixlean("usage", "--json"), "1 + 1 + 2 + 0 + 1"
    assert server.client.get(f"{PATH}/{task}", headers={"X-API-KEY": other}).status_code == 404
    assert server.client.get(f"{PATH}/{task}").status_code == 401


def test_a_task_ends_after_an_hour_and_leaves_nothing(serve: Callable[..., Server]) -> None:
    import sqlite3
    from pathlib import Path

    server = serve()
    data = ended(server, create(server)["task_id"])
    orphan = Path(server.data.name) / "objects" / "jobs" / "0123" / "input"
    orphan.parent.mkdir()
    orphan.write_bytes(b"x")
    import os

    os.utime(orphan, (time.time() - 4000,) * 2)
    server.kill()
    database = sqlite3.connect(Path(server.data.name) / "pixlean.db")
    database.execute("UPDATE jobs SET expires_at = expires_at - 3700, forget_at = forget_at - 90000")
    database.commit()
    database.close()
    server.start()
    assert server.client.get(f"{PATH}/{data['task_id']}").status_code == 404
    for _ in range(100):
        if not [path for path in (Path(server.data.name) / "objects").rglob("*") if path.is_file()]:
            break
        time.sleep(0.1)
    assert not [path for path in (Path(server.data.name) / "objects").rglob("*") if path.is_file()]
