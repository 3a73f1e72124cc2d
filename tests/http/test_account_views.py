"""A key sees its own usage, the operator sees and makes keys, and nobody else sees any of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pictures
from pixlean.config import SettingsError
from pixlean.wiring.environment import load
from serving import Server

ADMIN_KEY = "an operator's long secret"
OPERATOR = {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
def operated(serve: Callable[..., Server]) -> Server:
    return serve(ADMIN_KEY=ADMIN_KEY)


def test_a_key_is_made_works_is_counted_and_revoked(operated: Server) -> None:
    client = operated.client
    made = client.post("/admin/keys", headers=OPERATOR, json={"name": "shop", "plan": "free"})
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    picture = pictures.saved(pictures.photo(), "JPEG", quality=95)
    assert client.post("/v1/compress", headers=key, files={"file": ("a.jpg", picture, "image/jpeg")}).status_code == 200
    own = client.get("/account/usage", headers=key).json()
    assert own["key"] == {"id": made.json()["id"], "name": "shop", "plan": "free"}
    (row,) = own["usage"]
    assert (row["api"], row["used"], row["included"], row["unit"]) == ("optipic", 1, 500, "requests")
    seen = client.get("/admin/keys", headers=OPERATOR).json()
    (shown,) = seen["keys"]
    assert shown["name"] == "shop" and shown["plan"] == "free" and shown["revoked_at"] is None
    assert made.json()["key"] not in str(seen)
    assert [(used["name"], used["used"]) for used in seen["usage"]] == [("shop", 1)]
    assert client.delete(f"/admin/keys/{made.json()['id']}", headers=OPERATOR).status_code == 204
    assert client.get("/account/usage", headers=key).status_code == 401
    assert client.get("/admin/keys", headers=OPERATOR).json()["keys"][0]["revoked_at"]


@pytest.mark.parametrize("key", [None, "wrong", ADMIN_KEY + "x", "px_live_0123"])
def test_nobody_else_is_an_operator(operated: Server, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    for verb, path in (("GET", "/admin/keys"), ("POST", "/admin/keys"), ("DELETE", "/admin/keys/x")):
        answer = operated.client.request(verb, path, headers=headers)
        assert answer.status_code == 401 and answer.json()["error"] == "unauthorized"


def test_the_operator_s_key_does_no_work(serve: Callable[..., Server]) -> None:
    server = serve(ADMIN_KEY=ADMIN_KEY, API_KEY="house")
    assert server.client.get("/account/usage", headers=OPERATOR).status_code == 401
    assert (
        server.client.get("/account/usage", headers={"Authorization": "Bearer house"}).json()["key"]["plan"] == "paid"
    )


def test_without_the_setting_there_is_nothing_there(server: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, OPERATOR):
        assert server.client.get("/admin/keys", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"name": 3}, {"name": " "}, {"name": "x", "plan": "dev"}, {"name": "x", "plan": 1}]
)
def test_wrong_wishes_are_told(operated: Server, body: object) -> None:
    answer = operated.client.post("/admin/keys", headers=OPERATOR, json=body)
    assert answer.status_code == 400 and answer.json()["message"]
    assert operated.client.delete("/admin/keys/none", headers=OPERATOR).status_code == 400


def test_a_short_operator_s_key_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="16 characters"):
        load({"ADMIN_KEY": "short"})
