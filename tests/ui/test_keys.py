"""Keys on the page: asked for where they are needed, kept only where that is wished; the operator's view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pictures
from acting import add, item, settled
from serving import Server

Visit = Callable[..., Any]
ADMIN_KEY = "an operator's long secret"


@pytest.fixture
def guarded(serve: Callable[..., Server]) -> Server:
    return serve(API_KEY="the house's key", ADMIN_KEY=ADMIN_KEY)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(pictures.saved(pictures.photo(), "JPEG", quality=97))
    return path


def enter(page: Any, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_pictures_wait_for_the_right_key(visit: Visit, guarded: Server, photo: Path) -> None:
    page = visit(guarded.url)
    add(page, [photo])
    page.get_by_text("This server wants a key").wait_for()
    page.get_by_role("button", name="Key and usage").click()
    enter(page, "wrong")
    page.get_by_text("does not know this key").wait_for()
    enter(page, "the house's key")
    settled(page, 1)
    item(page, "photo.jpg").get_by_role("link", name="Download").wait_for()
    assert page.evaluate("JSON.stringify({ ...localStorage })").find("house") < 0, "kept although nobody wished it"
    page.get_by_label("Keep it in this browser").check()
    page.get_by_role("button", name="Use this key").click()
    page.get_by_text("Usage of API_KEY").wait_for()
    page.reload()
    page.get_by_role("button", name="Key and usage").click()
    assert page.get_by_label("Key", exact=True).input_value() == "the house's key"


def test_an_operator_makes_watches_and_revokes_keys(visit: Visit, guarded: Server) -> None:
    page = visit(guarded.url)
    page.get_by_role("button", name="Key and usage").click()
    page.get_by_label("Operator's key").fill("none of yours, indeed")
    page.get_by_role("button", name="Show the server").click()
    page.get_by_text("does not know this key").wait_for()
    page.get_by_label("Operator's key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Show the server").click()
    page.get_by_role("definition").first.wait_for()
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("Plan").select_option("payg")
    page.get_by_role("button", name="Make a key").click()
    secret = page.get_by_text("px_live_").first.inner_text()
    picture = pictures.saved(pictures.photo(), "JPEG", quality=95)
    worked = guarded.client.post(
        "/v1/compress", headers={"Authorization": f"Bearer {secret}"}, files={"file": ("a.jpg", picture, "image/jpeg")}
    )
    assert worked.status_code == 200
    page.get_by_role("button", name="Show the server").click()
    page.get_by_role("cell", name="optipic").wait_for()
    page.get_by_role("button", name="Revoke shop").click()
    page.get_by_role("list", name="Keys").get_by_text("revoked").wait_for()
    enter(page, secret)
    page.get_by_text("does not know this key").wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Operator's key").wait_for(state="detached")


def test_a_server_without_operators_says_so(visit: Visit, server: Server) -> None:
    page = visit(server.url)
    page.get_by_role("button", name="Key and usage").click()
    page.get_by_label("Operator's key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Show the server").click()
    page.get_by_text("ADMIN_KEY is not set").wait_for()
