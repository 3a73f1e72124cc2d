"""The runner and its reports, on the corpus that it makes itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks.corpus import FORMATS, Corpus
from benchmarks.results import Run, compared, load
from benchmarks.synthetic import make_corpus

from benchmarks import document, peers, run

pytestmark = pytest.mark.slow


def test_the_made_up_corpus_has_every_format_and_is_the_same_each_time(corpus: Path, tmp_path: Path) -> None:
    again = make_corpus(tmp_path / "again")
    files = sorted(path.relative_to(corpus) for path in corpus.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    # libaom and x265 promise no more than pictures; all others must be the same to the byte.
    for path in files:
        if path.suffix not in (".avif", ".heic"):
            assert (corpus / path).read_bytes() == (again / path).read_bytes(), path
    found = {case.format for case in Corpus(folder=corpus).cases()}
    assert found == set(FORMATS)


@pytest.fixture(scope="module")
def reports(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    assert run.main(["--corpus", str(corpus), "--preset", "high", "--reports", str(folder), "--against", "pillow"]) == 0
    return folder


def test_a_run_measures_every_case_and_keeps_every_promise(reports: Path, corpus: Path) -> None:
    (path,) = reports.glob("*.json")
    made = load(path)
    assert len(made.results) == len(Corpus(folder=corpus).cases(presets=("high",)))
    for result in made.results:
        assert result.error is None and all(result.promises.values()), result
        assert 0 < result.after_bytes <= result.before_bytes and result.cpu_seconds > 0 and result.peak_mb > 10
        assert (result.score is None) == result.format.startswith("svg")
        assert "pillow" in result.peers
    cells = {cell["format"] for cell in made.head()["summary"]["cells"]}
    assert cells == set(FORMATS) == set(made.head()["summary"]["health"])


def test_the_report_is_one_file_that_needs_no_network(reports: Path) -> None:
    (path,) = reports.glob("*.html")
    text = path.read_text()
    loads = re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", text) + re.findall(r"url\(([^)]*)\)", text)
    assert loads and all(each.startswith("data:") for each in loads)
    for part in ("<svg", "Estimate errors", "Slowest", "Lowest scores", "Every case", "Beside peers"):
        assert part in text


def test_a_second_run_is_the_same_and_a_worse_one_is_told(
    reports: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--corpus",
        str(corpus),
        "--fmt",
        "jpeg",
        "--fmt",
        "gif",
        "--preset",
        "high",
        "--reports",
        str(reports),
        "--json",
    ]
    assert run.main([*words, "--compare"]) == 0
    change = json.loads(capsys.readouterr().out)["comparison"]
    assert change["bytes_percent"] == 0 and change["regressions"] == [] and change["cases"] == 7
    newest = max(reports.glob("*.json"))
    entry = json.loads(newest.read_text())
    entry["results"][0]["after_bytes"] //= 2
    newest.write_text(json.dumps(entry))
    assert run.main([*words, "--compare"]) == 1
    assert "larger" in json.loads(capsys.readouterr().out)["comparison"]["regressions"][0]


def test_a_slower_case_counts_only_beyond_the_noise(reports: Path) -> None:
    from dataclasses import replace

    old = load(min(reports.glob("*.json")))

    def slower(factors: list[float]) -> Run:
        results = (replace(result, cpu_seconds=factors[n % len(factors)]) for n, result in enumerate(old.results))
        return replace(old, results=tuple(results))

    even = slower([1.0])
    assert compared(even, slower([1.5]))["regressions"] == [], "the whole machine was slower"
    one = replace(even, results=(replace(even.results[0], cpu_seconds=3.0), *even.results[1:]))
    assert len(compared(even, one)["regressions"]) == 1
    assert compared(even, slower([0.7, 1.0, 1.3, 1.5]))["regressions"] == [], "within the noise"


def test_nothing_that_fits_and_unknown_peers_are_said(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--corpus", str(corpus), "--group", "nothing"]) == 2
    assert run.main(["--corpus", str(corpus), "--against", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err and peers.check("pillow") is None


def test_the_document_has_a_row_for_each_cell(reports: Path) -> None:
    made = load(min(reports.glob("*.json")))
    text = document.text(made)
    for cell in made.head()["summary"]["cells"]:
        assert f"| {cell['format']} | {cell['preset']} | {cell['average_percent']:.1f} %" in text
    assert "by pillow" in text


def test_the_committed_document_is_a_generated_one() -> None:
    text = (
        document.TARGET.read_text()
        if document.TARGET.exists()
        else Path(__file__).parents[2].joinpath(document.TARGET).read_text()
    )
    assert "do not edit" in text and "0 failures, 0 broken promises" in text
    assert len(re.findall(r"^\| \w+ \| (?:high|medium|low) \|", text, re.MULTILINE)) >= 33


def test_load_is_measured_on_a_running_server(tmp_path: Path) -> None:
    from benchmarks import load as loading
    from serving import Server

    server = Server()
    words = ["--url", server.url, "--other", server.url, "--clients", "1,8", "--rates", "5", "--seconds", "1"]
    assert loading.main([*words, "--reports", str(tmp_path)]) == 0
    server.stop()
    (path,) = tmp_path.glob("load-*.json")
    stages = json.loads(path.read_text())["stages"]
    assert [(stage["server"], stage["loop"], stage["asked"]) for stage in stages] == [
        (name, loop, asked) for loop, asked in (("closed", 1), ("closed", 8), ("open", 5)) for name in "AB"
    ]
    assert all(
        stage["answers"] > 0 and stage["failures"] == 0 and stage["p99_ms"] >= stage["p50_ms"] for stage in stages
    )
    assert "http" not in re.sub(
        r"http://127[^<]*|http://www.w3.org[^\"]*", "", next(tmp_path.glob("*.html")).read_text()
    )
