"""``pixlean batch``: every picture of a place into another one, each once, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from obstore.store import S3Store

from pictures import graphic, opened, photo, saved


def pixlean(*words: str, code: int = 0, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "batch", *words],
        capture_output=True, check=False, text=True, timeout=150, env={**os.environ, **more},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "deep" / "er").mkdir(parents=True)
    for number in range(4):
        (made / f"a{number}.png").write_bytes(saved(graphic().resize((40 + number, 40)), "PNG"))
    (made / "deep" / "er" / "b.JPG").write_bytes(saved(photo(), "JPEG", quality=95))
    (made / "deep" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (made / "notes.txt").write_text("no picture")
    return made


def results(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file() and ".pixlean" not in path.parts
    }  # fmt: skip


def ledger(folder: Path) -> list[dict[str, object]]:
    return [
        json.loads(text) for path in sorted((folder / ".pixlean").rglob("*.ndjson")) for text in path.read_text().splitlines()
    ]  # fmt: skip


def test_a_folder_becomes_another_one_and_what_is_no_picture_is_said(source: Path, tmp_path: Path) -> None:
    target, report = tmp_path / "target", tmp_path / "report.html"
    said = pixlean(str(source), str(target), "-q", "60", "--report", str(report), code=1)
    assert "error: deep/broken.png: " in said and "6 objects" in said and "5 done" not in said
    found = results(target)
    assert set(found) == {"a0.png", "a1.png", "a2.png", "a3.png", "deep/er/b.JPG"}
    before = (source / "deep/er/b.JPG").read_bytes()
    assert len(found["deep/er/b.JPG"]) < len(before) and opened(found["deep/er/b.JPG"]).size == photo().size
    assert (source / "notes.txt").exists() and results(source)["deep/er/b.JPG"] == before
    page = report.read_text()
    assert "deep/broken.png" in page and "% saved" in page and "http" not in page.replace("http-equiv", "")


def test_a_run_that_goes_on_does_nothing_twice_and_what_failed_again(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    pixlean(str(source), str(target), code=1)
    assert "has begun already" in pixlean(str(source), str(target), code=2)
    written = {path: path.stat().st_mtime_ns for path in target.rglob("*.png")}
    (source / "deep" / "broken.png").write_bytes(saved(graphic(), "PNG"))
    (source / "new.png").write_bytes(saved(graphic(), "PNG"))
    said = pixlean(str(source), str(target), "--resume")
    assert "7 objects, 5 of them done already" in said and "2 done" in said
    assert all(path.stat().st_mtime_ns == moment for path, moment in written.items())
    assert {"new.png", "deep/broken.png"} <= set(results(target))
    (source / "a0.png").write_bytes(saved(graphic().resize((99, 99)), "PNG"))
    assert "1 done" in pixlean(str(source), str(target), "--resume")
    assert opened((target / "a0.png").read_bytes()).size == (99, 99)


def test_options_formats_and_filters(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    pixlean(str(source), str(target), "--format", "webp", "--width", "64", "--include", "*.JPG", "--include", "a1*")
    found = results(target)
    assert set(found) == {"deep/er/b.webp", "a1.webp"} and opened(found["deep/er/b.webp"]).width == 64
    listing = tmp_path / "keys.csv"
    listing.write_text("id,key\n1,a2.png\n2,nowhere.png\n")
    out = pixlean(str(source), str(tmp_path / "b"), "--keys", str(listing), "--ndjson")
    told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [line["key"] for line in told] == ["a2.png"] and told[0]["after_bytes"] <= told[0]["before_bytes"]
    assert "no pictures here" in pixlean(str(source), str(tmp_path / "c"), "--since", "2999-01-01", code=1)
    assert set(results(tmp_path / "c") if (tmp_path / "c").exists() else {}) == set()
    pixlean(str(source), str(tmp_path / "d"), "--min-size", "3KB", "--exclude", "*broken*")
    assert set(results(tmp_path / "d")) == {"deep/er/b.JPG"}


def test_shards_share_the_work_without_a_gap_or_an_overlap(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for index in (1, 2, 3):
        pixlean(str(source), str(target), "--shard", f"{index}/3", "--exclude", "*broken*")
    keys = [line["key"] for line in ledger(target)]
    assert sorted(keys) == ["a0.png", "a1.png", "a2.png", "a3.png", "deep/er/b.JPG"]


def test_originals_are_in_no_danger_unless_it_is_asked_for(source: Path, tmp_path: Path) -> None:
    assert "lie in each other" in pixlean(str(source), str(source), code=1)
    assert "lie in each other" in pixlean(str(source), str(source / "web"), code=1)
    before = results(source)
    pixlean(str(source), str(source), "--in-place", "--include", "*.JPG", "-q", "60")
    after = results(source)
    assert len(after["deep/er/b.JPG"]) < len(before["deep/er/b.JPG"]) and after["a0.png"] == before["a0.png"]
    assert "1 of them done already" in pixlean(
        str(source), str(source), "--in-place", "--include", "*.JPG", "-q", "60", "--resume"
    )
    assert results(source) == after


def test_a_dry_run_says_what_would_be_saved_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    said = pixlean(str(source), str(target), "--dry-run", "-q", "60", "--sample", "5")
    assert "6 objects" in said and "% saved" in said and not target.exists()


@pytest.mark.parametrize(
    "words", [("--shard", "0/3"), ("--shard", "4/3"), ("--since", "soon"), ("--width", "0"), ("--quality", "0")]
)
def test_wrong_words_are_told_before_any_work(source: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    assert "error: " in pixlean(str(source), str(tmp_path / "target"), *words, code=2)


@pytest.mark.slow
def test_killed_at_any_time_everything_is_there_in_the_end_and_once(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(120):
        (source / f"{number:03}.png").write_bytes(saved(graphic().resize((60 + number, 60)), "PNG"))
    dice = random.Random(5)
    words = [sys.executable, "-m", "pixlean.cli", "batch", str(source), str(target), "--resume"]
    for _ in range(3):
        running = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(200):
            if results(target) if target.exists() else False:
                break
            time.sleep(0.05)
        time.sleep(dice.uniform(0.3, 2.5))
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    pixlean(str(source), str(target), "--resume")
    found = results(target)
    assert len(found) == 120
    for name, data in found.items():
        assert opened(data).size == opened((source / name).read_bytes()).size
    keys = [line["key"] for line in ledger(target)]
    assert sorted(keys) == sorted(found)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


def test_buckets_keep_headers_and_metadata(s3: str, tmp_path: Path) -> None:
    for bucket in ("originals", "smaller"):
        httpx.put(f"{s3}/{bucket}").raise_for_status()
    headers = {"Cache-Control": "max-age=99", "Content-Type": "binary/odd", "x-amz-meta-shop": "shoes"}
    for number in range(12):
        httpx.put(f"{s3}/originals/shop/{number}.jpg", content=saved(photo(), "JPEG", quality=95), headers=headers)
    keys = {
        "AWS_ENDPOINT_URL": s3, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    pixlean("s3://originals/shop", "s3://smaller/web", "--format", "webp", "--width", "100", **keys)
    store = S3Store(
        "smaller", endpoint=s3, access_key_id="key", secret_access_key="secret", region="us-east-1",
        virtual_hosted_style_request=False, client_options={"allow_http": True},
    )  # fmt: skip
    found = store.get("web/7.webp")
    assert dict(found.attributes) == {"Content-Type": "image/webp", "Cache-Control": "max-age=99", "shop": "shoes"}
    assert opened(bytes(found.bytes())).width == 100
    said = pixlean("s3://originals/shop", "s3://smaller/web", "--format", "webp", "--width", "100", "--resume", **keys)
    assert "12 objects, 12 of them done already" in said
    pixlean("s3://originals/shop", str(tmp_path / "local"), "--include", "3.jpg", **keys)
    assert set(results(tmp_path / "local")) == {"3.jpg"}
    assert "error: " in pixlean("s3://nobody/x", str(tmp_path / "other"), code=1, **keys)
