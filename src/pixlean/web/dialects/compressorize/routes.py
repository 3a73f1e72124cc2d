"""Compressorize's endpoints: read, ask, show."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.caller import Caller, Plan
from pixlean.domain.errors import InvalidRequest, PixleanError, SourceFailed
from pixlean.domain.task import Job, Made
from pixlean.service.compress import check_input
from pixlean.service.inputs import opened
from pixlean.service.submit import terms_of
from pixlean.web.admission import identify
from pixlean.web.answers import file_ending, media_type, note, public_url, rate_headers, unless_gone
from pixlean.web.callers import bearer_key, client_address
from pixlean.web.contract import account, services
from pixlean.web.dialects.compressorize.errors import show_error
from pixlean.web.dialects.compressorize.read import Asked, read_compress
from pixlean.web.dialects.compressorize.show import show_job, shown_format
from pixlean.web.download import show_signed

NAME = "compressorize"
_NO_STORE = {"Cache-Control": "no-store"}


async def compress(request: Request) -> Response:
    """``POST /api/v1/compress``."""
    caller = await identify(request, NAME, bearer_key(request))
    standing = await _admit(request, caller)
    try:
        response = await _compressed(request, caller)
    except PixleanError as error:
        account(request).error = str(error.code)
        response = show_error(error)
    response.headers.update(rate_headers(standing))
    return response


async def _admit(request: Request, caller: Caller) -> Standing | None:
    house = services(request)
    allowed = house.settings.compressorize
    counted = caller.key_id if caller.is_known else client_address(request, house.settings.trusted_proxies)
    per_minute = allowed.free_rpm if caller.plan is Plan.FREE else allowed.paid_rpm
    standing = await house.limiter.admit_to(NAME, per_minute, counted)
    house.gate.check()
    return standing


async def _compressed(request: Request, caller: Caller) -> Response:
    house = services(request)
    asked = await read_compress(request, house.settings)
    try:
        await _check_webhook(request, asked)
        former = await house.submit.same(caller, NAME, asked.idempotency_key)
        if former is not None:
            return await _show_former(request, former)
        async with opened(asked.origin, house.public_fetcher) as given:
            ticket = replace(asked.ticket, base_url=public_url(request, ""))
            check_input(given, terms_of(ticket, patient=False))
            if given.size_bytes >= house.settings.compressorize.inline_bytes:
                expected = await house.submit.expected_seconds(given.size_bytes)
                ticket = replace(ticket, notes={"expected_seconds": str(expected)})
                return _show_accepted(await house.submit.later(ticket, caller, NAME, given, asked.idempotency_key))
            work = house.submit.now(ticket, caller, NAME, given, request.state.request_id, asked.idempotency_key)
            finished = await unless_gone(request, work)
    finally:
        asked.form.close()
    if finished.done is None:
        return await _show_former(request, finished.job)
    note(request, finished.done)
    assert finished.job.made is not None
    return _show_picture(finished.job.id, finished.job.made, finished.done.work.data)


async def _check_webhook(request: Request, asked: Asked) -> None:
    if asked.ticket.webhook_url is None:
        return
    try:
        await services(request).webhooks.check(asked.ticket.webhook_url)
    except SourceFailed as error:
        message = "webhook_url must be an https URL of a public host"
        raise InvalidRequest(message, facts={"param": "webhook_url"}) from error


async def _show_former(request: Request, job: Job) -> Response:
    """The first answer again: that of a job, or the picture that was made at once."""
    assert job.ticket is not None
    if "expected_seconds" in job.ticket.notes:
        return _show_accepted(job)
    data = await services(request).results.data(job)
    assert job.made is not None
    return _show_picture(job.id, job.made, data)


def _show_accepted(job: Job) -> Response:
    assert job.ticket is not None
    body = {
        "id": job.id,
        "status": "processing",
        "poll_url": f"/api/v1/status/{job.id}",
        "estimated_seconds": int(job.ticket.notes["expected_seconds"]),
    }
    return JSONResponse(body, status_code=202, headers={**_NO_STORE, "X-Job-Id": job.id})


def _show_picture(job_id: str, made: Made, data: bytes) -> Response:
    headers = {
        **_NO_STORE,
        "X-Original-Size": str(made.original_bytes),
        "X-Compressed-Size": str(made.size_bytes),
        "X-Savings-Percent": str(round(made.savings_percent)),
        "X-Format": shown_format(made.format),
        "X-Job-Id": job_id,
        "Content-Disposition": f'attachment; filename="compressed{file_ending(made.format)}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=media_type(made.format), headers=headers)


async def status(request: Request) -> Response:
    """``GET /api/v1/status/{id}``."""
    caller = await identify(request, NAME, bearer_key(request))
    job = await services(request).results.find(request.path_params["job_id"], NAME, caller)
    return JSONResponse(show_job(job), headers=_NO_STORE)


async def download(request: Request) -> Response:
    """``GET /api/v1/download/{id}``: a redirect to a link that is good for an hour and needs no key."""
    house = services(request)
    caller = await identify(request, NAME, bearer_key(request))
    job = await house.results.find(request.path_params["job_id"], NAME, caller)
    query = await house.results.query(job, "file")
    return RedirectResponse(f"/api/v1/files/{job.id}?{query}", status_code=302, headers=_NO_STORE)


async def file(request: Request) -> Response:
    """``GET /api/v1/files/{id}``: the file behind a signed link."""
    return await show_signed(request, NAME, request.path_params["job_id"], "file")


ROUTES = [
    Route("/api/v1/compress", compress, methods=["POST"]),
    Route("/api/v1/status/{job_id}", status, methods=["GET"]),
    Route("/api/v1/download/{job_id}", download, methods=["GET"]),
    Route("/api/v1/files/{job_id}", file, methods=["GET"]),
]
