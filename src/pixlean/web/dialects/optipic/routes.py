"""OptiPic's endpoints: read, ask, show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.tariffs import Meter
from pixlean.service.compress import Compressed, Terms
from pixlean.web.admission import admit, identify
from pixlean.web.answers import media_type, note, unless_gone
from pixlean.web.callers import bearer_key
from pixlean.web.contract import Settings, services
from pixlean.web.dialects.optipic.read import INPUTS, Asked, read_compress, read_convert, read_resize

Read = Callable[[Request, Settings], Awaitable[Asked]]


def _work(read: Read) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads by ``read``, counts against the month's quota, and shows the picture."""

    async def serve(request: Request) -> Response:
        house = services(request)
        caller = await identify(request, "optipic", bearer_key(request))
        await admit(request, caller)
        asked = await read(request, house.settings)
        try:
            async with house.ledger.debited(caller, Meter.OPTIPIC, request.state.request_id):
                work = house.compress(asked.origin, asked.recipe, Terms(inputs=INPUTS))
                done = await unless_gone(request, work)
        finally:
            asked.form.close()
        note(request, done)
        return _show(done)

    return serve


def _show(done: Compressed) -> Response:
    work = done.work
    headers = {
        "X-Original-Size": str(done.original_bytes),
        "X-Compressed-Size": str(len(work.data)),
        "X-Savings-Percent": f"{done.reduction_percent:.1f}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(work.data, media_type=media_type(work.format), headers=headers)


async def usage(request: Request) -> Response:
    """``GET /v1/usage``."""
    house = services(request)
    caller = await identify(request, "optipic", bearer_key(request))
    month = await house.ledger.standing(caller, Meter.OPTIPIC)
    return JSONResponse(
        {
            "period": month.month,
            "requests": month.used,
            "limit": month.included,
            "remaining": month.remaining,
            "overage_requests": month.overage,
            "overage_cost_usd": round(month.cost_usd, 6) or 0,
            "reset_at": month.reset_at,
        },
        headers={"Cache-Control": "no-store"},
    )


ROUTES = [
    Route("/v1/compress", _work(read_compress), methods=["POST"]),
    Route("/v1/convert", _work(read_convert), methods=["POST"]),
    Route("/v1/resize", _work(read_resize), methods=["POST"]),
    Route("/v1/usage", usage, methods=["GET"]),
]
