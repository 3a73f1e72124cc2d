"""Compressorize's endpoints: read, ask, show."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.caller import Caller, Tier
from pixlean.domain.errors import InvalidRequest, PixleanError, SourceFailed
from pixlean.domain.task import Job, JobResult
from pixlean.service.compress import check_input
from pixlean.service.inputs import Input, opened
from pixlean.service.submit import terms_of
from pixlean.web.admission import identify
from pixlean.web.answers import file_ending, media_type, note, public_url, rate_headers, unless_gone
from pixlean.web.callers import bearer_key, client_address
from pixlean.web.contract import account, services
from pixlean.web.dialects.compressorize.errors import show_error
from pixlean.web.dialects.compressorize.read import NAME, Asked, read_compress
from pixlean.web.dialects.compressorize.settings import Settings
from pixlean.web.dialects.compressorize.show import show_job, shown_format
from pixlean.web.download import show_signed

HEADERS = (
    "Content-Disposition", "X-Compressed-Size", "X-Format", "X-Job-Id", "X-Original-Size", "X-RateLimit-Limit",
    "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Savings-Percent",
)  # fmt: skip

_NO_STORE = {"Cache-Control": "no-store"}


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
    if "expected_seconds" in job.ticket.notes:
        return _show_accepted(job)
    kept = await services(request).results.read(job)
    return _show_picture(job.id, kept.result, kept.data)


def _show_accepted(job: Job) -> Response:
    body = {
        "id": job.id,
        "status": "processing",
        "poll_url": f"/api/v1/status/{job.id}",
        "estimated_seconds": int(job.ticket.notes["expected_seconds"]),
    }
    return JSONResponse(body, status_code=202, headers={**_NO_STORE, "X-Job-Id": job.id})


def _show_picture(job_id: str, result: JobResult, data: bytes) -> Response:
    headers = {
        **_NO_STORE,
        "X-Original-Size": str(result.original_bytes),
        "X-Compressed-Size": str(result.size_bytes),
        "X-Savings-Percent": str(round(result.savings_percent)),
        "X-Format": shown_format(result.format),
        "X-Job-Id": job_id,
        "Content-Disposition": f'attachment; filename="compressed{file_ending(result.format)}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=media_type(result.format), headers=headers)


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
    place = await house.results.link(job)
    if place is None:
        place = f"/api/v1/files/{job.id}?{await house.results.query(job, 'file')}"
    return RedirectResponse(place, status_code=302, headers=_NO_STORE)


async def file(request: Request) -> Response:
    """``GET /api/v1/files/{id}``: the file behind a signed link."""
    return await show_signed(request, NAME, request.path_params["job_id"], "file")


@dataclass(frozen=True, kw_only=True)
class Compressing:
    """The endpoint that does work, with what it promises."""

    settings: Settings

    async def compress(self, request: Request) -> Response:
        """``POST /api/v1/compress``."""
        caller = await identify(request, NAME, bearer_key(request))
        standing = await self._admit(request, caller)
        try:
            response = await self._compressed(request, caller)
        except PixleanError as error:
            account(request).error = str(error.code)
            response = show_error(error)
        response.headers.update(rate_headers(standing))
        return response

    async def _admit(self, request: Request, caller: Caller) -> Standing | None:
        house = services(request)
        counted = caller.key_id if caller.is_known else client_address(request, house.settings.trusted_proxies)
        per_minute = self.settings.free_rpm if caller.tier is Tier.FREE else self.settings.paid_rpm
        standing = await house.limiter.admit_to(NAME, per_minute, counted)
        house.gate.check()
        return standing

    async def _compressed(self, request: Request, caller: Caller) -> Response:
        house = services(request)
        async with read_compress(request, house.settings, self.settings, caller) as asked:
            await _check_webhook(request, asked)
            former = await house.submit.same(asked.ticket, asked.idempotency_key)
            if former is not None:
                return await _show_former(request, former)
            async with opened(asked.origin, house.public_fetcher) as picture:
                return await self._begun(request, asked, picture)

    async def _begun(self, request: Request, asked: Asked, picture: Input) -> Response:
        """A job for a large picture, the result of a small one."""
        house, size_bytes = services(request), picture.file.size_bytes
        ticket = replace(asked.ticket, base_url=public_url(request, ""))
        check_input(picture, terms_of(ticket, patient=False))
        if size_bytes >= self.settings.inline_bytes:
            expected = await house.submit.expected_seconds(size_bytes)
            ticket = replace(ticket, notes={**ticket.notes, "expected_seconds": str(expected)})
            return _show_accepted(await house.submit.later(ticket, picture.file, asked.idempotency_key))
        compressing = house.submit.now(ticket, picture.file, request.state.request_id, asked.idempotency_key)
        finished = await unless_gone(request, compressing)
        if isinstance(finished, Job):
            return await _show_former(request, finished)
        note(request, finished.compressed)
        return _show_picture(finished.job.id, finished.result, finished.compressed.outcome.data)


def routes(settings: Settings) -> tuple[Route, ...]:
    """The endpoints."""
    return (
        Route("/api/v1/compress", Compressing(settings=settings).compress, methods=["POST"]),
        Route("/api/v1/status/{job_id}", status, methods=["GET"]),
        Route("/api/v1/download/{job_id}", download, methods=["GET"]),
        Route("/api/v1/files/{job_id}", file, methods=["GET"]),
    )
