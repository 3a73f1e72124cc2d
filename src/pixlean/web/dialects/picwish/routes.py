"""PicWish's endpoints: read, ask, show."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.domain.errors import InvalidRequest, PixleanError, Unavailable
from pixlean.domain.task import Job, State
from pixlean.service.inputs import Upload, opened
from pixlean.web.admission import admit, identify
from pixlean.web.answers import note, public_url, unless_gone
from pixlean.web.contract import services
from pixlean.web.dialects.picwish.errors import ERRORS
from pixlean.web.dialects.picwish.read import NAME, Asked, check_png, read_task
from pixlean.web.dialects.picwish.settings import Settings
from pixlean.web.download import show_signed

_PATH = "/api/tasks/visual/imgcompress"
_SUCCEEDED, _QUEUED, _PROCESSING = 1, 2, 4
_NO_STORE = {"Cache-Control": "no-store"}
# A task that works is never said to be nearer to its end than this.
_MOST_PROGRESS = 95


def _key(request: Request) -> str | None:
    return request.headers.get("x-api-key")


async def _now(request: Request, asked: Asked) -> Job:
    """The task done within the request; one that fails by its picture or its source is a task all the same."""
    house = services(request)
    try:
        async with opened(asked.origin, house.public_fetcher) as picture:
            check_png(asked.ticket, picture.file)
            compressing = house.submit.now(asked.ticket, picture.file, request.state.request_id, asked.idempotency_key)
            finished = await unless_gone(request, compressing)
    except (Unavailable, InvalidRequest):
        raise
    except PixleanError as error:
        return await house.submit.failed(asked.ticket, error)
    if isinstance(finished, Job):
        return finished
    note(request, finished.compressed)
    return finished.job


async def query(request: Request) -> Response:
    """``GET /api/tasks/visual/imgcompress/{task_id}``."""
    caller = await identify(request, NAME, _key(request))
    return await _show(request, await services(request).results.find(request.path_params["task_id"], NAME, caller))


async def image(request: Request) -> Response:
    """``GET /api/tasks/visual/imgcompress/{task_id}/image``: the file behind a signed link."""
    return await show_signed(request, NAME, request.path_params["task_id"], "image")


def _show_accepted(job: Job) -> Response:
    body = {"status": 200, "message": "success", "data": {"task_id": job.id}}
    return JSONResponse(body, headers=_NO_STORE)


async def _show(request: Request, job: Job) -> Response:
    data: dict[str, Any] = {
        "task_id": job.id,
        "created_at": _iso(job.created_at),
        "processed_at": _iso(job.started_at),
        "completed_at": _iso(job.completed_at),
        "image": await _image(request, job),
        "progress": await _progress(request, job),
        "state": _state(job),
    }
    if job.state is State.FAILED:
        data["state_detail"] = job.error_message
    elif job.result is not None:
        data["image_width"], data["image_height"] = job.result.width_px, job.result.height_px
    return JSONResponse({"status": 200, "message": "success", "data": data}, headers=_NO_STORE)


def _state(job: Job) -> int:
    if job.state is State.FAILED:
        return ERRORS[job.error_code][1] if job.error_code else -1
    return {State.DONE: _SUCCEEDED, State.QUEUED: _QUEUED, State.WORKING: _PROCESSING}[job.state]


async def _image(request: Request, job: Job) -> str | None:
    if job.state is not State.DONE:
        return None
    results = services(request).results
    if job.ticket.notes.get("return_type") == "2":
        return base64.b64encode((await results.read(job)).data).decode()
    return await results.link(job) or public_url(request, f"{_PATH}/{job.id}/image?{await results.query(job, 'image')}")


async def _progress(request: Request, job: Job) -> int:
    """How much of the time that it will take is over, by what pictures of its size took."""
    if job.state is State.DONE:
        return 100
    if job.state is not State.WORKING or job.started_at is None:
        return 0
    expected = await services(request).submit.expected_seconds(job.input_bytes)
    return max(1, min(_MOST_PROGRESS, round(100 * (time.time() - job.started_at) / expected)))


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, kw_only=True)
class Creating:
    """The endpoint that does work, with what it promises."""

    settings: Settings

    async def create(self, request: Request) -> Response:
        """``POST /api/tasks/visual/imgcompress``."""
        house = services(request)
        caller = await identify(request, NAME, _key(request))
        await admit(request, caller)
        async with read_task(request, house.settings, self.settings, caller) as asked:
            former = await house.submit.same(asked.ticket, asked.idempotency_key)
            if former is not None:
                return await _show(request, former) if asked.waits else _show_accepted(former)
            if asked.waits:
                return await _show(request, await _now(request, asked))
            upload = asked.origin.file if isinstance(asked.origin, Upload) else None
            return _show_accepted(await house.submit.later(asked.ticket, upload, asked.idempotency_key))


def routes(settings: Settings) -> tuple[Route, ...]:
    """The endpoints."""
    return (
        Route(_PATH, Creating(settings=settings).create, methods=["POST"]),
        Route(_PATH + "/{task_id}", query, methods=["GET"]),
        Route(_PATH + "/{task_id}/image", image, methods=["GET"]),
    )
