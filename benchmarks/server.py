"""The dashboard: ``python -m benchmarks.server`` on http://localhost:8081. It loads nothing from elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from benchmarks.corpus import DATA, FORMATS, PRESETS, Corpus, open_corpus
from benchmarks.desk import Desk
from benchmarks.results import ESTIMATE_FAIL, ESTIMATE_WARN, compared
from benchmarks.runner import Plan
from benchmarks.views import view

UI = Path(__file__).parent / "ui"
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'"


def create(
    corpus: Corpus, folder: Path = DATA / "runs", plan: Plan | None = None, hosts: tuple[str, ...] = ()
) -> Starlette:
    """The application over a corpus; runs are kept in ``folder``."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        folder.mkdir(parents=True, exist_ok=True)
        app.state.desk = Desk(corpus, folder, plan or Plan())
        working = asyncio.create_task(app.state.desk.work())
        yield
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    routes = [
        Route("/", _index),
        Route("/api/corpus", _corpus),
        Route("/api/run", _start, methods=["POST"]),
        Route("/api/run/{run_id}/stream", _stream),
        Route("/api/run/{run_id}/cancel", _cancel, methods=["POST"]),
        Route("/api/runs", _runs),
        Route("/api/runs/{run_id}", _run, methods=["GET", "DELETE"]),
        Route("/api/compare/{first}/{second}", _compare),
        Route("/api/runs/{run_id}/cases/{number:int}/{side}", _picture),
        Mount("/ui", StaticFiles(directory=UI)),
    ]
    # Other sites must not reach a server on this machine by a name of their own.
    allowed = ["localhost", "127.0.0.1", "[::1]", "::1", *hosts]
    return Starlette(
        routes=routes, lifespan=lifespan, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed)]
    )


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _fault(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)


async def _index(_request: Request) -> Response:
    return FileResponse(UI / "index.html", headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


async def _corpus(request: Request) -> Response:
    corpus = _desk(request).corpus
    groups = corpus.groups()
    return JSONResponse(
        {
            "corpus": corpus.folder.name,
            "synthetic": corpus.synthetic,
            "groups": {group: {"files": sum(kinds.values()), "formats": kinds} for group, kinds in groups.items()},
            "formats": [kind for kind in FORMATS if any(kind in kinds for kinds in groups.values())],
            "presets": [preset.upper() for preset in PRESETS],
            "thresholds": {"estimate_warn_points": ESTIMATE_WARN, "estimate_fail_points": ESTIMATE_FAIL},
        }
    )


async def _start(request: Request) -> Response:
    try:
        body = await request.json()
        wanted = {name: _names(body, name) for name in ("formats", "presets", "groups")}
    except (ValueError, TypeError) as error:
        return _fault(400, str(error) or "the body must be JSON")
    presets = tuple(preset.lower() for preset in wanted["presets"])
    corpus = _desk(request).corpus
    for name, given, known in (
        ("formats", wanted["formats"], FORMATS), ("presets", presets, PRESETS), ("groups", wanted["groups"], corpus.groups()),
    ):  # fmt: skip
        if set(given) - set(known):
            return _fault(400, f"unknown {name}: {', '.join(sorted(set(given) - set(known)))}")
    try:
        live = _desk(request).submit(wanted["formats"], presets, wanted["groups"])
    except ValueError as error:
        return _fault(400, str(error))
    return JSONResponse({"run_id": live.run.id, "state": live.run.state, "cases": len(live.cases)}, status_code=202)


def _names(body: Any, name: str) -> tuple[str, ...]:
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise TypeError(f"'{name}' must be a list of names")
    return tuple(found)


async def _stream(request: Request) -> Response:
    desk, run_id = _desk(request), request.path_params["run_id"]
    if desk.find(run_id) is None:
        return _fault(404, "there is no such run")
    last = request.headers.get("last-event-id", request.query_params.get("last_event_id", "0"))
    after = int(last) if last.isdigit() and len(last) < 10 else 0

    async def events() -> AsyncIterator[bytes]:
        async for number, name, facts in desk.follow(run_id, after):
            yield f"id: {number}\nevent: {name}\ndata: {json.dumps(facts)}\n\n".encode()

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _cancel(request: Request) -> Response:
    if not await _desk(request).cancel(request.path_params["run_id"]):
        return _fault(409, "the run does not wait or work")
    return JSONResponse({"state": "cancelled"})


async def _runs(request: Request) -> Response:
    return JSONResponse({"runs": await asyncio.to_thread(_desk(request).heads)})


async def _run(request: Request) -> Response:
    desk, run_id = _desk(request), request.path_params["run_id"]
    found = desk.find(run_id)
    if found is None:
        return _fault(404, "there is no such run")
    if request.method == "DELETE":
        return (
            Response(status_code=204)
            if desk.delete(run_id)
            else _fault(409, "the run is still going on: cancel it first")
        )
    return JSONResponse(found.as_dict())


async def _compare(request: Request) -> Response:
    first, second = (_desk(request).find(request.path_params[name]) for name in ("first", "second"))
    if first is None or second is None:
        return _fault(404, "there is no such run")
    return JSONResponse({"first": first.head(), "second": second.head(), "change": compared(first, second)})


async def _picture(request: Request) -> Response:
    """The original or the result of a case, as browsers can show it."""
    found, side = _desk(request).find(request.path_params["run_id"]), request.path_params["side"]
    number = request.path_params["number"]
    if found is None or number >= len(found.results) or side not in ("original", "result"):
        return _fault(404, "there is no such picture")
    try:
        data, media_type = await asyncio.to_thread(view, found.results[number], side)
    except (OSError, ValueError) as error:
        return _fault(410, f"the picture can't be shown: {error}")
    safe = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "Cache-Control": "private, max-age=600",
    }
    return Response(data, media_type=media_type, headers=safe)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--corpus", type=Path, help="a folder of groups of pictures")
    parser.add_argument("--jobs", type=int, default=0, help="cases at a time; 0 is one a core")
    parser.add_argument("--runs", type=Path, default=DATA / "runs", help="where runs are kept")
    given = parser.parse_args()
    corpus = open_corpus(given.corpus)
    if corpus.synthetic:
        print("no corpus is there: a synthetic one is used (python scripts/download_corpus.py fetches a real one)")
    print(f"http://{given.host}:{given.port}")
    app = create(corpus, given.runs, Plan(jobs=given.jobs), (given.host,))
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
