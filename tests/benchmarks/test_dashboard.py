"""The dashboard: its endpoints, and its page in a real browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


class Dashboard:
    def __init__(self, corpus: Path, runs: Path) -> None:
        self.port, self._corpus, self._runs = free_port(), corpus, runs
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        self.start()

    def start(self) -> None:
        words = [
            "-m",
            "benchmarks.server",
            "--port",
            str(self.port),
            "--corpus",
            str(self._corpus),
            "--runs",
            str(self._runs),
        ]
        self.process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.client.get("/api/corpus")
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError("the dashboard did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def begin(self, **wanted: Any) -> str:
        answer = self.client.post("/api/run", json=wanted)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def events(self, run_id: str, last: int | None = None) -> list[tuple[int, str, Any]]:
        """Everything that a run's stream says until it ends."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        found = []
        with self.client.stream("GET", f"/api/run/{run_id}/stream", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            entry: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    entry[name] = value
                elif entry:
                    found.append((int(entry["id"]), entry["event"], json.loads(entry["data"])))
                    entry = {}
        return found


@pytest.fixture
def dashboard(corpus: Path, tmp_path: Path) -> Iterator[Dashboard]:
    running = Dashboard(corpus, tmp_path / "runs")
    yield running
    running.client.close()
    running.process.terminate()
    running.process.wait(15)


def test_the_corpus_is_described(dashboard: Dashboard) -> None:
    body = dashboard.client.get("/api/corpus").json()
    assert body["presets"] == ["HIGH", "MEDIUM", "LOW"] and "jpeg" in body["formats"]
    assert body["groups"]["animated"] == {"files": 3, "formats": {"apng": 1, "gif": 1, "webp": 1}}
    assert "<title>pixlean benchmarks" in dashboard.client.get("/").text


def test_a_run_streams_its_results_and_is_kept(dashboard: Dashboard) -> None:
    run_id = dashboard.begin(formats=["jpeg"], presets=["HIGH", "LOW"], groups=["synthetic"])
    events = dashboard.events(run_id)
    results = [facts["result"] for _, name, facts in events if name == "result"]
    assert len(results) == 6 and events[-1][1] == "end" and events[-1][2]["state"] == "done"
    assert {result["preset"] for result in results} == {"high", "low"} and all(
        not result["error"] for result in results
    )
    whole = dashboard.client.get(f"/api/runs/{run_id}").json()
    assert [result["name"] for result in whole["results"]] == [result["name"] for result in results]
    assert whole["summary"]["health"]["jpeg"]["verdict"] == "pass"
    (head,) = dashboard.client.get("/api/runs").json()["runs"]
    assert head["id"] == run_id and "results" not in head
    # A client that comes back gets what it missed, and no more; a restart changes nothing of it.
    assert [number for number, name, _ in dashboard.events(run_id, last=4) if name == "result"] == [5, 6]
    dashboard.kill()
    dashboard.start()
    assert [number for number, name, _ in dashboard.events(run_id, last=4) if name == "result"] == [5, 6]
    for side in ("original", "result"):
        picture = dashboard.client.get(f"/api/runs/{run_id}/cases/0/{side}")
        assert picture.headers["content-type"] == "image/jpeg" and len(picture.content) > 100
    assert dashboard.client.delete(f"/api/runs/{run_id}").status_code == 204
    assert dashboard.client.get(f"/api/runs/{run_id}").status_code == 404
    assert dashboard.client.delete(f"/api/runs/{run_id}").status_code == 404


def test_one_run_at_a_time_and_a_cancelled_one_keeps_what_it_had(dashboard: Dashboard) -> None:
    first = dashboard.begin(formats=["png", "avif", "heic"])
    second = dashboard.begin(formats=["jpeg"], presets=["HIGH"])
    wait(
        lambda: (
            state(dashboard, first) == "running"
            and len(dashboard.client.get(f"/api/runs/{first}").json()["results"]) > 1
        )
    )
    assert state(dashboard, second) == "queued"
    assert dashboard.client.delete(f"/api/runs/{first}").status_code == 409
    assert dashboard.client.post(f"/api/run/{first}/cancel").status_code == 200
    wait(lambda: state(dashboard, first) == "cancelled")
    kept = dashboard.client.get(f"/api/runs/{first}").json()
    assert 0 < len(kept["results"]) < kept["wanted"]["cases"]
    wait(lambda: state(dashboard, second) == "done")
    assert dashboard.client.post(f"/api/run/{second}/cancel").status_code == 409


def test_a_restart_marks_a_run_as_interrupted(dashboard: Dashboard) -> None:
    run_id = dashboard.begin()
    waiting = dashboard.begin(formats=["jpeg"])
    wait(lambda: len(dashboard.client.get(f"/api/runs/{run_id}").json()["results"]) > 3)
    time.sleep(2.5)
    dashboard.kill()
    dashboard.start()
    kept = dashboard.client.get(f"/api/runs/{run_id}").json()
    assert kept["state"] == "interrupted" and kept["results"] and state(dashboard, waiting) == "interrupted"


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"formats": "jpeg"}',
        b'{"formats": ["doc"]}',
        b'{"presets": ["best"]}',
        b'{"groups": ["x"]}',
    ],
)
def test_wrong_wishes_are_told(dashboard: Dashboard, body: bytes) -> None:
    answer = dashboard.client.post("/api/run", content=body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_unknown_runs_and_other_hosts_are_refused(dashboard: Dashboard) -> None:
    for path in (
        "/api/runs/1",
        "/api/runs/..%2Fx",
        "/api/run/1/stream",
        "/api/compare/1/2",
        "/api/runs/1/cases/0/original",
    ):
        assert dashboard.client.get(path).status_code == 404
    assert dashboard.client.get("/api/corpus", headers={"Host": "evil.example"}).status_code == 400


def state(dashboard: Dashboard, run_id: str) -> str:
    return str(dashboard.client.get(f"/api/runs/{run_id}").json()["state"])


def wait(holds: Callable[[], bool], seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.1)):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
def test_a_person_runs_watches_compares_looks_and_deletes(dashboard: Dashboard) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        faults: list[str] = []
        elsewhere: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: elsewhere.append(request.url) if dashboard.url not in request.url else None)
        page.goto(dashboard.url)
        # A quick machine is through with a run before anybody looks: what was said is kept.
        page.evaluate("""() => {
            window.said = []
            const status = document.querySelector("#status")
            new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true })
        }""")
        for number in range(2):
            page.get_by_label("jpeg", exact=True).set_checked(True)
            page.get_by_label("webp", exact=True).set_checked(number == 0)
            # Without a mouse: focus and the space bar.
            page.get_by_role("button", name="Start").focus()
            page.keyboard.press("Space")
            wait(lambda: page.evaluate("said.some(text => text.includes('is done'))"))
            assert any(" cases, " in text for text in page.evaluate("said.splice(0)")), "nobody hears how far it is"
            page.locator("#history tbody tr").nth(number).wait_for()
            page.locator("#cases tbody tr").first.wait_for()
        assert page.locator("#history tbody tr").count() == 2
        assert page.locator("#health li.pass, #health li.warn").count() == 1
        assert page.locator("#cases tbody tr").count() == 9
        for box in page.locator("#history input").all():
            box.check()
        page.get_by_role("button", name="Compare the two that are ticked").click()
        page.locator("#comparison-text").filter(has_text="9 cases in both, bytes +0.00 %").wait_for()
        page.locator("#cases tbody button").first.click()
        viewer = page.get_by_role("dialog")
        viewer.wait_for()
        for side in ("#before", "#after"):
            page.locator(side).evaluate("each => each.decode()")
        page.get_by_label("How much of the original is shown").fill("20")
        assert page.locator("#canvas").evaluate("each => each.style.getPropertyValue('--at')") == "20%"
        page.get_by_label("Zoom").select_option("2")
        wide = page.locator("#before").evaluate("each => each.clientWidth / each.naturalWidth")
        assert wide == pytest.approx(2, abs=0.02) and page.locator("#after").evaluate("each => each.naturalWidth") > 0
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Delete run").first.click()
        page.locator("#history tbody tr").nth(1).wait_for(state="detached")
        assert page.locator("#history tbody tr").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "the page is wider than a phone"
        assert not faults and not [url for url in elsewhere if not url.startswith(("data:", "blob:"))]
        browser.close()
