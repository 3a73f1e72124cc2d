"""OptiPic's endpoints: read, ask, show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome
from pixlean.service.compress import Terms
from pixlean.web.admission import admit, identify
from pixlean.web.answers import media_type, note, unless_gone
from pixlean.web.callers import bearer_key
from pixlean.web.contract import services
from pixlean.web.dialects.optipic.read import INPUTS, read_asked, to_compress, to_convert, to_resize
from pixlean.web.dialects.optipic.settings import TARIFF, Settings

NAME = "optipic"
HEADERS = ("X-Original-Size", "X-Compressed-Size", "X-Savings-Percent")


def _picture(
    settings: Settings, recipe: Callable[[Mapping[str, str]], Recipe]
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that counts against the month's quota and shows the picture; ``recipe`` reads the fields."""

    async def serve(request: Request) -> Response:
        house = services(request)
        caller = await identify(request, NAME, bearer_key(request))
        await admit(request, caller)
        async with read_asked(request, house.settings, settings, recipe) as asked:
            async with house.ledger.debited(caller, TARIFF, request.state.request_id):
                compressing = house.compress(asked.origin, asked.recipe, Terms(inputs=INPUTS))
                compressed = await unless_gone(request, compressing)
        note(request, compressed)
        return _show(compressed.outcome)

    return serve


def _show(outcome: Outcome) -> Response:
    headers = {
        "X-Original-Size": str(outcome.report.source_bytes),
        "X-Compressed-Size": str(outcome.report.size_bytes),
        "X-Savings-Percent": f"{outcome.reduction_percent:.1f}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(outcome.data, media_type=media_type(outcome.format), headers=headers)


async def usage(request: Request) -> Response:
    """``GET /v1/usage``."""
    house = services(request)
    caller = await identify(request, NAME, bearer_key(request))
    month = await house.ledger.standing(caller, TARIFF)
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


def routes(settings: Settings) -> tuple[Route, ...]:
    """The endpoints."""
    return (
        Route("/v1/compress", _picture(settings, to_compress), methods=["POST"]),
        Route("/v1/convert", _picture(settings, to_convert), methods=["POST"]),
        Route("/v1/resize", _picture(settings, to_resize), methods=["POST"]),
        Route("/v1/usage", usage, methods=["GET"]),
    )
