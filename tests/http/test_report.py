"""What was tried, for those who ask for it with ``report``."""

from __future__ import annotations

import json

import pytest

import pictures
from serving import Server


def asked(server: Server, options: object, data: bytes | None = None) -> object:
    data = data or pictures.saved(pictures.photo(), "PNG", compress_level=1)
    return server.client.post("/optimize", files={"file": data}, data={"options": json.dumps(options)})


def test_the_report_tells_what_was_tried_and_what_came_of_it(server: Server) -> None:
    answer = asked(server, {"optimization": {"max_width": 128}, "report": True})
    told = json.loads(answer.headers["X-Pixlean-Report"])
    assert (told["width"], told["height"], told["original"]) == (128, 96, [256, 192])
    assert told["attempts"] and all({"method", "size", "dropped"} == set(each) for each in told["attempts"])
    assert any(each["size"] == len(answer.content) for each in told["attempts"])
    assert "X-Pixlean-Warning" not in answer.headers


@pytest.mark.parametrize("options", [{}, {"report": False}])
def test_nobody_gets_it_who_did_not_ask(server: Server, options: object) -> None:
    assert "X-Pixlean-Report" not in asked(server, options).headers


def test_a_wrong_wish_is_told(server: Server) -> None:
    answer = asked(server, {"report": "yes"})
    assert answer.status_code == 400 and "report" in answer.json()["message"]


def test_a_report_of_many_attempts_still_fits_into_a_header(server: Server) -> None:
    for data in pictures.every_format().values():
        answer = asked(server, {"optimization": {"format": "auto", "target_size": 2000}, "report": True}, data)
        assert answer.status_code == 200 and len(answer.headers["X-Pixlean-Report"]) < 6000


def test_where_the_result_is_stored_the_report_stands_in_the_answer(serve: object, tmp_path: object) -> None:
    server = serve(STORAGE_FILE_ROOT=str(tmp_path))
    storage = {"provider": "file", "bucket": "photos", "path": "a.png"}
    answer = asked(server, {"storage": storage, "report": True}).json()
    assert answer["success"] and answer["report"]["attempts"]
